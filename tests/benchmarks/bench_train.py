"""Clips a second of training, and its peak memory, beside a plain float32 loop in the same run.

On a GPU: the full-size network, bf16, batch 8, 32 x 224 x 384, with and without each switch; exits
with 1 where ours is not three times as fast as the plain loop. Without one: the sample's step on
the CPU, where both compute in float32 and ours has deterministic algorithms besides.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from avrsp import params
from avrsp.compute import repeatable
from avrsp.models import registry
from avrsp.params import Params
from avrsp.params.sections import Preset
from avrsp.train.clips import Batch
from avrsp.train.optimisation import saliency_loss
from avrsp.train.phase import placed
from avrsp.train.state import Recipe, Training, on
from avrsp.types import Clip, InputSpec, Sample

ROOT = Path(__file__).parents[2]
WARM, ROUNDS = 3, 9
LEAST_RATIO, TARGET_RATE = 3.0, 60.0
GIB = 2**30
SWITCHES: dict[str, dict[str, bool]] = {
    "ours": {},
    "ours, checkpointing": {"checkpointing": True},
    "ours, compile": {"compile": True},
}


@dataclass(frozen=True, slots=True)
class Speed:
    """Clips a second, and GiB of the GPU's memory at most."""

    rate: float
    memory: float


def batch(preset: Preset, *, pin: bool) -> Batch:
    """Return a batch of noise, in the main memory as a loader leaves it."""
    spec = InputSpec(preset.clip.length, preset.clip.height, preset.clip.width, audio=True)
    count = preset.finetune.batch
    parts = [
        torch.randint(0, 256, (count, 3, spec.length, spec.height, spec.width), dtype=torch.uint8),
        torch.rand(count, 1, spec.samples) - 0.5,
        torch.ones(count, dtype=torch.bool),
        torch.rand(count, spec.height, spec.width),
    ]
    *clip, density = [part.pin_memory() if pin else part for part in parts]
    sample = Sample(Clip(*clip), density, density > 0.9)
    return Batch(sample, [f"clip{number}" for number in range(count)], [])


def network(preset: Preset) -> nn.Module:
    """Return the listening network of a preset, always the same."""
    torch.manual_seed(0)
    return registry.build("avrsp", width=preset.encoder.width, momentum=preset.encoder.momentum)


def plain(chosen: Params, preset: Preset, device: torch.device) -> Callable[[Batch], object]:
    """Return the step that a tutorial would write."""
    model = network(preset).to(device).train()
    optimiser = AdamW(model.parameters(), lr=preset.finetune.lr)

    def step(given: Batch) -> float:
        optimiser.zero_grad()
        pred: Tensor = model(*on(device, given.sample.clip))
        loss = saliency_loss(pred, given.sample.density.to(device), chosen.loss)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return float(loss.detach())

    return step


def ours(chosen: Params, preset: Preset, switches: dict[str, bool]) -> Callable[[Batch], object]:
    """Return the step that training makes."""
    compute = preset.compute.model_copy(update=switches)
    recipe = Recipe(
        preset.finetune, chosen.optimiser, chosen.loss, chosen.seed, preset.compute.precision
    )
    training = Training(placed(network(preset), compute), recipe)
    return lambda given: training.update([given])


def in_turns(steps: dict[str, Callable[[Batch], object]], given: Batch) -> dict[str, Speed]:
    """Return the speed of each kind of step, made one after the other in several rounds."""
    cuda = torch.cuda.is_available()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    peaks = dict.fromkeys(steps, 0.0)
    for turn in range(WARM + ROUNDS):
        for name, step in steps.items():
            if cuda:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated() if cuda else 0
            begin = time.perf_counter()
            step(given)
            if cuda:
                torch.cuda.synchronize()
            passed = time.perf_counter() - begin
            if turn >= WARM:
                peak = torch.cuda.max_memory_allocated() - before if cuda else 0
                peaks[name] = max(peaks[name], peak)
                taken[name].append(passed)
    clips = len(given.names)
    return {
        name: Speed(clips / float(np.median(each)), peaks[name] / GIB)
        for name, each in taken.items()
    }


def on_gpu(chosen: Params) -> bool:
    """Print the speeds on the GPU; say whether ours is as fast as it must be."""
    preset, device = chosen.presets.paper, torch.device("cuda")
    steps = {"plain float32": plain(chosen, preset, device)}
    steps |= {name: ours(chosen, preset, switches) for name, switches in SWITCHES.items()}
    found = in_turns(steps, batch(preset, pin=True))
    slow = found["plain float32"].rate
    for name, speed in found.items():
        sys.stdout.write(
            f"{name:<20} {speed.rate:6.1f} clips/s, {speed.rate / slow:4.1f} times, "
            f"{speed.memory:5.1f} GiB at most beside the weights\n"
        )
    rate = max(speed.rate for speed in found.values())
    sys.stdout.write(
        f"{torch.cuda.get_device_name()}: at least {LEAST_RATIO:.0f} times the plain loop; "
        f"target on an H100 {TARGET_RATE:.0f} clips/s\n"
    )
    return rate >= LEAST_RATIO * slow


def on_cpu(chosen: Params) -> None:
    """Print the speeds of the sample's step."""
    preset, device = chosen.presets.sample, torch.device("cpu")
    steps = {"plain": plain(chosen, preset, device), "ours": ours(chosen, preset, {})}
    with repeatable(device):
        found = in_turns(steps, batch(preset, pin=False))
    rates = {name: speed.rate for name, speed in found.items()}
    sys.stdout.write(
        f"no GPU here; the sample's step on the CPU, threads: {torch.get_num_threads()}: plain "
        f"loop {rates['plain']:.1f} clips/s, ours {rates['ours']:.1f} clips/s, "
        f"{rates['ours'] / rates['plain']:.2f} times\n"
    )


def main() -> None:
    """Measure on the GPU where there is one, else on the CPU."""
    chosen = params.load(ROOT / "params.yaml")
    if not torch.cuda.is_available():
        on_cpu(chosen)
        return
    sys.exit(not on_gpu(chosen))


if __name__ == "__main__":
    main()
