"""Which object is to be followed from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from avrsp.data.world.plan import ObjectKind, PlannedVideo


class Stretch(NamedTuple):
    """A part of a video, in seconds, in which one kind of object is followed."""

    start: float
    end: float
    kind: ObjectKind


def stretches(video: PlannedVideo, least: float, seed: int) -> list[Stretch]:
    """Divide a video among the objects that it follows, each for `least` seconds or longer."""
    count = len(video.followed)
    spare = video.duration - least * count
    shares = video.stream(seed, "schedule").dirichlet(np.full(count, 3.0))
    lengths = least + shares * spare if spare > 0 else np.full(count, video.duration / count)
    ends = np.cumsum(lengths).tolist()
    return [
        Stretch(start, end, kind)
        for start, end, kind in zip([0.0, *ends], ends, video.followed, strict=False)
    ]


def followed_at(time: float, schedule: Sequence[Stretch]) -> ObjectKind:
    """Return the kind that is followed at `time`, the first one before the start."""
    return next((part.kind for part in reversed(schedule) if part.start <= time), schedule[0].kind)
