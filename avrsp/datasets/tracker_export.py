"""The one form that exports of all eye trackers are read into."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, slots=True)
class Export:
    """The gaze of one viewer, as a tracker exported it.

    Attributes:
        viewer: The name in the file, or the file's.
        samples: Columns `time` (seconds), `x`, `y`, and `stimulus` where the file names it.
        fixations: Columns `time`, `duration` (seconds), `x`, `y`; None where the file has none.
        messages: Times in seconds and texts of what happened.
        fractions: Whether places are fractions of the screen instead of its pixels.
        screen: Width and height in pixels, where the file says.
        zero: When the video began, where the format says.
    """

    viewer: str
    samples: pd.DataFrame
    fixations: pd.DataFrame | None = None
    messages: list[tuple[float, str]] = field(default_factory=list)
    fractions: bool = False
    screen: tuple[int, int] | None = None
    zero: float | None = None
