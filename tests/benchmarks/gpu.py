"""Everything that is timed on a GPU, into one JSON file and one table.

Training of AVRSP with each switch beside a plain float32 loop, prediction by window reuse beside
the window loop, a file to its overlay, metrics, and reading clips from stores. A part that fails
is a row that says so, and the others go on; the exit code is 1 then. With `--rehearse` the same
code runs on a CPU at tiny sizes, whose numbers mean nothing.

Usage: python tests/benchmarks/gpu.py OUT [--rehearse]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import torch

from avrsp import params
from avrsp.compute import device_named
from avrsp.errors import one_line
from avrsp.models.avrsp.network import AVRSP, Settings
from avrsp.params import Params
from avrsp.params.sections import Preset
from avrsp.train.clips import ClipLoader, Clips
from avrsp.train.sampling import EpochBatches, RandomClips
from avrsp.types import InputSpec
from tests.benchmarks import bench_loader, bench_metrics, bench_predict, bench_train

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table.

    Attributes:
        part: What was timed.
        way: How.
        value: In `unit`; None where it failed or was left out.
        aim: What it is compared with.
        note: Why there is no value, or what else is to be said.
    """

    part: str
    way: str
    value: float | None
    unit: str
    aim: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done: in full, or as little as runs all the code."""

    preset: Preset
    spec: InputSpec
    batches: tuple[int, ...]
    workers: tuple[int, ...]
    film: int
    turns: int
    width: float


def sizes(chosen: Params, *, rehearse: bool) -> Sizes:
    """Return the paper's sizes, or tiny ones."""
    preset = chosen.presets.paper
    if not rehearse:
        clip = preset.clip
        spec = InputSpec(clip.length, clip.height, clip.width, audio=True)
        return Sizes(preset, spec, (1, 8, 16), (2, 4, 8, 16), 2000, 2, 1.0)
    small = preset.model_copy(
        update={
            "clip": preset.clip.model_copy(update={"length": 8, "height": 32, "width": 64}),
            "encoder": preset.encoder.model_copy(update={"width": 0.0625}),
            "compute": preset.compute.model_copy(update={"device": "cpu", "precision": "float32"}),
        }
    )
    return Sizes(small, InputSpec(8, 32, 64, audio=True), (1, 2), (0, 2), 20, 1, 0.0625)


def training(chosen: Params, given: Sizes, device: torch.device) -> Iterable[Result]:
    """Yield clips a second and the peak memory of each way to train, for each batch."""
    for count in given.batches:
        learnt = given.preset.finetune.model_copy(update={"batch": count})
        preset = given.preset.model_copy(update={"finetune": learnt})
        steps = {"plain float32 loop": bench_train.plain(chosen, preset, device)}
        for name, switches in bench_train.SWITCHES.items():
            # compiling takes minutes, so one batch is enough, and none on a CPU
            if not switches.get("compile") or (count == given.batches[1] and device.type == "cuda"):
                steps[name] = bench_train.ours(chosen, preset, switches)
        found = bench_train.in_turns(steps, bench_train.batch(preset, pin=device.type == "cuda"))
        slow = found["plain float32 loop"].rate
        for name, speed in found.items():
            said = f"{speed.rate / slow:.2f} times the plain loop, {speed.memory:.1f} GiB at most"
            aim = "60, and 3 times the plain loop" if name != "plain float32 loop" else ""
            yield Result(f"training, batch {count}", name, speed.rate, "clips/s", aim, said)


def prediction(given: Sizes, device: torch.device) -> Iterable[Result]:
    """Yield frames a second of each way to predict, and from a file to its overlay."""
    torch.manual_seed(0)
    model = AVRSP(Settings(width=given.width)).eval().to(device)
    found = bench_predict.rates(model, device, given.turns, given.spec)
    loop = found["plain float32, 1 window"]
    for name, rate in found.items():
        said = f"{rate / loop:.2f} times the window loop"
        if name.endswith("1 window"):
            said += f", {1e3 / rate:.1f} ms a frame"
        yield Result("prediction", name, rate, "frames/s", "400; ViNet published 60", said)
    if shutil.which("ffprobe") is None:
        yield Result("file to overlay", "engine", None, "frames/s", "", "no ffmpeg here")
        return
    rate = bench_predict.whole(model, device, given.film, given.spec)
    yield Result("file to overlay", "engine", rate, "frames/s")


