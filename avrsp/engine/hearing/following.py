"""How soon the peak of the maps is on the object that has just begun to sound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from avrsp.engine.hearing.truth import Key, Truth

STAY: Final = 3
"""Frames in a row that the peak must be on the object, so that passing over it does not count."""


class Following(NamedTuple):
    """One change of the sounding object.

    Attributes:
        dataset: Of the video in which it happened.
        video: Its name.
        change: When it happened, in seconds.
        frames: Whole frames from the change until the peak stayed on the new object; infinite
            where it did not before the next change or the end.
        seconds: The same in seconds.
    """

    dataset: str
    video: str
    change: float
    frames: float
    seconds: float


def pursuits(
    key: Key, maps: NDArray[np.floating], truth: Truth, size: tuple[int, int]
) -> list[Following]:
    """Measure every change of a video.

    Args:
        key: Dataset and name of the video.
        maps: T x H x W, of every frame.
        truth: What sounded when, and where the objects were.
        size: Height and width of the truth's pixels.
    """
    held = _held(peaks(maps, size), truth)
    return [
        Following(*key, change, *_wait(held, change, end, truth)) for change, end in _parts(truth)
    ]


def peaks(maps: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the row and column of each map's highest point, T x 2, in pixels of `size`."""
    count, height, width = maps.shape
    rows, columns = np.unravel_index(maps.reshape(count, -1).argmax(1), (height, width))
    middles = np.stack([rows, columns], axis=1) + 0.5
    return np.asarray(middles * (np.array(size) / (height, width)) - 0.5, np.float64)


def _held(points: NDArray[np.float64], truth: Truth) -> NDArray[np.bool_]:
    """Say for each object and frame whether the peak is on it: within a diameter, none nearer."""
    count = min(len(points), truth.centres.shape[1])
    distance = np.linalg.norm(truth.centres[:, :count] - points[None, :count], axis=-1)
    near = distance <= np.array(truth.diameters)[:, None]
    return np.asarray(near & (distance == distance.min(0)), np.bool_)


def _parts(truth: Truth) -> Iterator[tuple[float, float]]:
    """Yield each change with the time of the next one."""
    yield from zip(truth.changes, (*truth.changes[1:], math.inf), strict=True)


def _wait(held: NDArray[np.bool_], change: float, end: float, truth: Truth) -> tuple[float, float]:
    first = math.ceil(change * truth.fps - 1e-9)
    after = min(held.shape[1], math.ceil(end * truth.fps)) if math.isfinite(end) else held.shape[1]
    if first >= after or truth.sounding[first] is None:
        return math.inf, math.inf
    on = held[truth.sounding[first], first:after]
    for start in range(len(on) - STAY + 1):
        if on[start : start + STAY].all():
            return float(start), (first + start) / truth.fps - change
    return math.inf, math.inf
