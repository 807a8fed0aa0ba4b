"""When the peak of the maps gets to the object that begins to sound."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from avrsp.reliance.statements import peaks, pursuits
from avrsp.reliance.truth import ClipTruth

KEY = ("diem", "a")
SIZE = (48, 64)
PLACES = ((10.0, 10.0), (36.0, 50.0))


def truth(count: int, *changes: float) -> ClipTruth:
    """Objects stand still; the other one sounds after each change, 10 frames a second."""
    sounding = tuple(sum(frame / 10 >= change for change in changes) % 2 for frame in range(count))
    centres = np.stack([np.tile(place, (count, 1)) for place in PLACES])
    return ClipTruth("sounding", 10.0, changes, sounding, centres, (12.0, 12.0))


def maps(*places: int | None) -> NDArray[np.float32]:
    """Peak at the given object in each frame; None is the middle."""
    found = np.zeros((len(places), 24, 32), np.float32)
    for frame, place in enumerate(places):
        row, column = (24.0, 32.0) if place is None else PLACES[place]
        found[frame, int(row / 2), int(column / 2)] = 1
    return found


def test_peaks_are_in_pixels_of_the_truth() -> None:
    np.testing.assert_allclose(peaks(maps(0, 1), SIZE), [[10.5, 10.5], [36.5, 50.5]])


def test_the_wait_ends_where_the_peak_stays() -> None:
    shown = maps(0, 0, 0, 0, 1, 0, None, 1, 1, 1, 1)
    (found,) = pursuits(KEY, shown, truth(11, 0.3), SIZE)
    assert found.frames == 4
    np.testing.assert_allclose(found.seconds, 0.4)


def test_a_peak_that_comes_too_late_never_came() -> None:
    shown = maps(*[0] * 14, *[1] * 6)
    first, second = pursuits(KEY, shown, truth(20, 0.4, 1.0), SIZE)
    assert math.isinf(first.seconds)
    assert second.frames == 0


def test_a_change_after_the_last_frame_has_no_wait() -> None:
    (found,) = pursuits(KEY, maps(0, 0, 0), truth(3, 0.5), SIZE)
    assert math.isinf(found.frames)
