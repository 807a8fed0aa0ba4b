"""What a network costs: parameters, and multiply-accumulates of one window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from avrsp.models.registry import ModelSpec


class Cost(NamedTuple):
    """Parameters of a network, and multiply-accumulates of one window with its sound.

    Convolutions and matrix products count; pooling, normalisation and interpolation do not.
    """

    parameters: int
    macs: int


def cost(entry: ModelSpec, settings: Mapping[str, Any] | None = None) -> Cost:
    """Return the cost of a network, by default the published one, without computing anything."""
    chosen = {} if settings is None else settings
    spec = entry.input(chosen)
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = entry.build(entry.checked(chosen)).eval()
        frames = torch.empty(1, 3, spec.length, spec.height, spec.width, dtype=torch.uint8)
        model(frames, torch.empty(1, 1, spec.samples) if spec.audio else None)
    return Cost(sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2)
