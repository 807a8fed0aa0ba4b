"""What gaze of a video cannot be: given in another unit of time, of the screen, or as fractions."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets.gaze_csv import Gaze
from avrsp.datasets.gaze_geometry import Screen

TOO_LONG: Final = 10.0
"""Times the video's length beyond which gaze is taken for given in another unit of time."""

UNITS: Final = {1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}
FASTEST: Final = 1 / 5000
"""Seconds between samples that no tracker goes below."""

LONG_FIXATION: Final = 20.0
"""Seconds at the median that no fixations last."""

FRACTION: Final = 1.5
MOST_PLACES: Final = 0.95
"""Greatest place, of this share of all, that a fraction of the picture may reach."""

OUTSIDE_KNOWN: Final = 0.1
OUTSIDE: Final = 0.4
"""Share of places beyond the video from which pixels of the screen are believed: where it is known,
and where it is not."""


MANY: Final = 1000
ASIDE: Final = 0.1
"""Places, and how far their mean must lie beside the centre in parts of the video's sides, for
pixels of the screen to be believed although few lie beyond the video."""


def implausible(
    gaze: Gaze, length: float, size: tuple[int, int], screen: Screen | None
) -> list[str]:
    """Say what cannot be: gaze in another unit of time, of the screen, or as fractions.

    Args:
        gaze: Of one video.
        length: Of the video in seconds.
        size: Its height and width.
        screen: On which it was shown, where that is known.
    """
    return [each for each in (_time_unit(gaze, length), _place_unit(gaze, size, screen)) if each]


def _time_unit(gaze: Gaze, length: float) -> str:
    latest = float(gaze.time.max())
    if latest > TOO_LONG * length:
        unit = next((u for factor, u in UNITS.items() if latest / factor < TOO_LONG * length), "")
        guess = f": in {unit}?" if unit else ""
        return f"time reaches {latest:g}, the video lasts {length:.2f} s{guess}; expected seconds"
    if gaze.duration is not None:
        usual = float(np.median(gaze.duration))
        if usual > max(LONG_FIXATION, 2 * length):
            return f"duration is {usual:g} at the median: in milliseconds?; expected seconds"
        return ""
    steps = np.diff(gaze.time)[np.diff(gaze.observer) == 0]
    usual = float(np.median(steps)) if len(steps) else 1.0
    if usual < FASTEST:
        return f"samples follow after {usual:g} s: were seconds divided by 1000?; expected seconds"
    return ""


def _beyond(x: NDArray[np.float64], y: NDArray[np.float64], size: tuple[int, int]) -> float:
    """Return the share of places beyond a rectangle of height and width `size`."""
    return float(((x < 0) | (y < 0) | (x >= size[1]) | (y >= size[0])).mean())


def _is_aside(
    x: NDArray[np.float64], y: NDArray[np.float64], size: tuple[int, int], screen: Screen
) -> bool:
    """Say whether gaze lies aside, and in the middle when moved from the screen to the video.

    People look near the middle on average. Gaze that lies elsewhere of its own accord would leave
    the video more often when moved.
    """
    moved = screen.to_video(x, y, size)
    aside, middle = (
        max(abs(across.mean() / size[1] - 0.5), abs(down.mean() / size[0] - 0.5))
        for across, down in ((x, y), moved)
    )
    fewer = _beyond(*moved, size) < _beyond(x, y, size) / 2
    return bool(len(x) >= MANY and aside > ASIDE and middle < ASIDE / 2 and fewer)


def _place_unit(gaze: Gaze, size: tuple[int, int], screen: Screen | None) -> str:
    seen = gaze.seen
    if not seen.any():
        return "no row holds a place: every one is lost"
    x, y = gaze.x[seen], gaze.y[seen]
    reach = f"x and y reach {x.max():.0f} and {y.max():.0f}, the video has {size[1]} x {size[0]}"
    most = float(np.quantile(np.abs(np.concatenate([x, y])), MOST_PLACES))
    if most <= FRACTION and min(size) > FRACTION:
        return f"x and y are at most {most:.3g}: fractions of the picture?; expected pixels"
    outside = _beyond(x, y, size)
    if screen is not None and screen.rectangle(size) != (0, 0, size[1], size[0]):
        of_screen = f"pixels of the screen of {screen.width} x {screen.height}?; expected pixels of"
        on = 1 - _beyond(x, y, (screen.height, screen.width))
        if outside > OUTSIDE_KNOWN and on > 1 - OUTSIDE_KNOWN:
            return f"{reach}: {of_screen} the video"
        if _is_aside(x, y, size, screen):
            right, down = 100 * x.mean() / size[1], 100 * y.mean() / size[0]
            return (
                f"the middle of all gaze lies at {right:.0f} % of the video's width and "
                f"{down:.0f} % of its height: {of_screen} the video"
            )
    if outside > OUTSIDE:
        if float((y < 0).mean()) > OUTSIDE:
            return f"y is below 0 in {100 * (y < 0).mean():.0f} % of rows: measured upwards?"
        return f"{reach}: {100 * outside:.0f} % lie beyond it; expected pixels of the video"
    return ""