def scoring(device: torch.device) -> Iterable[Result]:
    """Yield frames a second of CC, SIM, NSS and AUC-Judd."""
    if device.type == "cuda":
        yield Result("metrics", "480 x 640", bench_metrics.on_gpu(), "frames/s", "5,000")
        return
    data = bench_metrics.scenes(2)
    taken = bench_metrics.seconds(lambda: bench_metrics.loop(data))
    yield Result("metrics", "plain NumPy loop", 2 / taken, "frames/s")


def loading(chosen: Params, given: Sizes) -> Iterable[Result]:
    """Yield clips a second that processes read from stores, sound and target included."""
    train, cores = given.preset.finetune, os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / f"{number}.zarr.zip" for number in range(bench_loader.VIDEOS)]
        stores = [
            bench_loader.write_video(name, given.spec, given.preset.store.chunk) for name in names
        ]
        clips = Clips(stores, given.spec, RandomClips(chosen.seed, train.flip))
        for workers in given.workers:
            batches = EpochBatches(len(stores), 4, given.batches[-1], chosen.seed)
            loader = ClipLoader(clips, batches, workers=workers, pin=torch.cuda.is_available())
            for _ in loader.epoch(0):  # the processes start
                pass
            begin, count = time.perf_counter(), 0
            for batch in loader.epoch(1):
                count += len(batch.names)
            rate = count / (time.perf_counter() - begin)
            yield Result("loading", f"{workers} processes, {cores} cores", rate, "clips/s", "80")


def collected(part: str, work: Callable[[], Iterable[Result]]) -> list[Result]:
    """Return a part's results; one that fails is a result that says so."""
    found = []
    try:
        for each in work():
            found.append(each)
            sys.stdout.write(f"{line(each)}\n")
            sys.stdout.flush()
    except Exception as error:  # the next part may well run
        said = one_line(error) or type(error).__name__
        found.append(Result(part, "failed", None, "", "", said))
        sys.stdout.write(f"{line(found[-1])}\n")
    return found


def line(each: Result) -> str:
    """Return a result as a row of a Markdown table."""
    value = "-" if each.value is None else f"{each.value:.1f} {each.unit}"
    return f"| {each.part} | {each.way} | {value} | {each.aim} | {each.note} |"


def machine(device: torch.device) -> str:
    """Say on what was measured."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU, a rehearsal"
    return f"{name}; {os.cpu_count()} cores; PyTorch {torch.__version__}; {platform.platform()}"


def main() -> None:
    """Measure everything and write `gpu.json` and `gpu.md`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    asked = parser.parse_args()
    chosen = params.load(ROOT / "params.yaml")
    device = device_named("cpu" if asked.rehearse else "cuda")
    given = sizes(chosen, rehearse=asked.rehearse)
    begin = time.perf_counter()
    parts: dict[str, Callable[[], Iterable[Result]]] = {
        "training": lambda: training(chosen, given, device),
        "prediction": lambda: prediction(given, device),
        "metrics": lambda: scoring(device),
        "loading": lambda: loading(chosen, given),
    }
    results = [each for part, work in parts.items() for each in collected(part, work)]
    head = f"{time.strftime('%Y-%m-%d')}; {machine(device)}; {time.perf_counter() - begin:.0f} s"
    table = ["| what | way | measured | aim | |", "|---|---|---|---|---|", *map(line, results)]
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "gpu.md").write_text("\n".join([head, "", *table, ""]))
    facts = {"measured": head, "results": [asdict(each) for each in results]}
    (asked.out / "gpu.json").write_text(json.dumps(facts, indent=2))
    sys.exit(any(each.way == "failed" for each in results))


if __name__ == "__main__":
    main()
