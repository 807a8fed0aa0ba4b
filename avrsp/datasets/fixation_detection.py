"""Fixations from raw gaze samples, by two detectors that the field knows by name.

I-DT (dispersion threshold) and I-VT (velocity threshold) as Salvucci and Goldberg describe them
("Identifying fixations and saccades in eye-tracking protocols", ETRA 2000). Both work in degrees of
visual angle. Where gaze follows a moving object, I-DT makes several fixations of it, I-VT one, as
long as its velocity stays below the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import scipy  # which imports what is used of it only then: scipy.signal takes a second
from numpy.typing import NDArray

DISPERSION: Final = 1.0
"""Degrees: the widths of a fixation's samples along both axes add up to at most so many."""

VELOCITY: Final = 30.0
"""Degrees a second below which a sample belongs to a fixation."""

SHORTEST: Final = 0.1
"""Seconds that a fixation lasts at the least."""

SMOOTHED: Final = 0.02
"""Seconds over which a velocity is fitted, by a polynomial of degree 2 (Savitzky and Golay)."""

GAP: Final = 3.0
"""Times the usual step between two samples; a longer one ends a fixation."""

Floats: TypeAlias = NDArray[np.float64]


class DetectedFixations(NamedTuple):
    """Fixations of one viewer, N each: begin and duration in seconds, mean place in pixels."""

    start: Floats
    duration: Floats
    x: Floats
    y: Floats


Detector: TypeAlias = Callable[[Floats, Floats, Floats], Iterator[tuple[int, int]]]
"""Takes times, and x and y in degrees, of samples without a gap; yields first and end of each."""


def detect(
    name: str, times: Floats, x: Floats, y: Floats, per_degree: tuple[float, float]
) -> DetectedFixations:
    """Return the fixations in one viewer's samples; `spans` says what it takes."""
    found = [
        (times[first], lasting, x[first:after].mean(), y[first:after].mean())
        for first, after, lasting in spans(name, times, x, y, per_degree)
    ]
    table = np.array(found, np.float64).reshape(-1, 4)
    return DetectedFixations(*table.T)


def spans(
    name: str, times: Floats, x: Floats, y: Floats, per_degree: tuple[float, float]
) -> Iterator[tuple[int, int, float]]:
    """Yield first sample, the one after the last, and seconds of each fixation of one viewer.

    Args:
        name: `idt` or `ivt`.
        times: Seconds, N, rising.
        x: Columns in pixels, N; NaN where gaze was lost.
        y: Rows in pixels.
        per_degree: Pixels in a degree down and along the rows.
    """
    down, along = per_degree
    for begin, end, step in _segments(times, np.isfinite(x) & np.isfinite(y)):
        part = slice(begin, end)
        for first, after in DETECTORS[name](times[part], x[part] / along, y[part] / down):
            lasting = times[begin + after - 1] - times[begin + first] + step
            yield begin + first, begin + after, float(lasting)


def statement(name: str) -> str:
    """Return a detector with its thresholds, as stores and reports state it."""
    if name == "idt":
        return f"I-DT, {DISPERSION:g} degree, {1000 * SHORTEST:g} ms"
    return f"I-VT, {VELOCITY:g} degrees a second, {1000 * SHORTEST:g} ms"


def _segments(times: Floats, seen: NDArray[np.bool_]) -> Iterator[tuple[int, int, float]]:
    """Yield first, end and usual step of each run of samples without a loss or a gap."""
    kept = np.flatnonzero(seen)
    if not len(kept):
        return
    steps = np.diff(times)
    step = float(np.median(steps)) if len(steps) else 0.0
    cut = (np.diff(kept) > 1) | (np.diff(times[kept]) > GAP * step)
    for run in np.split(kept, np.flatnonzero(cut) + 1):
        yield int(run[0]), int(run[-1]) + 1, step


def dispersion_threshold(times: Floats, x: Floats, y: Floats) -> Iterator[tuple[int, int]]:
    """Yield fixations by I-DT: each begins where the shortest window is narrow, and grows."""
    if len(times) < 2:  # noqa: PLR2004 - how long a sample lasts is not known
        return
    step = float(np.median(np.diff(times)))
    window = int(np.ceil(SHORTEST / step - 1e-6))
    if window > len(times) or window < 1:
        return
    width = _ranges(x, window) + _ranges(y, window)
    narrow = np.flatnonzero(width <= DISPERSION)
    first = 0
    while (index := int(np.searchsorted(narrow, first))) < len(narrow):
        first = int(narrow[index])
        end = _grown(x, y, first, first + window)
        yield first, end
        first = end


def velocity_threshold(times: Floats, x: Floats, y: Floats) -> Iterator[tuple[int, int]]:
    """Yield fixations by I-VT: runs of slow samples that last long enough."""
    if len(times) < 3:  # noqa: PLR2004 - no velocity can be fitted
        return
    step = float(np.median(np.diff(times)))
    length = max(3, int(SMOOTHED / step) // 2 * 2 + 1)
    length = min(length, len(times) - (len(times) + 1) % 2)
    speed = np.hypot(
        *(
            scipy.signal.savgol_filter(each, length, 2, deriv=1, delta=step, mode="interp")
            for each in (x, y)
        )
    )
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (speed < VELOCITY).astype(int), [0]])))
    for first, end in edges.reshape(-1, 2):
        if times[end - 1] - times[first] + step >= SHORTEST - 1e-6:
            yield int(first), int(end)


def _ranges(values: Floats, window: int) -> Floats:
    """Return greatest less least value of each window, by its first sample."""
    high = scipy.ndimage.maximum_filter1d(values, window, origin=-(window // 2))
    low = scipy.ndimage.minimum_filter1d(values, window, origin=-(window // 2))
    return np.asarray((high - low)[: len(values) - window + 1])


def _grown(x: Floats, y: Floats, first: int, end: int) -> int:
    """Return the end of the longest narrow run from `first` that holds `first` to `end`."""
    block = end - first
    while end < len(x):
        stop = min(end + block, len(x))
        width = np.zeros(stop - end)
        for each in (x, y):
            high = np.maximum.accumulate(each[first:stop])[end - first :]
            low = np.minimum.accumulate(each[first:stop])[end - first :]
            width += high - low
        wide = np.flatnonzero(width > DISPERSION)
        if len(wide):
            return end + int(wide[0])
        end, block = stop, 2 * block
    return end


DETECTORS: Final[dict[str, Detector]] = {"idt": dispersion_threshold, "ivt": velocity_threshold}
