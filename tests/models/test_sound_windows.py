from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from avrsp.models import windows

RATE = 22_050


def published(
    sound: NDArray[np.float32], fps: float, first: int, length: int, size: int
) -> NDArray[np.float64]:
    """Steps 2 to 5 of the public codes, frame by frame, with 1-based frame numbers."""
    starts, ends = [0], [0]
    for number in range(1, 1 + math.ceil(len(sound) / RATE * fps)):
        centre = (number - 1) / fps * RATE
        starts.append(int(max(0, centre - RATE / (2 * fps))))
        ends.append(int(min(len(sound), abs(centre + RATE / (2 * fps)))))
    excerpt = sound[starts[first + 1] : ends[first + length] + 1].astype(np.float64)
    n = len(excerpt)
    excerpt *= np.array([0.5 - 0.5 * math.cos(2 * math.pi * k / (n - 1)) for k in range(n)])
    buffer = np.zeros(size)
    if n % 2 == 0:
        buffer[size // 2 - n // 2 : size // 2 + n // 2] = excerpt
    else:
        buffer[size // 2 - n // 2 : size // 2 + n // 2 + 1] = excerpt
    return buffer


@pytest.fixture
def noise() -> NDArray[np.float32]:
    return np.random.default_rng(5).uniform(-1, 1, 8 * RATE).astype(np.float32)


@pytest.mark.parametrize(
    ("fps", "length", "expected"),
    [
        (25, 32, 28_224),
        (30, 32, 23_520),
        (23.976, 32, 29_429),
        (15, 32, 47_040),
        (25, 16, 14_112),
        (30, 16, 11_760),
        (23.976, 16, 14_715),
        (15, 16, 23_520),
    ],
)
def test_a_window_spans_the_published_number_of_samples(
    fps: float, length: int, expected: int
) -> None:
    start, stop = windows.extent(windows.ending_at(60, length, 200) / fps, fps)
    assert stop - start in {expected + 1, expected + 2}


def test_the_first_window_lacks_half_a_frame() -> None:
    # frame 31 at 25 fps: 31 x 882 + 441 = 27783 is the last sample, 0 the first
    assert windows.extent(windows.ending_at(31, 32, 100) / 25, 25) == (0, 27_784)
    assert windows.extent(windows.ending_at(32, 32, 100) / 25, 25) == (441, 28_666)


@pytest.mark.parametrize("fps", [14.99985, 23.976024, 24.99975, 29.97003, 29.9997, 30.0])
@pytest.mark.parametrize("frame", [31, 32, 77, 100])
def test_forward_windows_agree_with_the_public_arithmetic(
    noise: NDArray[np.float32], fps: float, frame: int
) -> None:
    found = windows.excerpt(noise, windows.ending_at(frame, 32, 101) / fps, fps, 70_560)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, published(noise, fps, frame - 31, 32, 70_560), atol=1e-6)


def test_a_reversed_window_plays_its_sound_backwards(noise: NDArray[np.float32]) -> None:
    backwards = windows.excerpt(noise, windows.ending_at(3, 16, 100) / 25, 25, 35_280)
    forwards = published(noise, 25, 3, 16, 35_280)
    centre = slice(35_280 // 2 - 7_056, 35_280 // 2 + 7_057)
    np.testing.assert_allclose(backwards[centre], forwards[centre][::-1], atol=1e-6)
    assert not backwards[: centre.start].any()
    assert not backwards[centre.stop :].any()


def test_a_long_excerpt_keeps_its_middle(noise: NDArray[np.float32]) -> None:
    window = windows.ending_at(40, 32, 60)
    whole = windows.excerpt(noise, window / 9.0, 9.0, 100_000)
    cropped = windows.excerpt(noise, window / 9.0, 9.0, 70_560)
    start, stop = windows.extent(window / 9.0, 9.0)
    surplus = (stop - start - 70_560) // 2
    first = 50_000 - (stop - start) // 2 + surplus
    np.testing.assert_array_equal(cropped, whole[first : first + 70_560])
    assert cropped[0] != 0


@pytest.mark.parametrize("length", [0, 441, RATE])
def test_no_sound_where_the_track_ended_before_the_window(length: int) -> None:
    loud = np.ones(length, np.float32)
    found = windows.excerpt(loud, windows.ending_at(90, 32, 100) / 25, 25, 70_560)
    assert found.shape == (70_560,)
    assert not found.any()


def test_a_track_that_ends_inside_the_window_is_weighted_as_far_as_it_goes() -> None:
    loud = np.ones(30_000, np.float32)
    found = windows.excerpt(loud, windows.ending_at(50, 32, 100) / 25, 25, 70_560)
    start, _ = windows.extent(windows.ending_at(50, 32, 100) / 25, 25)
    remaining = 30_000 - start
    assert np.count_nonzero(found) == remaining - 2  # both ends of a Hann window are zero
    assert found.max() == pytest.approx(1, abs=1e-6)


def test_one_frame_of_a_one_frame_video_plays_forwards(noise: NDArray[np.float32]) -> None:
    found = windows.excerpt(noise, windows.ending_at(0, 32, 1) / 25, 25, 70_560)
    expected = noise[:442] * np.hanning(442)
    np.testing.assert_allclose(found[35_280 - 221 : 35_280 + 221], expected, atol=1e-6)


def test_a_varying_rate_has_the_sound_at_its_frames_own_times(noise: NDArray[np.float32]) -> None:
    # three seconds without a change, which a screen recorder leaves out, then 30 frames a second
    times = np.concatenate([np.arange(30) / 30, 4 + np.arange(30) / 30])
    shown = times[windows.ending_at(59, 8, 60)]
    half = 1 / 26
    found = windows.excerpt(noise, shown, 13.0, 17_640)
    start, stop = int((shown[0] - half) * RATE), int((shown[-1] + half) * RATE) + 1
    expected = noise[start:stop] * np.hanning(stop - start)
    offset = 17_640 // 2 - len(expected) // 2
    np.testing.assert_allclose(found[offset : offset + len(expected)], expected, atol=1e-6)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_long_uneven_window_keeps_the_sound_of_what_is_predicted(backwards: bool) -> None:
    times = np.array([0, 0.1, 0.2, 0.3, 5.0, 5.1, 5.2, 5.3])
    shown = times[::-1] if backwards else times
    loud = np.zeros(8 * RATE, np.float32)
    moment = 0.5 if backwards else 4.8
    loud[round(moment * RATE)] = 1
    found = windows.excerpt(loud, shown, 2.0, RATE)
    assert np.count_nonzero(found) == 1


def test_times_of_a_constant_rate_are_its_frame_numbers(noise: NDArray[np.float32]) -> None:
    for fps in (15.0, 23.976023976023978, 25.0, 29.97002997002997):
        times = np.arange(200) / fps
        for frame in (3, 40, 150):
            window = windows.ending_at(frame, 32, 200)
            assert windows.extent(times[window], fps) == (
                int(max(window.min() / fps * RATE - RATE / (2 * fps), 0)),
                int(window.max() / fps * RATE + RATE / (2 * fps)) + 1,
            )
