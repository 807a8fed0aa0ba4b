"""How fast each network predicts a video here, from file to overlay, and how soon a map comes.

Weights are random, which changes no rate. All cores compute. Of each network a film of as many
frames as fit in about a quarter of a minute is predicted twice, and the better rate counts; the
film is 640 x 360 at 25 frames a second with a tone. What ffmpeg alone takes to decode and encode it
is printed first: no network can be faster.

Usage: python tests/benchmarks/bench_zoo.py [entry ...]
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch

from avrsp import models
from avrsp.compute import device_named
from avrsp.models.registry import ModelSpec
from avrsp.models.saved import ModelConfig, save_model
from avrsp.params import Precision
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.speed import has_bf16
from avrsp.prediction.wanted import OutputChoice
from avrsp.processes import keep_freed_memory
from tests.benchmarks.bench_predict import FPS, film

SECONDS: Final = 15.0
"""Of one turn, about."""

FEWEST, MOST, TURNS = 40, 250, 2
SAMPLE: Final = {"width": 0.25}
"""Settings of AVRSP that are as large as the sample's."""

FIRST: Final = (
    "import sys, avrsp; next(iter(avrsp.predict(sys.argv[1], weights=sys.argv[2], device='cpu')))"
)


def predictor(entry: ModelSpec, variant: str, precision: Precision) -> Predictor:
    """Return a published network with random weights, ready to predict."""
    settings = entry.variants[variant].settings
    torch.manual_seed(0)
    model = entry.build(entry.checked(settings)).eval()
    values = entry.values_a_pixel(settings)
    device = device_named("cpu")
    return Predictor(
        model, entry.input(settings), device, precision, "random", entry.engine, values
    )


def rate(network: Predictor, frames: int) -> float:
    """Return frames a second from a file of so many frames to its overlay."""
    with tempfile.TemporaryDirectory() as place:
        video = film(Path(place), frames / FPS)
        begin = time.perf_counter()
        predict_videos([video], Path(place) / "out", network, OutputChoice(maps="none"))
        return frames / (time.perf_counter() - begin)


def rows(names: list[str]) -> Iterator[str]:
    """Yield a line for each network and precision."""
    precisions: list[Precision] = ["float32"]
    if has_bf16(device_named("cpu")):
        precisions.append("bf16")
    for name in names:
        entry = models.spec(name)
        for variant, precision in itertools.product(entry.variants, precisions):
            network = predictor(entry, variant, precision)
            frames = min(MOST, max(FEWEST, int(rate(network, FEWEST) * SECONDS)))
            best = max(rate(network, frames) for _ in range(TURNS))
            yield f"{name} {variant}, {precision}: {best:.2f} frames/s of {frames} frames"


def first_map() -> float:
    """Return seconds from starting Python to the first map of a film of 10 seconds."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        config = ModelConfig(
            model="avrsp", settings=SAMPLE, length=8, height=96, width=128, audio=True,
            run="av-split1", digest="random", mlflow_run=None,
        )  # fmt: skip
        save_model(folder / "model", models.build("avrsp", **SAMPLE), config)
        command = [sys.executable, "-c", FIRST, str(film(folder, 10)), str(folder / "model")]
        taken = []
        for _ in range(TURNS):
            begin = time.perf_counter()
            subprocess.run(command, check=True)
            taken.append(time.perf_counter() - begin)
    return min(taken)


def alone() -> float:
    """Return frames a second of ffmpeg that decodes and encodes the film."""
    with tempfile.TemporaryDirectory() as place:
        video = film(Path(place), MOST / FPS)
        begin = time.perf_counter()
        out = Path(place) / "again.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-i", video, out], check=True)
        return MOST / (time.perf_counter() - begin)


def main(names: list[str]) -> None:
    """Print everything."""
    keep_freed_memory()
    say = sys.stdout.write
    say(f"{torch.get_num_threads()} threads\n")
    say(f"ffmpeg alone, decoded and encoded: {alone():.0f} frames/s\n")
    say(f"from starting Python to a first map, the sample's size: {first_map():.1f} s\n")
    for line in rows(names or [*models.names()]):
        say(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
