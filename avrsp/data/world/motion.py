"""Paths of the objects: constant speed, gentle turns, away from the borders and from each other."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

APART: Final = 1.35
"""Objects turn away from one another when closer than so many times the sum of their radii."""

MARGIN: Final = 0.8
"""Objects turn away from a border when their rim is closer to it than so many radii."""

STEER: Final = 9.0
"""Strength of turning away, in changes of direction a second at full overlap."""

WANDER: Final = 0.9
"""Deviation of the direction after one second of undisturbed travel, radians."""

ATTEMPTS: Final = 10_000


def paths(
    count: int,
    dt: float,
    radii: Floats,
    speeds: Floats,
    frame: tuple[int, int],
    rng: np.random.Generator,
) -> Floats:
    """Return the centres (row, col) of objects in `count` frames that are `dt` seconds apart.

    Shape: count x objects x 2, pixels. `radii` in pixels, `speeds` in pixels a second, one each;
    `frame` is height and width. Each object covers `speed * dt` between frames, save where the
    border itself stops it.
    """
    area = np.array(frame, dtype=np.float64)
    centres = _scattered(radii, area, rng)
    angles = rng.uniform(0, 2 * np.pi, len(radii))
    heading = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    turns = rng.normal(0, WANDER * np.sqrt(dt), (count, len(radii)))
    track = np.empty((count, len(radii), 2))
    for index in range(count):
        track[index] = centres
        heading = _turned(heading, turns[index]) + STEER * dt * _push(centres, radii, area)
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        centres = centres + heading * (speeds * dt)[:, None]
        centres = np.clip(centres, radii[:, None], area - radii[:, None])
    return track


def _scattered(radii: Floats, area: Floats, rng: np.random.Generator) -> Floats:
    """Return the first random placement without overlap, or else the roomiest."""
    best, widest = np.tile(area / 2, (len(radii), 1)), -np.inf
    for _ in range(ATTEMPTS):
        centres = rng.uniform(radii[:, None], area - radii[:, None])
        gap = _gaps(centres, radii)[1].min()
        if gap > widest:
            best, widest = centres, gap
        if gap > 0:
            break
    return best


def _gaps(centres: Floats, radii: Floats) -> tuple[Floats, Floats]:
    """Return offsets between all pairs of centres, and the room beyond `APART` radii."""
    offsets = centres[:, None] - centres[None]
    distances = np.linalg.norm(offsets, axis=2) + np.diag(np.full(len(radii), np.inf))
    return offsets, distances - APART * (radii[:, None] + radii[None])


def _push(centres: Floats, radii: Floats, area: Floats) -> Floats:
    """Return for each object the direction away from what it comes too close to."""
    offsets, gaps = _gaps(centres, radii)
    reach = APART * radii[:, None]
    strength = np.clip(-gaps / reach, 0, 1)
    lengths = np.linalg.norm(offsets, axis=2) + np.eye(len(radii))
    apart = (offsets * (strength / lengths)[..., None]).sum(axis=1)
    margin = (1 + MARGIN) * radii[:, None]
    low = np.clip((margin - centres) / (MARGIN * radii[:, None]), 0, 1)
    high = np.clip((margin - area + centres) / (MARGIN * radii[:, None]), 0, 1)
    return np.asarray(2 * apart + low - high)


def _turned(heading: Floats, angles: Floats) -> Floats:
    sine, cosine = np.sin(angles), np.cos(angles)
    rows, cols = heading.T
    return np.stack([cosine * rows - sine * cols, sine * rows + cosine * cols], axis=1)
