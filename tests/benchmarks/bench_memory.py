"""Whether memory stays flat however long a video is: 10 s against 10 min, small network, by RSS.

Usage: python tests/benchmarks/bench_memory.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import torch

from avrsp.models.avrsp.network import AVRSP, Settings
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.wanted import OutputChoice
from avrsp.types import InputSpec

SMALL: Final = InputSpec(length=16, height=32, width=32, audio=True)
FPS: Final = 10
SHORT, LONG = 10, 600
"""Seconds."""

LIMIT: Final = 1.1


def film(folder: Path, seconds: int) -> Path:
    """Write a test video of 64 x 48 with a tone."""
    path = folder / f"{seconds}.mp4"
    picture = f"testsrc2=size=64x48:rate={FPS}:duration={seconds}"
    sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=duration={seconds}"]
    subprocess.run(["ffmpeg", "-v", "error", *sources, path], check=True)
    return path


def peak(seconds: int) -> float:
    """Return MB that a process of its own takes at most for a video of that length."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, str(film(Path(folder), seconds))]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def predict(video: Path) -> None:
    """Write overlay, maps and facts of a video, then print the greatest memory in MB."""
    torch.set_num_threads(1)
    model = AVRSP(Settings(width=0.0625, heads=4)).eval()
    predictor = Predictor(model, SMALL, torch.device("cpu"), "float32", "random", "reuse")
    predict_videos([video], video.parent / "out", predictor, OutputChoice(json=True))
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def main() -> None:
    """Print both peaks and their ratio."""
    short, long = peak(SHORT), peak(LONG)
    sys.stdout.write(
        f"{SHORT} s: {short:.0f} MB, {LONG} s: {long:.0f} MB, {long / short:.2f} times, "
        f"at most {LIMIT}\n"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        predict(Path(sys.argv[1]))
    else:
        main()
