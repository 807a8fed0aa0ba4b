"""Sound tracks: a timbre for each kind of object, and music that belongs to none of them.

The timbres lie in different bands and pulse differently: a motor buzzes below 1.5 kHz, a bird
chirps between 1.6 and 3.6 kHz, a shaker hisses in bursts above 4.5 kHz; music is plucked chords of
pure harmonics between 200 Hz and 1.5 kHz. Pitch, pace, phases and level differ between videos.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from avrsp.params import WorldSound
from avrsp.sample.plan import ObjectKind, PlannedVideo, Stretch, stretches
from avrsp.types import SOUND_RATE

Floats = npt.NDArray[np.float64]
Timbre = Callable[[int, int, np.random.Generator], Floats]
"""Function of length in samples, samples a second and random numbers; its RMS is about 1."""

FADE_SECONDS: Final = 0.02
PEAK: Final = 0.95
PAN: Final = 0.3
"""How much louder than the mean the louder channel of a stereo track is."""

SCALE: Final = (0, 2, 4, 7, 9, 12, 14, 16)
"""Semitones of the music's notes above its key."""

KEYS: Final = (220.0, 330.0)
NOTE_SECONDS: Final = (0.16, 0.24)
NOTES_A_CHORD: Final = 3


def motor(length: int, rate: int, rng: np.random.Generator) -> Floats:
    """A low buzz: harmonics of 85 to 125 Hz that throb 11 to 15 times a second."""
    times = np.arange(length) / rate
    pitch = rng.uniform(85, 125) * (1 + 0.02 * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * times))
    phase = 2 * np.pi * np.cumsum(pitch) / rate + rng.uniform(0, 2 * np.pi)
    buzz = sum(np.sin(order * phase) / order**0.7 for order in range(1, 13))
    throb = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(11, 15) * times + rng.uniform(0, 2 * np.pi))
    return np.asarray(buzz * throb)


def bird(length: int, rate: int, rng: np.random.Generator) -> Floats:
    """Chirps: a tone near 2.5 kHz that sweeps 0.7 kHz up and down 6 to 9 times a second."""
    times = np.arange(length) / rate
    sweep = 2 * np.pi * rng.uniform(6, 9) * times + rng.uniform(0, 2 * np.pi)
    pitch = rng.uniform(2300, 2800) + rng.uniform(600, 800) * np.sin(sweep)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    return np.asarray(np.sin(phase) * (0.6 + 0.4 * np.cos(sweep)))


def shaker(length: int, rate: int, rng: np.random.Generator) -> Floats:
    """Bursts of noise between 4.5 and 8.5 kHz, 8 to 12 times a second."""
    waves = np.fft.rfft(rng.standard_normal(length))
    frequency = np.fft.rfftfreq(length, 1 / rate)
    low, high = rng.uniform(4500, 5000), rng.uniform(7800, 8500)
    hiss = np.fft.irfft(waves * ((frequency > low) & (frequency < high)), length)
    beat = (np.arange(length) / rate * rng.uniform(8, 12) + rng.uniform()) % 1
    return np.asarray(hiss * np.exp(-3 * beat))


def music(length: int, rate: int, rng: np.random.Generator) -> Floats:
    """Broken chords of a plucked instrument; notes ring on into one another."""
    track = np.zeros(length)
    key = rng.uniform(*KEYS)
    times = np.arange(rate) / rate
    step = int(rng.uniform(*NOTE_SECONDS) * rate)
    for start in range(0, length, step):
        for semitone in rng.choice(SCALE, NOTES_A_CHORD, replace=False):
            pitch = key * 2 ** (semitone / 12)
            note = sum(np.sin(2 * np.pi * k * pitch * times) / k**2 for k in range(1, 4))
            note *= np.exp(-5 * times) * np.minimum(times / 0.01, 1)
            rest = length - start
            track[start : start + rate] += note[:rest]
    return track


TIMBRES: Final[Mapping[ObjectKind, Timbre]] = {"motor": motor, "bird": bird, "shaker": shaker}


def sound_format(video: PlannedVideo) -> tuple[int, int]:
    """Return samples a second and channels of a video's track."""
    if "stereo 44100" in video.quirks or video.kind == "unheard":
        return 44_100, 2
    if "stereo 48000" in video.quirks:
        return 48_000, 2
    return SOUND_RATE, 1


def track(video: PlannedVideo, spec: WorldSound, seed: int) -> npt.NDArray[np.int16] | None:
    """Return the sound track as samples x channels at `sound_format`'s rate; None if silent.

    An unheard clip has music in one half of the videos and, in the other, an object's sound that
    says nothing about where its viewers look.
    """
    if video.kind == "silent":
        return None
    rng = video.stream(seed, "sound")
    rate, channels = sound_format(video)
    length = round(video.duration * rate)
    if video.kind == "sounding":
        mono = _objects(stretches(video, spec.stretch, seed), length, rate, rng)
    elif video.distractor is not None:
        mono = TIMBRES[video.distractor](length, rate, rng)
    elif video.kind == "unheard" and rng.uniform() < 0.5:  # noqa: PLR2004 - a half
        mono = TIMBRES[rng.choice(list(TIMBRES))](length, rate, rng)
    else:
        mono = music(length, rate, rng)
    mono *= rng.uniform(*spec.rms) / np.sqrt((mono**2).mean())
    mono *= min(1.0, PEAK / (1 + PAN) / np.abs(mono).max())
    sides = np.linspace(-PAN, PAN, channels) if channels > 1 else np.zeros(1)
    return np.asarray(np.rint(mono[:, None] * (1 + sides) * np.iinfo(np.int16).max), dtype=np.int16)


def _objects(
    schedule: Sequence[Stretch], length: int, rate: int, rng: np.random.Generator
) -> Floats:
    """Return one object's sound after the other's, equally loud, with short fades between them."""
    whole = np.zeros(length)
    for part in schedule:
        first, last = round(part.start * rate), min(round(part.end * rate), length)
        sound = TIMBRES[part.kind](last - first, rate, rng)
        ramp = np.arange(last - first) / (FADE_SECONDS * rate)
        whole[first:last] = sound * np.clip(np.minimum(ramp, ramp[::-1]), 0, 1)
        whole[first:last] /= np.sqrt((sound**2).mean())
    return whole
