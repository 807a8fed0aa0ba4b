"""What a network costs at its published size: parameters and multiply-accumulates; nothing is run.

Counted on torch's meta device: convolutions and matrix products only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from avrsp.models.registry import ModelSpec
from avrsp.prediction.reuse import Sliding
from avrsp.types import InputSpec, Recurrent, SharesWindows

FLOPS_A_MAC: Final = 2
GIGA: Final = 1e9
BLOCK: Final = 4
"""Frames of a block by which the cost of a new frame is counted."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Costs of a network.

    Attributes:
        parameters: Their number.
        window: Multiply-accumulates of one window by itself, in units of 1e9.
        frame: Of one more frame of a video by the network's own engine, in units of 1e9.
    """

    parameters: int
    window: float
    frame: float


def cost(entry: ModelSpec, settings: Mapping[str, Any]) -> Cost:
    """Return what the network with these settings costs at its published size."""
    spec = entry.input(settings)
    with torch.device("meta"), torch.no_grad():
        network = entry.build(entry.checked(settings)).eval()
        frames = torch.empty(1, 3, spec.length, spec.height, spec.width, dtype=torch.uint8)
        sound = (torch.empty(1, 1, spec.samples),) if spec.audio else ()
        with FlopCounterMode(display=False) as counter:
            network(frames, *sound)
        window = counter.get_total_flops() / FLOPS_A_MAC / GIGA
        frame = _of_a_frame(network, spec) if entry.engine != "windows" else window
    return Cost(sum(each.numel() for each in network.parameters()), window, frame)


def _of_a_frame(network: nn.Module, spec: InputSpec) -> float:
    if isinstance(network, Recurrent):
        return _recurrent(network, spec)
    assert isinstance(network, SharesWindows)
    return _sharing(network, spec)


def _recurrent(network: Recurrent, spec: InputSpec) -> float:
    frames = torch.empty(1, 3, spec.height, spec.width, dtype=torch.uint8)
    _, state = network.advance(frames, None)
    with FlopCounterMode(display=False) as counter:
        network.advance(frames, state)
    return float(counter.get_total_flops()) / FLOPS_A_MAC / GIGA


def _sharing(network: SharesWindows, spec: InputSpec) -> float:
    sliding = Sliding(network.stages, network.necks, spec.length, 1)
    sliding.warm(torch.empty(spec.length - 1, 3, spec.height, spec.width))
    sound = (torch.empty(BLOCK, 1, spec.samples),) if spec.audio else ()
    with FlopCounterMode(display=False) as counter:
        network.from_pyramid(
            sliding.pyramid(torch.empty(BLOCK, 3, spec.height, spec.width)), *sound
        )
    return float(counter.get_total_flops()) / FLOPS_A_MAC / GIGA / BLOCK
