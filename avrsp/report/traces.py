"""A clip over time: its sound, what RAVF retains of it, and the score of each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from avrsp.report.palette import Theme, tidy
from avrsp.types import SOUND_RATE

SplitVideoKey = tuple[str, int | str, str]
"""Dataset, split and video."""

BANDS: Final = 64
HIGHEST: Final = 8_000
"""Mel bands of the drawn spectrogram, up to a frequency in Hz: they show which object sounds."""
FLOOR: Final = -60
"""Decibels below the loudest at which the spectrogram is black."""
FFT: Final = 1_024
HOP: Final = 256
"""Samples of a spectrum, and from one to the next."""
LEAST: Final = 1e-4
"""Power that the loudest band counts as at least, so that silence is black and not bright."""
DARKEST: Final = 1e-9
"""Share of the loudest power that stands for less, of which there may be no logarithm."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Seconds and values."""


@dataclass(frozen=True, slots=True)
class TimeCourse:
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


def timeline(course: TimeCourse, theme: Theme) -> Figure:
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


def _draw_sound(place: Axes, course: TimeCourse, theme: Theme) -> None:
    place.set_ylabel("sound (mel)")
    place.set_yticks([])
    if not course.waveform.size:
        place.text(0.5, 0.5, "no sound", transform=place.transAxes, ha="center", va="center")
        return
    from librosa.filters import mel  # noqa: PLC0415 - takes a second

    # librosa's own spectrogram would first have what it does not need compiled, for 20 seconds
    bands = mel(sr=SOUND_RATE, n_fft=FFT, n_mels=BANDS, fmax=HIGHEST)
    spectra = ShortTimeFFT(hann(FFT, sym=False), HOP, SOUND_RATE)
    waveform = np.pad(course.waveform, (0, max(0, FFT - course.waveform.size)))
    power = bands @ spectra.spectrogram(waveform, p0=0, p1=1 + waveform.size // HOP)
    decibels = 10 * np.log10(np.maximum(power / max(power.max(), LEAST), DARKEST))
    extent = (0, waveform.size / SOUND_RATE, 0, BANDS)
    place.imshow(
        decibels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=FLOOR, vmax=0
    )
