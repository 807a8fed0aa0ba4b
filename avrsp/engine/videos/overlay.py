"""Lay a saliency map over its picture so that both can be seen."""

from __future__ import annotations

from functools import lru_cache

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLOURS = "inferno"
"""matplotlib's map of even perceived steps, dark to bright."""

STRONGEST = 0.75
"""Opacity at the most salient point; it falls linearly to 0 at the least salient one."""


def paint(image: NDArray[np.uint8], saliency: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the picture H x W x 3 with the map h x w laid over it, enlarged to H x W.

    Each map is stretched between its least and its greatest value, since the training loss
    leaves its scale open; a constant map leaves the picture as it is.
    """
    height, width = image.shape[:2]
    levels = grey(saliency).resize((width, height), Image.Resampling.BICUBIC)
    opacity = levels.point([round(STRONGEST * level) for level in range(256)])
    levels.putpalette(_palette())
    painted = Image.composite(levels.convert("RGB"), Image.fromarray(image), opacity)
    return np.asarray(painted)


def beside(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return two pictures H x W x 3 as one of H x 2W x 3."""
    return np.hstack((left, right))


def grey(saliency: NDArray[np.floating]) -> Image.Image:
    """Return the map h x w in 256 levels between its least and its greatest value."""
    values = saliency.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    scale = 255 / (high - low) if high > low else 0.0
    return Image.fromarray(np.rint((values - low) * scale).astype(np.uint8))


@lru_cache
def _palette() -> bytes:
    steps = mpl.colormaps[COLOURS](np.arange(256), bytes=True)
    return bytes(np.asarray(steps)[:, :3].tobytes())
