"""What AVRSP costs at full size, by part, and what its training holds in memory.

Counted on torch's meta device: multiply-accumulates of convolutions and matrix products for one
window of 32 x 224 x 384, parameters, and the tensors kept for the backward pass of one clip.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from avrsp.models.avrsp.network import AVRSP, Settings
from avrsp.types import InputSpec

SPEC: Final = InputSpec(length=32, height=224, width=384, audio=True)
BUDGET: Final = {"total": 92.0, "after S3D": 30.0, "parameters": 45.0}
"""At most so many G multiply-accumulates and M parameters."""

FLOPS_A_MAC: Final = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """G multiply-accumulates a window, and M parameters."""

    macs: float
    parameters: float


def inputs() -> tuple[Tensor, Tensor]:
    """Return one window and its sound, without content."""
    frames = torch.empty(1, 3, SPEC.length, SPEC.height, SPEC.width, dtype=torch.uint8)
    return frames, torch.empty(1, 1, SPEC.samples)


def costs() -> dict[str, Cost]:
    """Return the cost of each part of the network, in the order of Fig. 2."""
    with torch.device("meta"), torch.no_grad():
        model = AVRSP(Settings()).eval()
        with FlopCounterMode(display=False) as counter:
            model(*inputs())
    flops: Counter[str] = Counter()
    for name, counts in counter.get_flop_counts().items():
        flops[name.removeprefix("AVRSP.")] = sum(counts.values())
    stages = {f"S3D stage {i + 1}": f"encoder.stages.{i}" for i in range(4)}
    necks = {f"ASPP and LIP, X{i}": f"neck.{i}" for i in reversed(range(4))}
    rest = {"SoundNet": "listen.soundnet", "fusion": "listen", "MS": "synergy", "MRG": "gate"}
    table = {}
    for title, part in {**stages, **necks, **rest, "decoder": "decoder"}.items():
        module = model.get_submodule(part)
        names = [part] if flops[part] else [f"{part}.{name}" for name, _ in module.named_children()]
        macs = sum(flops[name] for name in names) / FLOPS_A_MAC
        table[title] = Cost(macs / 1e9, sum(p.numel() for p in module.parameters()) / 1e6)
    table["fusion"] = _without(table["fusion"], table["SoundNet"])
    return table


def held(*, checkpointing: bool) -> float:
    """Return MB of distinct tensors that one clip's forward pass keeps for the backward pass."""
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with torch.device("meta"):
        model = AVRSP(Settings())
        weights = {p.untyped_storage()._cdata for p in model.parameters()}
        model.encoder.checkpointing = checkpointing
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            model(*inputs())
    return sum(x.nbytes() for key, x in kept.items() if key not in weights) / 1e6


def main() -> None:
    """Print the table."""
    table = costs()
    lines = [f"{'part':<20} {'G MAC':>7} {'M parameters':>13}"]
    lines += [f"{name:<20} {c.macs:7.2f} {c.parameters:13.2f}" for name, c in table.items()]
    encoder = sum(c.macs for name, c in table.items() if name.startswith("S3D"))
    total, parameters = (
        sum(getattr(c, of) for c in table.values()) for of in ("macs", "parameters")
    )
    limits = f"at most {BUDGET['total']} and {BUDGET['parameters']}"
    lines += [
        f"{'AVRSP':<20} {total:7.2f} {parameters:13.2f}   {limits}",
        f"{'  after S3D':<20} {total - encoder:7.2f} {'':13}   at most {BUDGET['after S3D']}",
        f"training holds {held(checkpointing=False):.0f} MB a clip in float32, "
        f"{held(checkpointing=True):.0f} MB with S3D's activations recomputed",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _without(whole: Cost, part: Cost) -> Cost:
    return Cost(whole.macs - part.macs, whole.parameters - part.parameters)


if __name__ == "__main__":
    main()
