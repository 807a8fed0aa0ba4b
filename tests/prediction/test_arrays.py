"""Frames and sound as other libraries give them: right, or refused by the argument's name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avrsp.errors import RawDataError
from avrsp.prediction.arrays import FRAME_RATES, frames_of, number, waveform_of

RNG = np.random.default_rng(3)
FRAMES = RNG.integers(0, 256, (4, 10, 12, 3), np.uint8)
SOUND = (0.9 * np.sin(np.arange(3_000) / 7)).astype(np.float32)


@pytest.mark.parametrize(
    "given",
    [
        FRAMES,
        FRAMES.transpose(0, 3, 1, 2),
        torch.from_numpy(FRAMES),
        torch.from_numpy(FRAMES).permute(0, 3, 1, 2),
        list(FRAMES),
        [torch.from_numpy(frame) for frame in FRAMES],
        FRAMES[:, ::-1][:, ::-1],
        (FRAMES / 255).astype(np.float32),
        FRAMES / 255,
    ],
)
def test_frames_in_any_usual_form_are_the_same(given: object) -> None:
    np.testing.assert_array_equal(frames_of(given), FRAMES)


@pytest.mark.parametrize(
    "given",
    [
        FRAMES[0],
        FRAMES[:0],
        FRAMES[:, :0],
        FRAMES[..., 0],
        FRAMES[..., :2],
        FRAMES.astype(np.float32),
        FRAMES.astype(np.int64),
        np.where(FRAMES > 250, np.nan, FRAMES / 255),
        (frame for frame in FRAMES),
        [FRAMES[0], FRAMES[1, :5]],
        None,
        7,
    ],
)
def test_other_frames_are_refused_by_name(given: object) -> None:
    with pytest.raises(RawDataError, match=r"^video: found .*expected"):
        frames_of(given)


@pytest.mark.parametrize(
    "given",
    [
        SOUND,
        SOUND.astype(np.float64),
        SOUND.tolist(),
        torch.from_numpy(SOUND),
        torch.from_numpy(SOUND)[None],
        SOUND[None],
        SOUND[:, None],
        np.stack([SOUND, SOUND], 1),
        np.stack([SOUND, SOUND]),
        np.stack([SOUND + 0.05, SOUND - 0.05], 1),
        np.round(SOUND * 32_768).astype(np.int16),
        np.round(SOUND.astype(np.float64) * 2**31).astype(np.int32),
        np.round(SOUND * 128 + 128).astype(np.uint8),
    ],
)
@pytest.mark.parametrize("rate", [22_050, 22_050.0, np.int64(22_050)])
def test_sound_in_any_usual_form_is_the_same(given: object, rate: float) -> None:
    found = waveform_of(given, rate)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, SOUND, atol=0.005)


def test_sound_of_another_rate_keeps_its_length() -> None:
    for rate in (8_000, 44_100, 48_000, 96_000):
        assert len(waveform_of(SOUND, rate)) == pytest.approx(3_000 * 22_050 / rate, abs=1)
    assert waveform_of(np.zeros((0, 2), np.float32), 22_050).shape == (0,)


@pytest.mark.parametrize(
    "given",
    [
        np.where(np.arange(3_000) == 9, np.nan, SOUND),
        np.where(np.arange(3_000) == 9, np.inf, SOUND),
        3 * SOUND,
        32_768 * SOUND,
        SOUND.astype(np.int64),
        SOUND.astype(complex),
        SOUND > 0,
        np.zeros((70, 80), np.float32),
        SOUND[None, None],
        "sound.wav",
        [[0.1, 0.2], [0.3]],
    ],
)
def test_other_sound_is_refused_by_name(given: object) -> None:
    with pytest.raises(RawDataError, match=r"^waveform: found .*expected"):
        waveform_of(given, 22_050)


@pytest.mark.parametrize("rate", [0, -22_050, 5, float("nan"), float("inf"), 10**9, "fast", True])
def test_nonsense_rates_are_refused_by_name(rate: object) -> None:
    with pytest.raises(RawDataError, match=r"^sample_rate: found .*samples a second"):
        waveform_of(SOUND, rate)
    with pytest.raises(RawDataError, match=r"^fps: found .*frames a second"):
        number("fps", rate if rate not in {5, True} else -1, FRAME_RATES, "frames a second")
