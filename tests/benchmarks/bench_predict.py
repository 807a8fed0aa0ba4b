"""How fast prediction is at full size, against the plain window loop, with the same weights.

The plain loop is what this field's public code does: the network as it was trained, one window
after another in float32 (the baseline), or in batches. All ways take turns in one run; a rate is
that of a way's best turn, decoded frames to maps. On a CPU one thread computes and its time is
counted, that of ffmpeg included where files are, so that what else the machine does matters little.
There, all cores compute at the end, and the clock counts: of the engine, and from a file to
its overlay.

Usage: python tests/benchmarks/bench_predict.py [turns]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch

from avrsp import models
from avrsp.compute import at_precision, device_named
from avrsp.models.avrsp.network import AVRSP, Settings
from avrsp.params import Precision
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.costs import count
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.reuse import Prepared, Slide, Task
from avrsp.prediction.speed import Speed, has_bf16
from avrsp.prediction.wanted import OutputChoice
from avrsp.prediction.window_by_window import WindowSound, on_device
from avrsp.processes import keep_freed_memory
from avrsp.store.blocks import available_threads
from avrsp.types import InputSpec

SPEC: Final = InputSpec(length=32, height=224, width=384, audio=True)
FPS: Final = 25.0
WINDOWS: Final = {"cpu": (4, 16), "cuda": (8, 32)}
"""Windows at a time: of the plain batched loop, of the engine; each does best so."""

FRAMES: Final = {"cpu": 250, "cuda": 2000}
"""Of the video that is predicted end to end, at 640 x 360."""

CORE_TURNS: Final = 4
"""Of the engine on all cores, before and after a file is predicted."""

ALONE: Final = (
    "_convolution",  # of a transposed one
    "mkldnn_convolution",
    "addmm",
    "bmm",
    "mm",
)
"""What PyTorch calls convolutions on a CPU, and matrix products."""

AIMS: Final = "published for ViNet v1: 60 frames/s; the aim on one H100: 400"

Turn = Callable[[], None]


def noise(frames: int, spec: InputSpec) -> list[np.ndarray]:
    """Return frames of network size."""
    size = (frames, spec.height, spec.width, 3)
    return [*np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)]


def sound(spec: InputSpec) -> WindowSound:
    """Return five seconds to hear."""
    heard = np.random.default_rng(1).uniform(-1, 1, 5 * 22_050).astype(np.float32)
    return WindowSound.for_network(heard, FPS, spec)


def plain(model: AVRSP, speed: Speed, spec: InputSpec) -> Turn:
    """Return what predicts a batch of windows, each as a whole."""
    run = at_precision(model, speed.device, speed.precision)
    frames, heard = noise(spec.length + speed.windows - 1, spec), sound(spec)
    shown = [np.arange(spec.length) + first for first in range(speed.windows)]

    @torch.inference_mode()
    def turn() -> None:
        clips = on_device(frames, speed.device).unfold(1, spec.length, 1).permute(1, 0, 4, 2, 3)
        run(clips, heard.of(shown, speed.device)).float().cpu()

    return turn


def reusing(model: AVRSP, speed: Speed, spec: InputSpec) -> Turn:
    """Return what predicts the next block of windows from its new frames."""
    slide = Slide(Prepared(model, speed), Task(sound(spec), spec.length))
    frames = noise(speed.windows, spec)
    shown = [np.arange(spec.length) + first for first in range(speed.windows)]
    for _ in range(-(-(spec.length - 1) // speed.windows)):
        slide.warm(frames)
    return lambda: void(slide.predicted(frames, shown))


def void(_: object) -> None:
    """Drop a result."""


def clock() -> float:
    """Return seconds: of this process and its children on a CPU, of the wall on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def best(ways: dict[str, tuple[Turn, int]], turns: int) -> dict[str, float]:
    """Return frames a second of each way, of its best turn after a first one."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns + 1):
        for name, (turn, windows) in ways.items():
            begin = clock()
            turn()
            seconds[name].append((clock() - begin) / windows)
    return {name: 1 / min(each[1:]) for name, each in seconds.items()}


def rates(
    model: AVRSP, device: torch.device, turns: int, spec: InputSpec = SPEC
) -> dict[str, float]:
    """Return frames a second of every way to predict."""
    batch, block = WINDOWS[device.type]
    precisions: list[Precision] = ["float32", "bf16"] if has_bf16(device) else ["float32"]
    ways = {"plain float32, 1 window": (plain(model, Speed(device, "float32", 1), spec), 1)}
    for precision in precisions:
        for name, make, windows in (("plain", plain, batch), ("engine", reusing, block)):
            title = f"{name} {precision}, {windows} windows"
            ways[title] = make(model, Speed(device, precision, windows), spec), windows
    if device.type == "cuda":
        ways["engine bf16, 1 window"] = reusing(model, Speed(device, "bf16", 1), spec), 1
    return best(ways, turns)


def convolutions(model: AVRSP, speed: Speed, spec: InputSpec = SPEC) -> float:
    """Return frames a second of a network that were its convolutions and products alone."""
    turn = reusing(model, speed, spec)
    turn()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiled:
        turn()
    found = [each for each in profiled.key_averages() if each.key.removeprefix("aten::") in ALONE]
    return speed.windows * 1e6 / float(sum(each.self_cpu_time_total for each in found))


def whole(
    model: AVRSP,
    device: torch.device,
    frames: int,
    spec: InputSpec = SPEC,
    now: Callable[[], float] = clock,
) -> float:
    """Return frames a second from a file of so many to its overlay, start and end included."""
    precision: Precision = "bf16" if has_bf16(device) else "float32"
    with tempfile.TemporaryDirectory() as folder:
        video = film(Path(folder), frames / FPS)
        predictor = Predictor(model, spec, device, precision, "random", "reuse")
        begin = now()
        predict_videos([video], Path(folder) / "out", predictor, OutputChoice(maps="none"))
        return frames / (now() - begin)


def on_all_cores(model: AVRSP, speed: Speed, frames: int) -> Iterator[str]:
    """Yield what all cores do in a second by the clock: the engine, file to overlay, the engine.

    The engine runs before and after, so that a machine that changes its pace is noticed.
    """
    torch.set_num_threads(available_threads())
    turn = reusing(model, speed, SPEC)
    turn()

    def engine() -> list[float]:
        seconds = []
        for _ in range(CORE_TURNS):
            begin = time.perf_counter()
            turn()
            seconds.append(time.perf_counter() - begin)
        return [speed.windows / each for each in seconds]

    before = engine()
    end = whole(model, speed.device, frames, now=time.perf_counter)
    found = sorted(before + engine())
    middle = float(np.median(found))
    yield f"{torch.get_num_threads()} threads, {speed.precision}: {middle:.2f} frames/s "
    yield f"({found[0]:.2f} to {found[-1]:.2f}), at least 3.5; file to overlay: {end:.2f} of "
    yield f"{frames} frames, {end / middle:.2f} times as many, at least 0.9\n"


def film(folder: Path, seconds: float) -> Path:
    """Write a test video of 640 x 360 with a tone."""
    path = folder / "film.mp4"
    picture = f"testsrc2=size=640x360:rate={FPS}:duration={seconds}"
    sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=duration={seconds}"]
    subprocess.run(["ffmpeg", "-v", "error", *sources, path], check=True)
    return path


def main(turns: int) -> None:
    """Print everything."""
    keep_freed_memory()
    device = device_named("auto")
    torch.set_num_threads(1)
    batch, block = WINDOWS[device.type]
    torch.manual_seed(0)
    model = AVRSP(Settings()).eval().to(device)
    say = sys.stdout.write
    entry = models.spec("avrsp")
    cost = count(entry, entry.variants["av"].settings)
    say(f"{cost.frame / 1e9:.1f} G multiply-accumulates a new frame, at most 60; ")
    say(f"a window alone has {cost.window / 1e9:.1f}\n")
    found = rates(model, device, turns)
    loop = found["plain float32, 1 window"]
    for name, rate in found.items():
        against = f"{rate / loop:.2f} times the plain loop"
        if name.startswith("engine") and name.endswith(f"{block} windows"):
            same = found[name.replace("engine", "plain").replace(f"{block} w", f"{batch} w")]
            against += f", {rate / same:.2f} times the plain batches (at least 1.4)"
        say(f"{device.type}, {name}: {rate:.3f} frames/s, {against}\n")
    end = whole(model, device, FRAMES[device.type])
    say(f"file to overlay: {end:.3f} frames/s, {end / loop:.2f} times the plain loop, at least 4\n")
    if device.type == "cpu":
        fastest: Precision = "bf16" if has_bf16(device) else "float32"
        limit = convolutions(model, Speed(device, fastest, block))
        say(f"convolutions and products alone, {fastest}: {limit:.3f} frames/s\n")
        for text in on_all_cores(model, Speed(device, fastest, block), FRAMES[device.type]):
            say(text)
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated() / 1e9
        say(f"{memory:.1f} GB at most; {AIMS}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
