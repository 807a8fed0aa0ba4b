"""A clip over time: its sound, what is retained of it, and the score of each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from avrsp.report.palette import Theme, tidy

BINS: Final = 900
"""Columns in which the waveform's extremes are drawn."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Seconds and values."""


@dataclass(frozen=True, slots=True)
class Course:
    """What is known of a clip over time.

    Attributes:
        waveform: N samples in [-1, 1]; empty without sound.
        duration: Of the picture, in seconds.
        retention: Mean absolute Ret_A.
        scores: CC of each frame by method.
        changes: Seconds at which another object begins to sound.
    """

    waveform: NDArray[np.float32]
    duration: float
    retention: Curve
    scores: Mapping[str, Curve]
    changes: Sequence[float]


def timeline(course: Course, theme: Theme) -> Figure:
    """Draw three panels above each other on one axis of seconds."""
    figure = Figure(figsize=(11.6, 5.2), layout="constrained")
    sound, retained, score = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1, 1.6))
    for place in (sound, retained, score):
        tidy(place, theme)
        for change in course.changes:
            place.axvline(change, color=theme.ink, linewidth=1, linestyle=(0, (4, 3)))
    _draw_sound(sound, course, theme)
    retained.plot(*course.retention, color=theme.audio_visual, marker="o", markersize=3)
    retained.set_ylabel("mean |Ret_A|")
    for method, curve in course.scores.items():
        score.plot(*curve, color=theme.of(method), label=method, linewidth=1.4)
    score.set_ylabel("CC")
    score.set_xlabel("seconds")
    score.set_xlim(0, course.duration)
    if course.scores:
        score.legend(loc="lower right", ncols=2, fontsize=9)
    return figure


def _draw_sound(place: Axes, course: Course, theme: Theme) -> None:
    place.set_ylabel("sound")
    place.set_yticks([])
    if not course.waveform.size:
        place.text(0.5, 0.5, "no sound", transform=place.transAxes, ha="center", va="center")
        return
    parts = np.array_split(course.waveform, min(BINS, course.waveform.size))
    seconds = np.linspace(0, course.waveform.size / 22_050, len(parts))
    low, high = ([float(end(part)) for part in parts] for end in (np.min, np.max))
    place.fill_between(seconds, low, high, color=theme.ink, alpha=0.6, linewidth=0)
