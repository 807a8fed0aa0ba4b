"""The two scorings of the MSU group's challenges, which differ from the MIT code in every metric.

`challenges` is that of AIM 2024 and NTIRE 2026, `crowdsal` that of CrowdSAL. Both make the sums of
min-max scaled maps one for SIM, take every fixation as often as it is listed, and compare the map
as a whole with N deviations. They differ in resizing, in a small number that keeps quotients
finite, and in how AUC-Judd treats equal values; see docs/protocols.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

ExactArray: TypeAlias = NDArray[np.float64]
Points: TypeAlias = NDArray[np.integer]

SCALING: Final = 2.0**-23
"""Added to the range by which maps are min-max scaled."""

CHALLENGES_EPSILON: Final = 1e-7
CROWDSAL_EPSILON: Final = 2.0**-23

LEVELS: Final = 65535
"""Grey levels to which CrowdSAL's AUC-Judd rounds a map."""

NAMES: Final = ("cc", "sim", "nss", "auc_judd")


def challenges(pred: NDArray[np.number], density: NDArray[np.number], points: Points) -> ExactArray:
    """Score a frame as AIM 2024 and NTIRE 2026 do.

    Args:
        pred: H x W of any size; it is scaled, then resized bilinearly without smoothing.
        density: h x w.
        points: k x 2 (row, col) in the density.

    Returns:
        CC, SIM, NSS and AUC-Judd; the last two NaN without a fixation.
    """
    own = resized(scaled(pred), (density.shape[0], density.shape[1]))
    return _scores(own, scaled(density), points, CHALLENGES_EPSILON, _auc_of_ranks)


def crowdsal(pred: NDArray[np.number], density: NDArray[np.number], points: Points) -> ExactArray:
    """Score a frame as CrowdSAL does; the arguments are those of `challenges`, of one size.

    Raises:
        ValueError: The maps differ in size.
    """
    if pred.shape != density.shape:
        raise ValueError(f"maps of {pred.shape}, expected {density.shape} as the ground truth")
    return _scores(scaled(pred), scaled(density), points, CROWDSAL_EPSILON, _auc_of_levels)


def scaled(plane: NDArray[np.number]) -> ExactArray:
    """Return a map min-max scaled; a constant one is zeros."""
    exact = plane.astype(np.float64)
    low = exact.min()
    return np.asarray((exact - low) / (exact.max() - low + SCALING), np.float64)


def resized(plane: ExactArray, size: tuple[int, int]) -> ExactArray:
    """Return a map resized bilinearly: half-pixel centres, edges repeated, float32 weights."""
    if plane.shape == size:
        return plane
    for axis, length in enumerate(size):
        whole = plane.shape[axis]
        place = ((np.arange(length) + 0.5) * (whole / length) - 0.5).astype(np.float32)
        first = np.floor(place).astype(int)
        share = np.where((first < 0) | (first >= whole - 1), np.float32(0), place - first)
        first = first.clip(0, whole - 1)
        second = np.minimum(first + 1, whole - 1)
        weight = share.astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        low, high = plane.take(first, axis), plane.take(second, axis)
        plane = low * (1 - weight).astype(np.float64) + high * weight.astype(np.float64)
    return plane


Area: TypeAlias = Callable[[ExactArray, ExactArray, Points], float]


def _scores(
    own: ExactArray, truth: ExactArray, points: Points, epsilon: float, area: Area
) -> ExactArray:
    z, other = (each - each.mean() for each in (own, truth))
    z, other = z / (z.std() + epsilon), other / (other.std() + epsilon)
    cc = (z * other).sum() / np.sqrt((z * z).sum() * (other * other).sum() + epsilon)
    sim = np.minimum(own / (own.sum() + epsilon), truth / (truth.sum() + epsilon)).sum()
    if not len(points):
        return np.array([cc, sim, np.nan, np.nan])
    row, col = points.T
    return np.array([cc, sim, z[row, col].mean(), area(own, own[row, col], points)])


def _auc_of_ranks(own: ExactArray, values: ExactArray, points: Points) -> float:
    """Return AUC-Judd with a threshold at every listed fixation, equal values one by one.

    All equal values share one count of pixels, so the first of them already has the false alarms of
    all: a constant map scores about 1 / (2 N). The number of fixated pixels is taken to be 2, or 1
    where row and column agree throughout.
    """
    falling, count = np.sort(values)[::-1], len(values)
    above = own.size - np.searchsorted(np.sort(own, axis=None), falling)
    rank = np.arange(1, count + 1)
    negatives = own.size - len(np.unique(points, axis=1).T)
    return _trapezoid((above - rank) / negatives, rank / count)


def _auc_of_levels(own: ExactArray, values: ExactArray, points: Points) -> float:
    """Return AUC-Judd with a threshold at every distinct level of 16 bits."""
    levels, at = np.rint(own.astype(np.float32) * LEVELS), np.unique(points, axis=0)
    fixated = np.sort(levels[at[:, 0], at[:, 1]])
    if len(fixated) == levels.size:
        return 1.0
    events = np.sort(np.rint(values.astype(np.float32) * LEVELS))
    limits = np.unique(events)[::-1]
    above, hits, own_hits = (
        len(each) - np.searchsorted(each, limits)
        for each in (np.sort(levels, axis=None), events, fixated)
    )
    return _trapezoid((above - own_hits) / (levels.size - len(fixated)), hits / len(events))


def _trapezoid(false_alarms: ExactArray, hits: ExactArray) -> float:
    x, y = np.concatenate([[0], false_alarms, [1]]), np.concatenate([[0], hits, [1]])
    return float(np.trapezoid(y, x))
