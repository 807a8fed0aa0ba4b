"""How maps are shown: what a person can choose, known without the libraries that draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

MapsForm = Literal["npz", "zarr", "png", "video", "none"]
ScaleName = Literal["clip", "frame", "fixed"]
ColormapName = Literal["inferno", "magma", "plasma", "viridis", "cividis"]
"""Matplotlib's maps of even perceived steps, dark to bright."""

FIXED: Final = 20.0
"""Where the fixed scale ends, in multiples of an even spread."""


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """How maps are shown.

    Attributes:
        scale: Where colours end: at the greatest density of the clip, of each frame, or at 20.
        colormap: Matplotlib's name of the colours.
        opacity: At the scale's end, in [0, 1]; it falls linearly to 0 at an even spread.
    """

    scale: ScaleName = "clip"
    colormap: ColormapName = "inferno"
    opacity: float = 0.75

    @property
    def settings(self) -> Mapping[str, object]:
        """What distinguishes two styles, of types that JSON knows."""
        return asdict(self)
