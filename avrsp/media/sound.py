"""The sound of a WAV file or of a video, mono at the rate of every store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from avrsp.errors import RawDataError
from avrsp.media import decode
from avrsp.media.probe import probe
from avrsp.types import SOUND_RATE

PLAUSIBLE: Final = range(4_000, 192_001)
"""Samples a second; a header that says otherwise lies."""


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


def read(path: Path) -> Sound:
    """Read a WAV file, and resample it where its rate is another one, or the sound of a video.

    A video's sound begins with its first frame, see `decode.read_sound`.

    Raises:
        RawDataError: Not a sound file, or one that holds no plausible sound.
    """
    if path.suffix.lower() != ".wav":
        return _of_video(path)
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, ValueError, MemoryError) as error:
        raise RawDataError(f"{path}: cannot be read ({error})") from None
    if rate not in PLAUSIBLE or not np.isfinite(samples).all():
        raise RawDataError(f"{path}: {rate} samples a second, or samples that are not finite")
    mono = samples.mean(axis=1)
    if rate != SOUND_RATE and len(mono):
        mono = _resampled(mono, rate)
    return Sound(np.clip(mono, -1, 1).astype(np.float32), rate, samples.shape[1])


def _of_video(path: Path) -> Sound:
    media = probe(path)
    waveform = decode.read_sound(path, rate=SOUND_RATE)
    return Sound(waveform, media.sound_rate or SOUND_RATE, media.sound_channels or 1)


def _resampled(mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    import librosa  # noqa: PLC0415 - takes two seconds, and few files need it

    return np.asarray(
        librosa.resample(mono, orig_sr=rate, target_sr=SOUND_RATE, res_type="soxr_hq")
    )
