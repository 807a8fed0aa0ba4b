"""One rule for all sound: the mean of the channels, resampled to the rate of every store.

Files, arrays and stores pass through it, so that a network hears the same wherever sound is from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from avrsp.errors import RawDataError
from avrsp.types import SOUND_RATE

Waveform = NDArray[np.float32]

PLAUSIBLE: Final = range(4_000, 192_001)
"""Samples a second; a header that says otherwise lies."""

QUALITY: Final = "HQ"
"""Of soxr: a pass band up to 0.91 of the lower Nyquist frequency, 120 dB down beyond it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound track.

    Attributes:
        waveform: N float32 in [-1, 1], mono at 22,050 Hz.
        rate: Samples a second of the file.
        channels: Of the file; their mean is taken.
    """

    waveform: NDArray[np.float32]
    rate: int
    channels: int


class Resampler:
    """Turns sound that comes piece by piece into mono at another rate, whatever the pieces."""

    def __init__(self, rate: float, target: int = SOUND_RATE) -> None:
        self._stream = (
            None
            if rate == target
            else soxr.ResampleStream(rate, target, 1, dtype="float32", quality=QUALITY)
        )

    def resampled(self, piece: NDArray[np.floating], *, last: bool = False) -> Waveform:
        """Return what the next samples N x C in [-1, 1] give, M in [-1, 1].

        Some of it comes only with the next pieces, all that is left with the last one.
        """
        mixed: Waveform = piece.mean(1, dtype=np.float64).astype(np.float32)
        if self._stream is not None:
            mixed = self._stream.resample_chunk(mixed, last=last)
        return mixed.clip(-1, 1)


def mono(samples: NDArray[np.floating], rate: float, target: int = SOUND_RATE) -> Waveform:
    """Return samples N x C in [-1, 1] as their mean, M float32 at `target` samples a second."""
    return Resampler(rate, target).resampled(samples, last=True)


def read(path: Path) -> Sound:
    """Read a WAV file, and resample it where its rate is another one.

    Raises:
        RawDataError: Not a sound file, or one that holds no plausible sound.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, ValueError) as error:
        raise RawDataError(f"{path}: cannot be read ({error})") from None
    if rate not in PLAUSIBLE or not np.isfinite(samples).all():
        raise RawDataError(f"{path}: {rate} samples a second, or samples that are not finite")
    return Sound(mono(samples, rate), rate, samples.shape[1])
