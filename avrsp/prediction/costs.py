"""What a network costs at its published size: parameters and multiply-accumulates; nothing is run.

Counted on torch's meta device: convolutions and matrix products only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from avrsp.models.registry import Cost, ModelSpec
from avrsp.prediction.reuse import Sliding
from avrsp.types import InputSpec, Recurrent, SharesWindows

FLOPS_A_MAC: Final = 2
BLOCK: Final = 4
"""Frames of a block by which the cost of a new frame is counted."""


def count(entry: ModelSpec, settings: Mapping[str, Any]) -> Cost:
    """Return what the network with these settings costs at its published size."""
    spec = entry.input(settings)
    with torch.device("meta"), torch.no_grad():
        network = entry.build(entry.checked(settings)).eval()
        frames = torch.empty(1, 3, spec.length, spec.height, spec.width, dtype=torch.uint8)
        sound = (torch.empty(1, 1, spec.samples),) if spec.audio else ()
        window = macs(lambda: network(frames, *sound))
        frame = window if entry.engine == "windows" else _of_a_frame(network, spec)
    return Cost(sum(each.numel() for each in network.parameters()), window, frame)


def macs(work: Callable[[], object]) -> int:
    """Return the multiply-accumulates of some work on the meta device."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops()) // FLOPS_A_MAC


def _of_a_frame(network: nn.Module, spec: InputSpec) -> int:
    if isinstance(network, Recurrent):
        return _recurrent(network, spec)
    assert isinstance(network, SharesWindows)
    return _sharing(network, spec)


def _recurrent(network: Recurrent, spec: InputSpec) -> int:
    frames = torch.empty(1, 3, spec.height, spec.width, dtype=torch.uint8)
    _, state = network.advance(frames, None)
    return macs(lambda: network.advance(frames, state))


def _sharing(network: SharesWindows, spec: InputSpec) -> int:
    sliding = Sliding(network.stages, network.necks, spec.length, 1)
    sliding.warm(torch.empty(spec.length - 1, 3, spec.height, spec.width))
    sound = (torch.empty(BLOCK, 1, spec.samples),) if spec.audio else ()
    block = torch.empty(BLOCK, 3, spec.height, spec.width)
    return macs(lambda: network.from_pyramid(sliding.pyramid(block), *sound)) // BLOCK
