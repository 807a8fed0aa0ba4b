"""A saliency map laid over the frame that it belongs to."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Map = NDArray[np.float32]

HEAT: Final = colormaps["inferno"]
DIM: Final = 0.42
"""Brightness that is left to the frame below a map."""


def overlay(frame: Pixels, saliency: Map | Pixels, height: int, width: int) -> Pixels:
    """Lay a map over a dimmed grey frame; the map's own maximum is the brightest.

    Returns:
        height x width x 3.
    """
    grey = np.asarray(Image.fromarray(frame).convert("L").resize((width, height)), np.float32)
    values = np.asarray(saliency, dtype=np.float32)
    values = (values - values.min()) / max(float(np.ptp(values)), np.finfo(np.float32).tiny)
    weight = np.asarray(Image.fromarray(values).resize((width, height)), np.float32).clip(0, 1)
    heat = np.asarray(HEAT(weight), dtype=np.float32)[..., :3]
    opacity = np.sqrt(weight)[..., None]
    mixed = (1 - opacity) * DIM * grey[..., None] + opacity * 255 * heat
    return np.asarray(np.rint(mixed), np.uint8)
