"""The layout of the STAViS mirror: numbered JPEG frames, a WAV file, and a map for each frame.

`video_frames/<set>/<video>/img_00001.jpg`, `video_audio/<set>/<video>/<video>.wav`,
`annotations/<set>/<video>/maps/eyeMap_00001.jpg` and, beside `maps`, `fixMap_00001.mat`, whose
variable `eyeMap` is a binary map. Numbers start at 1. `eye_tracks.mat` is laid out differently in
different sets and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets import images
from avrsp.datasets.gaze import Annotation
from avrsp.datasets.map_images import read_annotation, read_densities
from avrsp.datasets.raw import Counts, files, run_of

TREE: Final = "mirror"
TREES: Final = ("video_frames", "video_audio", "annotations")
VARIABLE: Final = "eyeMap"


@dataclass(frozen=True, slots=True)
class MirrorVideo:
    """A video of one of the six audio-visual sets.

    Attributes:
        raw: Folder that holds `mirror/`.
        folder: The set's name there.
        video: The video's.
    """

    raw: Path
    folder: str
    video: str

    @property
    def places(self) -> tuple[Path, ...]:
        """Files and folders that belong to this video alone."""
        return self._frames, self._maps, self._annotations, self._audio

    @property
    def sound(self) -> Path | None:
        """The sound file, if there is one."""
        path = self._audio / f"{self.video}.wav"
        return path if path.exists() else None

    def counts(self) -> Counts:
        """Count what is there."""
        return Counts(
            frames=self._count,
            maps=_counted(self._maps, "eyeMap", "jpg"),
            fixations=_counted(self._annotations, "fixMap", "mat"),
        )

    def size(self) -> tuple[int, int]:
        """Return height and width of the first frame."""
        return images.size(self._frames / "img_00001.jpg")

    def frames(self, height: int, width: int, notes: list[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames at the given size; a damaged one is an error, never a note."""
        for number in range(1, self._count + 1):
            yield images.read_frame(self._frames / f"img_{number:05d}.jpg", height, width)

    def densities(self, count: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the first `count` density maps at their own size."""
        return read_densities(self._maps / f"eyeMap_{n:05d}.jpg" for n in range(1, count + 1))

    def annotation(self, count: int, fps: float) -> Annotation:
        """Return the fixations on the first `count` frames."""
        paths = (self._annotations / f"fixMap_{n:05d}.mat" for n in range(1, count + 1))
        return read_annotation(paths, VARIABLE, fps)

    @property
    def _count(self) -> int:
        return _counted(self._frames, "img", "jpg")

    @property
    def _frames(self) -> Path:
        return self.raw / TREE / "video_frames" / self.folder / self.video

    @property
    def _audio(self) -> Path:
        return self.raw / TREE / "video_audio" / self.folder / self.video

    @property
    def _annotations(self) -> Path:
        return self.raw / TREE / "annotations" / self.folder / self.video

    @property
    def _maps(self) -> Path:
        return self._annotations / "maps"


def _counted(folder: Path, stem: str, suffix: str) -> int:
    pattern = re.compile(rf"{stem}_(\d{{5}})\.{suffix}")
    found = (pattern.fullmatch(each.name) for each in files([folder]))
    return run_of(int(match[1]) for match in found if match)
