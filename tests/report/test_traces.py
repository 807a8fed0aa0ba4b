"""The clip over time, of which the spectrogram is computed here."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from avrsp.report.palette import LIGHT
from avrsp.report.traces import BANDS, FLOOR, HIGHEST, HOP, TimeCourse, timeline
from avrsp.types import SOUND_RATE


def spectrogram(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the decibels that are drawn, bands x spectra."""
    seconds = len(waveform) / SOUND_RATE
    times = np.linspace(0, seconds, 5)
    course = TimeCourse(waveform, seconds, (times, times), {}, [])
    (image,) = timeline(course, LIGHT).axes[0].images
    return np.asarray(image.get_array())


def slaney(hertz: float) -> float:
    """Return mel by Slaney's formula: linear to 1000 Hz, 27 steps to 6.4 times as much."""
    return hertz / 200 * 3 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000, 6.4)


@pytest.mark.parametrize("hertz", [400, 1_000, 3_000, 7_000])
def test_a_tone_is_brightest_in_its_band(hertz: float) -> None:
    times = np.arange(SOUND_RATE) / SOUND_RATE
    drawn = spectrogram(np.sin(2 * np.pi * hertz * times).astype(np.float32))
    # centres are equally far apart in mel, the first of them that far above 0
    band = slaney(hertz) / slaney(HIGHEST) * (BANDS + 1) - 1
    assert abs(drawn[:, 20].argmax() - band) <= 1
    assert drawn.max() == 0
    assert np.median(drawn) < FLOOR


def test_half_the_sound_is_drawn_as_half_the_width() -> None:
    waveform = np.zeros(SOUND_RATE, np.float32)
    waveform[: SOUND_RATE // 2] = np.random.default_rng(0).uniform(-1, 1, SOUND_RATE // 2)
    loud: NDArray[np.bool_] = np.all(spectrogram(waveform) > FLOOR, axis=0)
    assert loud.shape == (1 + SOUND_RATE // HOP,)
    assert loud[: loud.size // 2 - 2].all()
    assert not loud[loud.size // 2 + 3 :].any()


@pytest.mark.parametrize("samples", [1, 700, 5_000])
def test_silence_is_black_however_short(samples: int) -> None:
    assert (spectrogram(np.zeros(samples, np.float32)) < FLOOR).all()
