"""Simulated viewers: fixations and saccades that follow what the schedule says, each in their way.

A viewer first looks at the centre. Then every fixation lasts `fixation` seconds on one object and
moves with it, off its centre by a constant jitter; a saccade of `saccade` seconds leads to the
next. When the object to follow changes, a viewer leaves the old one `latency` seconds later. Some
fixations, the lapses, go to another object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avrsp.datasets import gaze
from avrsp.params import WorldViewers
from avrsp.sample.plan import OBJECT_KINDS, Stretch, followed_at

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CENTRE: Final = -1
"""Target of a fixation on the centre of the picture; objects are numbered from 0."""

ONSET_JITTER: Final = 1.5
"""Times the usual jitter: how far first fixations scatter around the centre."""


@dataclass(frozen=True, slots=True)
class Fixation:
    """One fixation: who, from when to when (seconds), on what, and how far (pixels) beside it."""

    viewer: int
    start: float
    end: float
    target: int
    offset: tuple[float, float]


def simulate(
    schedule: Sequence[Stretch],
    spec: WorldViewers,
    width: int,
    rng: np.random.Generator,
    hidden: Collection[int] = (),
) -> list[Fixation]:
    """Return the fixations of all viewers until the end of the schedule, viewer by viewer.

    Nobody looks at the objects whose numbers are `hidden`.
    """
    seen = [number for number in range(len(OBJECT_KINDS)) if number not in hidden]
    return [
        fixation
        for viewer in range(spec.count)
        for fixation in _one_viewer(viewer, schedule, spec, width, (seen, rng))
    ]


def points(
    fixations: Sequence[Fixation], centres: Floats, dt: float, frame: tuple[int, int]
) -> list[Ints]:
    """Return for each frame the pixels that are fixated in its middle.

    `centres` is T x objects x 2 in pixels. Each array is k x 2 rows and columns; viewers in a
    saccade, and points outside the picture, are missing.
    """
    middle = (np.array(frame) - 1) / 2
    found: list[Ints] = []
    for index, time in enumerate((np.arange(len(centres)) + 0.5) * dt):
        looked = [
            (middle if each.target == CENTRE else centres[index, each.target]) + each.offset
            for each in fixations
            if each.start <= time < each.end
        ]
        pixels = np.rint(np.array(looked).reshape(-1, 2)).astype(np.int64)
        found.append(np.unique(pixels[((pixels >= 0) & (pixels < frame)).all(axis=1)], axis=0))
    return found


def looked_at(fixations: Sequence[Fixation], times: Floats) -> list[int | None]:
    """Return the object that most viewers fixate at each time; None for the centre or nothing."""
    winners: list[int | None] = []
    for time in times:
        votes = [each.target for each in fixations if each.start <= time < each.end]
        winner = max(range(CENTRE, len(OBJECT_KINDS)), key=votes.count)
        winners.append(winner if votes and winner != CENTRE else None)
    return winners


def density(pixels: Ints, frame: tuple[int, int], blur: float) -> npt.NDArray[np.uint8]:
    """Return the fixation map blurred by a Gaussian, `blur` pixels, its maximum 255; 0 if empty."""
    if not len(pixels):
        return np.zeros(frame, dtype=np.uint8)
    blurred = gaze.blurred(pixels, frame, blur)
    return np.asarray(np.rint(255 * blurred / blurred.max()), dtype=np.uint8)


def _one_viewer(
    viewer: int,
    schedule: Sequence[Stretch],
    spec: WorldViewers,
    width: int,
    drawn: tuple[Sequence[int], np.random.Generator],
) -> Iterator[Fixation]:
    objects, rng = drawn
    jitter = spec.jitter * width
    changes = [part.start for part in schedule[1:]]
    answers = [change + rng.uniform(*spec.latency) for change in changes]
    start, target, spread = 0.0, CENTRE, ONSET_JITTER * jitter
    seen = 0.0  # up to when the viewer has taken in what is to be followed
    while start < schedule[-1].end:
        end = start + rng.uniform(*spec.fixation)
        for change, answer in zip(changes, answers, strict=True):
            if seen < change and end > answer:
                end = max(start + spec.fixation[0], answer)
        row, col = rng.normal(0, spread, 2)
        yield Fixation(viewer, start, end, target, (float(row), float(col)))
        seen = end - spec.latency[0]
        target = _aim(OBJECT_KINDS.index(followed_at(seen, schedule)), objects, spec.lapse, rng)
        start, spread = end + rng.uniform(*spec.saccade), jitter


def _aim(followed: int, objects: Sequence[int], lapse: float, rng: np.random.Generator) -> int:
    """Return the object to look at next: the one to follow, or rarely another."""
    others = [number for number in objects if number != followed]
    return int(rng.choice(others)) if rng.uniform() < lapse else followed
