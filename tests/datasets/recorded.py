"""A small folder of recordings: a bright disc that moves over a plain picture, and its viewers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

WIDTH, HEIGHT, RATE, FRAMES = 160, 96, 25, 150
SCREEN = 640, 384
"""The video was shown four times as large, over the whole screen."""

ABOUT = """\
name: Disc
viewers: three made-up viewers
heard_sound: true
licence: CC0-1.0
screen: {width: 640, height: 384, width_cm: 32, distance_cm: 60, shown: fit}
detector: ivt
fractions: {train: 0.5, test: 0.5}
"""


def disc(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the disc is: it stays in the upper left quarter, far from any mirror image."""
    return 30 + 20 * np.sin(2 * np.pi * times / 3), 20 + 8 * np.cos(2 * np.pi * times / 2)


def write_video(path: Path, frames: int = FRAMES) -> None:
    """Encode the disc, with a tone."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pictures = []
    for number in range(frames):
        x, y = disc(np.array(number / RATE))
        near = (columns - x) ** 2 + (rows - y) ** 2 < 49
        pictures.append(np.where(near[..., None], (250, 240, 60), (40, 60, 90)).astype(np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE)]
    tone = ["-f", "lavfi", "-i", f"sine=frequency=440:duration={frames / RATE}"]
    codecs = ["-c:v", "libx264", "-crf", "20", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *picture, "-i", "-", *tone, *codecs, path],
        input=np.stack(pictures).tobytes(),
        check=True,
    )


def samples(viewers: int = 3, rate: int = 100) -> pd.DataFrame:
    """Rows of a gaze file: each viewer follows the disc with some jitter."""
    times = np.arange(0, FRAMES / RATE, 1 / rate)
    tables = []
    for number in range(viewers):
        noise = np.random.default_rng(number).normal(0, 0.3, (2, len(times)))
        x, y = disc(times)
        tables.append(
            pd.DataFrame(
                {"observer": f"P{number}", "time": times, "x": x + noise[0], "y": y + noise[1]}
            )
        )
    return pd.concat(tables, ignore_index=True)


def write_folder(folder: Path, gaze: pd.DataFrame | None = None, about: str = ABOUT) -> Path:
    """Write a folder with the video `disc` and its gaze."""
    write_video(folder / "videos" / "disc.mp4")
    (folder / "gaze").mkdir(exist_ok=True)
    (folder / "dataset.yaml").write_text(about)
    (samples() if gaze is None else gaze).to_csv(folder / "gaze" / "disc.csv", index=False)
    return folder
