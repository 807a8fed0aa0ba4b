"""One resampler and one down-mix: the same sound as a file, an array and a store's recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from avrsp.errors import RawDataError
from avrsp.media import sound
from avrsp.media.probe import probe, probe_sound
from avrsp.media.sound import Resampler, mono
from avrsp.media.soundtrack import Soundtrack
from avrsp.prediction.arrays import waveform_of
from avrsp.types import SOUND_RATE

PICTURE = "-f lavfi -i color=gray:size=64x48:rate=25:duration=1"


def recorded(rate: int, channels: int) -> NDArray[np.int16]:
    """Return a second of noise and tones, other ones in each channel."""
    chance = np.random.default_rng(rate + channels)
    at = np.arange(rate)[:, None] / rate
    tones = np.sin(2 * np.pi * at * np.linspace(200, 3_000, channels))
    noise = chance.uniform(-0.3, 0.3, (rate, channels))
    return np.round(32_767 * (0.5 * tones + noise)).astype(np.int16)


@pytest.mark.parametrize(("rate", "channels"), [(22_050, 1), (44_100, 2), (48_000, 6), (8_000, 1)])
def test_file_array_and_store_hear_the_same(
    make_video: object, tmp_path: Path, rate: int, channels: int
) -> None:
    samples = recorded(rate, channels)
    wav = tmp_path / "sound.wav"
    soundfile.write(wav, samples, rate, subtype="PCM_16")
    assert callable(make_video)
    film = make_video("film.mkv", f"{PICTURE} -i sound.wav -c:v mpeg4 -c:a pcm_s16le")
    store = sound.read(wav)
    assert (store.rate, store.channels) == (rate, channels)
    for found in (
        waveform_of(samples, rate),
        Soundtrack(probe(film).sound)[:],
        Soundtrack(probe_sound(wav))[:],
    ):
        assert len(found) == pytest.approx(len(store.waveform), abs=1)
        common = min(len(found), len(store.waveform))
        np.testing.assert_allclose(found[:common], store.waveform[:common], atol=2e-6)
    expected = samples.astype(np.float64).mean(1) / 32_768
    if rate == SOUND_RATE:
        np.testing.assert_allclose(store.waveform, expected, atol=1e-7)


@pytest.mark.parametrize("piece", [1, 777, 20_000])
def test_pieces_make_no_difference(piece: int) -> None:
    samples = recorded(44_100, 2) / 32_768
    resampler = Resampler(44_100)
    parts = [
        resampler.resampled(samples[start : start + piece], last=start + piece >= len(samples))
        for start in range(0, 20_000 if piece == 1 else len(samples), piece)
    ]
    whole = mono(samples, 44_100)
    found = np.concatenate(parts)
    np.testing.assert_allclose(found, whole[: len(found)], atol=1e-7)


def test_a_tone_keeps_its_height_and_what_is_too_high_is_gone() -> None:
    at = np.arange(96_000) / 96_000
    low = mono(0.5 * np.sin(2 * np.pi * 441 * at)[:, None], 96_000)
    assert np.abs(np.fft.rfft(low)).argmax() == 441
    assert np.abs(low[500:-500]).max() == pytest.approx(0.5, abs=0.001)
    high = mono(0.5 * np.sin(2 * np.pi * 15_000 * at)[:, None], 96_000)
    assert np.abs(high[500:-500]).max() < 1e-4


def test_sound_is_decoded_no_further_than_asked_for(make_video: object) -> None:
    assert callable(make_video)
    film = make_video("long.mkv", f"{PICTURE} -f lavfi -i sine=duration=60 -c:a pcm_s16le")
    track = Soundtrack(probe(film).sound)
    assert len(track[1000:2000]) == 1000
    assert track.size < 10 * SOUND_RATE
    assert len(track[59 * SOUND_RATE : 61 * SOUND_RATE]) == SOUND_RATE
    assert track[5_000_000:].size == 0


def test_only_undecodable_sound_is_said_and_counts_as_none(make_video: object) -> None:
    assert callable(make_video)
    film = make_video(
        "apac.mov", f"{PICTURE} -f lavfi -i sine=duration=1 -c:v mpeg4 -c:a pcm_s16le -f mov"
    )
    content = film.read_bytes()
    film.write_bytes(content.replace(b"sowt", b"apac", 1))
    track = Soundtrack(probe(film).sound)
    assert track.size == 0
    assert track.complaint


def test_a_text_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_text("nothing")
    with pytest.raises(RawDataError, match="cannot be read"):
        sound.read(tmp_path / "no.wav")
