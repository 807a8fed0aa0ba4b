"""What the numbers of a map mean: saliency as they stand, or something that is converted to it."""

from __future__ import annotations

import functools
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

FloatMap: TypeAlias = NDArray[np.float32]
RawMap: TypeAlias = NDArray[np.number | np.bool_]
"""H x W of any real type, or H x W x 3 uint8 RGB."""

Colormap = Literal["jet", "turbo", "hot", "viridis", "inferno", "magma", "plasma"]
Values = Literal["saliency", "log", "logits", Colormap]

PLANE, COLOUR = 2, 3
"""Axes of a grey map and of a coloured one."""

COLOURED: Final = 24
"""Levels of 255 by which the channels of a grey picture do not differ, however compressed."""

COLOURED_SHARE: Final = 0.01

SAFE_EXPONENT: Final = 20
"""A map whose peak lies beyond 2 to the power of plus or minus this is scaled to a peak near 1."""

REMARKS: Final = {
    "negative": "negative values, which a saliency map has none of; --values log converts log "
    "densities, --values logits converts logits, --values saliency takes them as they are",
    "coloured": "three unequal colour channels, as a heat map has; --values jet (or "
    f"{', '.join(get_args(Colormap)[1:])}) converts that colour map, --values saliency takes the "
    "mean of the channels",
    "constant": "a map of one value, which says nothing; transparency (alpha) is not read: save "
    "the map itself as a grey picture or an array",
}


def remark(content: RawMap) -> str | None:
    """Return the key in `REMARKS` of why the values are hardly meant as saliency, or None."""
    if content.size and content.min() == content.max():
        return "constant"
    if content.ndim == COLOUR:
        unequal = np.ptp(content, axis=-1) > COLOURED
        return "coloured" if unequal.mean() > COLOURED_SHARE else None
    return "negative" if content.dtype.kind in "if" and (content < 0).any() else None


def as_saliency(content: RawMap, values: Values | None = None) -> FloatMap:
    """Return a map as H x W float32 saliency.

    Every metric is the same for a map and its multiples, so one with very small or very large
    values is multiplied by a power of two, which rounds nothing.

    Args:
        content: H x W, or H x W x 3 uint8 RGB.
        values: "log" are log densities, "logits" are undone by the logistic function, a name of a
            colour map is undone by its table; "saliency" and None are taken as they are.
    """
    if values in get_args(Colormap) and content.ndim == COLOUR:
        return _uncoloured(content, str(values))
    plane = content.mean(-1, dtype=np.float32) if content.ndim == COLOUR else content
    with np.errstate(over="ignore", invalid="ignore"):
        if values == "log":
            exact = plane.astype(np.float64)
            return np.asarray(np.exp(exact - exact.max()), np.float32)
        if values == "logits":
            return np.asarray(1 / (1 + np.exp(-plane.astype(np.float64))), np.float32)
        return _scaled(plane)


def _scaled(plane: RawMap) -> FloatMap:
    peak = max(float(plane.max()), -float(plane.min()))
    exponent = int(np.frexp(peak)[1]) if 0 < peak < np.inf else 0
    if abs(exponent) <= SAFE_EXPONENT:
        return plane.astype(np.float32)
    return np.ldexp(plane.astype(np.float64), -exponent).astype(np.float32)


def _uncoloured(content: RawMap, name: str) -> FloatMap:
    """Return the place of each pixel's colour in the table of a colour map, 0 to 1."""
    flat = content.reshape(-1, COLOUR)
    colours, index = np.unique(flat, axis=0, return_inverse=True)
    _, nearest = _table(name).query(colours)
    places = np.asarray(nearest, np.float32) / 255
    return np.asarray(places[index].reshape(content.shape[:PLANE]), np.float32)


@functools.cache
def _table(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - scipy's tree, imported here
    from matplotlib import colormaps  # noqa: PLC0415 - needed for pictures of heat maps only
    from scipy.spatial import KDTree  # noqa: PLC0415

    return KDTree(colormaps[name](np.arange(256))[:, :COLOUR] * 255)
