"""Tiny raw videos, written by hand in the layouts of the mirror and of DHF1K."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy.io import savemat

from avrsp.convert.convert_video import Layout, convert
from avrsp.datasets.dataset_registry import ListedVideo, spec
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import VideoStore

Convert = Callable[..., Verdict]

LISTED = 6
HEIGHT, WIDTH = 24, 40
RATE = 25.0


@dataclass(frozen=True)
class MirrorFiles:
    """Where the files of DIEM's video `a` lie."""

    raw: Path

    @property
    def wav(self) -> Path:
        return self.raw / "mirror/video_audio/DIEM/a/a.wav"

    def frame(self, number: int) -> Path:
        return self.raw / f"mirror/video_frames/DIEM/a/img_{number:05d}.jpg"

    def density(self, number: int) -> Path:
        return self.raw / f"mirror/annotations/DIEM/a/maps/eyeMap_{number:05d}.jpg"

    def fixation(self, number: int) -> Path:
        return self.raw / f"mirror/annotations/DIEM/a/fixMap_{number:05d}.mat"

    def write(self, number: int) -> None:
        """Write one frame in a grey of its own, and its maps: looked at in (number, 2 number)."""
        for path in (self.frame(number), self.density(number), self.wav):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (20 * number,) * 3).save(self.frame(number))
        binary = np.zeros((HEIGHT, WIDTH), np.uint8)
        binary[number, 2 * number] = 1
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        bump = np.exp(-((rows - number) ** 2 + (columns - 2 * number) ** 2) / 50)
        Image.fromarray((255 * bump).astype(np.uint8)).save(self.density(number), quality=95)
        savemat(self.fixation(number), {"eyeMap": binary})


@pytest.fixture
def mirror(tmp_path: Path) -> MirrorFiles:
    """One whole video of DIEM: six frames with their maps, and a quarter second of a tone."""
    made = MirrorFiles(tmp_path / "raw")
    for number in range(1, LISTED + 1):
        made.write(number)
    tone = 0.5 * np.sin(np.arange(5_400) * 0.1)
    soundfile.write(made.wav, tone, 22_050, subtype="PCM_16")
    return made


@pytest.fixture
def dhf1k(tmp_path: Path) -> Path:
    """The raw folder of one video of DHF1K, 005: six frames with their maps, and sound."""
    raw = tmp_path / "raw"
    maps = raw / "dhf1k/annotation/0005/maps"
    fixations = raw / "dhf1k/annotation/0005/fixation/maps"
    for folder in (maps, fixations, raw / "dhf1k/video"):
        folder.mkdir(parents=True)
    encode_avi(raw / "dhf1k/video/005.AVI", LISTED)
    for number in range(1, LISTED + 1):
        grey = np.full((HEIGHT, WIDTH), 30 * number, np.uint8)
        Image.fromarray(grey).save(maps / f"{number:04d}.png")
        savemat(fixations / f"{number:04d}.mat", {"I": grey == 0})
    return raw


def encode_avi(path: Path, frames: int) -> None:
    """Encode a test picture with a tone as DHF1K's files are."""
    sources = ["-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate=30"]
    sources += ["-f", "lavfi", "-i", "sine=frequency=440"]
    codecs = ["-c:v", "mpeg4", "-c:a", "mp3", "-frames:v", str(frames), "-t", str(frames / 30)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *sources, *codecs, path], check=True)


@pytest.fixture
def row() -> ListedVideo:
    """What the sheet says of either video."""
    return ListedVideo(
        video="a", frames=LISTED, fps=RATE, roles={"1": "train", "2": "test", "3": "none"}
    )


@pytest.fixture
def layout() -> Layout:
    """Stores of 16 x 24 pixels."""
    return Layout(height=16, width=24, chunk=4, code="c0de")


@pytest.fixture
def converted(tmp_path: Path, row: ListedVideo, layout: Layout) -> Convert:
    """Convert the video of a dataset, with changes to its row, into `store`."""

    def run(dataset: str = "diem", **changes: object) -> Verdict:
        changed = row.model_copy(update=changes)
        store = tmp_path / "store" / f"{changed.video}.zarr.zip"
        return convert(spec(dataset), changed, tmp_path / "raw", store, layout)

    return run


@pytest.fixture
def store(tmp_path: Path) -> VideoStore:
    """The store of the mirror's video."""
    return VideoStore(tmp_path / "store" / "a.zarr.zip")
