"""The audio-visual fusions of Table V; `visual`, its first row, is the network without sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from torch import nn

from avrsp.model.fusion.mbt import MBT
from avrsp.model.fusion.ravf import RAVF
from avrsp.model.fusion.simple import Add, Bilinear, Concat, Mul
from avrsp.params import FusionName

FUSIONS: Final[Mapping[FusionName, Callable[[int, int, int], nn.Module]]] = {
    "add": lambda _dim, _heads, _blocks: Add(),
    "mul": lambda _dim, _heads, _blocks: Mul(),
    "concat": lambda dim, _heads, _blocks: Concat(dim),
    "bilinear": lambda dim, _heads, _blocks: Bilinear(dim),
    "mbt": lambda dim, heads, blocks: MBT(dim, heads=heads, blocks=blocks),
    "ravf": lambda dim, heads, blocks: RAVF(dim, heads=heads, blocks=blocks),
}
"""Makers of fusions from (token size, heads, blocks): visual and audio tokens to visual tokens."""
