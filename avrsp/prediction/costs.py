"""What a network costs at its published size: parameters and multiply-accumulates.

Convolutions and matrix products are counted, on torch's meta device, which computes nothing. The
same work can be timed on another device.
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

Work = Callable[[], object]

FLOPS_A_MAC: Final = 2
BLOCK: Final = 4
"""Frames of a block by which the cost of a new frame is counted."""


def count(entry: ModelSpec, settings: Mapping[str, Any]) -> Cost:
    """Return what the network with these settings costs at its published size."""
    spec = entry.input(settings)
    with torch.device("meta"), torch.no_grad():
        network = entry.build(entry.checked(settings)).eval()
        window = frame = macs(window_work(network, spec))
        if entry.engine != "windows":
            work, frames = frame_work(network, spec)
            frame = macs(work) // frames
    return Cost(sum(each.numel() for each in network.parameters()), window, frame)


def macs(work: Work) -> int:
    """Return the multiply-accumulates of some work on the meta device."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops()) // FLOPS_A_MAC


def window_work(network: nn.Module, spec: InputSpec) -> Work:
    """Return what predicts one window, of zeros on torch's default device."""
    frames = torch.zeros(1, 3, spec.length, spec.height, spec.width, dtype=torch.uint8)
    sound = (torch.zeros(1, 1, spec.samples),) if spec.audio else ()
    return lambda: network(frames, *sound)


def frame_work(network: nn.Module, spec: InputSpec) -> tuple[Work, int]:
    """Return what predicts the next frames of a video, and how many these are.

    The network goes on with a state, or shares what windows have in common.
    """
    if isinstance(network, Recurrent):
        return _recurrent(network, spec)
    assert isinstance(network, SharesWindows)
    return _sharing(network, spec)


def _recurrent(network: Recurrent, spec: InputSpec) -> tuple[Work, int]:
    frames = torch.zeros(1, 3, spec.height, spec.width, dtype=torch.uint8)
    _, state = network.advance(frames, None)
    return lambda: network.advance(frames, state), 1


def _sharing(network: SharesWindows, spec: InputSpec) -> tuple[Work, int]:
    sliding = Sliding(network.stages, network.necks, spec.length, 1)
    sliding.warm(torch.zeros(spec.length - 1, 3, spec.height, spec.width))
    sound = (torch.zeros(BLOCK, 1, spec.samples),) if spec.audio else ()
    block = torch.zeros(BLOCK, 3, spec.height, spec.width)
    return lambda: network.from_pyramid(sliding.pyramid(block), *sound), BLOCK
