from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from avrsp.params import WorldParams
from avrsp.sample import synthesis
from avrsp.sample.plan import PlannedVideo, plan, stretches

SEED = 7
RATE = 22_050
SOURCES: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "motor": synthesis.motor,
    "bird": synthesis.bird,
    "shaker": synthesis.shaker,
    "music": synthesis.music,
}
BANDS = {"motor": (0, 1700), "bird": (1400, 3800), "shaker": (4300, 9000), "music": (150, 3800)}


def share_in(band: tuple[int, int], wave: np.ndarray, rate: int = RATE) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    frequency = np.fft.rfftfreq(len(wave), 1 / rate)
    inside = power[(frequency >= band[0]) & (frequency <= band[1])]
    return float(inside.sum() / power.sum())


def loudness(wave: np.ndarray) -> float:
    return float(np.sqrt((wave**2).mean()))


@pytest.fixture
def sounding(spec: WorldParams) -> list[PlannedVideo]:
    return [video for video in plan(spec, SEED) if video.kind == "sounding"][:12]


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_keeps_to_its_band(name: str) -> None:
    wave = SOURCES[name](RATE, RATE, np.random.default_rng(1))
    assert share_in(BANDS[name], wave) > 0.97


@pytest.mark.parametrize("name", SOURCES)
def test_no_two_tracks_of_a_source_are_the_same(name: str) -> None:
    one, two = (SOURCES[name](RATE, RATE, np.random.default_rng(seed)) for seed in (1, 2))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.3


def octaves(wave: np.ndarray) -> np.ndarray:
    """Log power in 16 bands of equal ratio between 60 Hz and 11 kHz."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(len(wave), 1 / RATE), np.geomspace(60, 11_000, 17))
    return np.asarray(np.log(np.add.reduceat(power, edges)[:-1] / power.sum() + 1e-4))


def test_half_a_second_tells_every_source_from_every_other() -> None:
    def excerpts(seeds: range) -> dict[str, list[np.ndarray]]:
        return {
            name: [
                octaves(source(RATE, RATE, np.random.default_rng(seed))[4000:15025])
                for seed in seeds
            ]
            for name, source in SOURCES.items()
        }

    means = {name: np.mean(waves, axis=0) for name, waves in excerpts(range(10)).items()}
    for name, waves in excerpts(range(100, 115)).items():
        for wave in waves:
            distances = {other: np.linalg.norm(wave - mean) for other, mean in means.items()}
            assert min(distances, key=distances.__getitem__) == name


def test_an_object_is_heard_exactly_while_it_is_followed(
    spec: WorldParams, sounding: list[PlannedVideo]
) -> None:
    for video in sounding:
        wave = synthesis.track(video, spec.sound, SEED)
        assert wave is not None
        rate, _ = synthesis.sound_format(video)
        for part in stretches(video, spec.sound.stretch, SEED):
            assert part.end - part.start >= spec.sound.stretch - 1e-9
            heard = wave[round(part.start * rate) : round(part.end * rate)].mean(axis=1)
            assert share_in(BANDS[part.kind], heard, rate) > 0.95


def test_loudness_says_nothing_about_the_kind(
    spec: WorldParams, sounding: list[PlannedVideo]
) -> None:
    for video in sounding:
        wave = synthesis.track(video, spec.sound, SEED)
        assert wave is not None
        rate, _ = synthesis.sound_format(video)
        levels = [
            loudness(wave[round(part.start * rate) : round(part.end * rate)].mean(axis=1))
            for part in stretches(video, spec.sound.stretch, SEED)
        ]
        assert max(levels) / min(levels) < 1.1


@pytest.mark.parametrize("kind", ["sounding", "music", "unheard"])
def test_tracks_are_as_long_as_the_video_and_as_loud_as_asked(spec: WorldParams, kind: str) -> None:
    for video in [video for video in plan(spec, SEED) if video.kind == kind][:6]:
        wave = synthesis.track(video, spec.sound, SEED)
        rate, channels = synthesis.sound_format(video)
        assert wave is not None
        assert wave.shape == (round(video.duration * rate), channels)
        assert wave.dtype == np.int16
        level = loudness(wave.mean(axis=1) / 32767)
        assert 0.08 <= level <= spec.sound.rms[1] + 0.001
        assert np.abs(wave.astype(int)).max() < 32767


def test_silent_videos_have_no_track_and_quirky_ones_other_formats(spec: WorldParams) -> None:
    formats = {
        quirk: synthesis.sound_format(video) for video in plan(spec, SEED) for quirk in video.quirks
    }
    assert formats["stereo 44100"] == (44_100, 2)
    assert formats["stereo 48000"] == (48_000, 2)
    assert formats["one frame fewer"] == (22_050, 1)
    silent = [video for video in plan(spec, SEED) if video.kind == "silent"]
    assert all(synthesis.track(video, spec.sound, SEED) is None for video in silent)
