"""What each network of the registry costs at its published size, beside counts of the originals.

Parameters, multiply-accumulates (of convolutions and matrix products) and processor time: of one
window, and of a new frame of a video where `avrsp predict` computes shared parts once or carries a
state; of the others a new frame is a window. Times are of one thread, in float32, the best of
`TURNS`.

Usage: python tests/benchmarks/bench_entries.py [entry ...]
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import torch
from torch import nn

from avrsp import models
from avrsp.models.layers.domainnorm import folded
from avrsp.models.registry import EngineName, ModelSpec, Variant
from avrsp.prediction.costs import Work, count, frame_work, window_work
from avrsp.prediction.reuse import fused
from avrsp.processes import keep_freed_memory

PUBLISHED: Final = {
    "stavis v": (21.8, 9.7),
    "stavis av": (21.8, 9.8),
    "tased v": (21.3, 78.5),
    "unisal v": (3.7, 14.0),
    "vinet v": (31.1, 114.7),
    "vinet av-bilinear": (45.5, 114.8),
    "vinet av-bilinear-transformer": (47.6, 114.8),
    "vinet av-concat-transformer": (51.3, 116.5),
    "vinet-s v": (9.5, 69.4),
}
"""M parameters and G multiply-accumulates of a window of the original code, counted the same way.

The originals store parameters that no output depends on, which are left out here (SoundNet's
classifiers, spare fusions). UNISAL's 12 frames are smoothed by two passes fewer here.
"""

TURNS: Final = 2

READY: Final[Mapping[EngineName, Callable[[nn.Module], nn.Module]]] = {
    "reuse": fused,
    "recurrent": folded,
}
"""How an engine makes a network ready: with fewer normalisations."""

HEADS: Final = (
    ("M parameters", 12), ("orig.", 6), ("G MAC a window", 14), ("orig.", 6), ("a frame", 7),
    ("s a window", 10), ("s a frame", 9),
)  # fmt: skip


def main(names: list[str]) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    keep_freed_memory()
    heads = " ".join(f"{head:>{width}}" for head, width in HEADS)
    sys.stdout.write(f"{'network':<32} {heads}\n")
    for name in names or models.names():
        for line in rows(models.spec(name)):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def rows(entry: ModelSpec) -> Iterator[str]:
    """Yield a line for each network of an entry."""
    for variant, form in entry.variants.items():
        found, kind = count(entry, form.settings), f"{entry.name} {variant}"
        parameters, macs = PUBLISHED.get(kind, (math.nan, math.nan))
        window, frame = times(entry, form)
        figures = (
            found.parameters / 1e6, parameters, found.window / 1e9, macs, found.frame / 1e9,
            window, frame,
        )  # fmt: skip
        cells = zip(figures, HEADS, strict=True)
        shown = (f"{figure:{width}.2f}".replace("nan", "  -") for figure, (_, width) in cells)
        yield f"{kind:<32} " + " ".join(shown)


@torch.inference_mode()
def times(entry: ModelSpec, form: Variant) -> tuple[float, float]:
    """Return the seconds of one window, and of a new frame as its engine predicts it."""
    network, spec = entry.build(entry.checked(form.settings)).eval(), entry.input(form.settings)
    window = seconds(window_work(network, spec))
    if entry.engine == "windows":
        return window, window
    work, frames = frame_work(READY[entry.engine](network), spec)
    return window, seconds(work) / frames


def seconds(work: Work) -> float:
    """Return the processor time of the fastest turn."""
    taken = []
    for _ in range(TURNS):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)


if __name__ == "__main__":
    main(sys.argv[1:])
