"""I-DT and I-VT on gaze of which it is known where it rests."""

from __future__ import annotations

import numpy as np
import pytest

from avrsp.datasets.fixation_detection import DETECTORS, detect

RATE = 250


def scanpath(rate: int = RATE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three fixations of 0.4 s at 100, 300 and 200 pixels, with saccades of 40 ms between."""
    rng = np.random.default_rng(3)
    place: list[float] = []
    for begin, end in ((100, 300), (300, 200), (200, 200)):
        place += [begin] * round(0.4 * rate)
        place += list(np.linspace(begin, end, round(0.04 * rate)))
    x = np.array(place[: -round(0.04 * rate)]) + rng.normal(0, 0.5, len(place) - round(0.04 * rate))
    return np.arange(len(x)) / rate, x, np.full(len(x), 50.0)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("rate", [60, 250, 1000])
def test_fixations_are_found_where_they_are(name: str, rate: int) -> None:
    times, x, y = scanpath(rate)
    found = detect(name, times, x, y, (30.0, 30.0))
    np.testing.assert_allclose(found.x, [100, 300, 200], atol=4)
    np.testing.assert_allclose(found.y, 50)
    np.testing.assert_allclose(found.start, [0, 0.44, 0.88], atol=0.04)
    np.testing.assert_allclose(found.duration, 0.4, atol=0.05)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_loss_ends_a_fixation_and_short_ones_do_not_count(name: str) -> None:
    times, x, y = scanpath()
    x[50] = np.nan  # in the middle of the first
    x[115:135] = np.nan  # leaves less than 0.1 s before it of the second
    found = detect(name, times, x, y, (30.0, 30.0))
    np.testing.assert_allclose(found.x, [100, 100, 300, 200], atol=4)
    assert (found.duration >= 0.1 - 1e-9).all()


def test_idt_takes_the_widths_along_both_axes_together() -> None:
    times = np.arange(100) / 100
    x = np.linspace(0, 9, 100)
    assert len(detect("idt", times, x, np.zeros(100), (10.0, 10.0)).x) == 1
    assert len(detect("idt", times, x, x, (10.0, 10.0)).x) == 2


def test_pixels_in_a_degree_differ_down_and_along() -> None:
    times, zeros = np.arange(100) / 100, np.zeros(100)
    x = np.linspace(0, 15, 100)
    assert len(detect("idt", times, x, zeros, (10.0, 20.0)).x) == 1
    assert len(detect("idt", times, zeros, x, (10.0, 20.0)).x) == 2


@pytest.mark.parametrize("name", DETECTORS)
def test_nothing_is_found_in_nothing(name: str) -> None:
    lost = np.full(20, np.nan)
    assert not len(detect(name, np.arange(20) / 100, lost, lost, (1.0, 1.0)).x)
    assert not len(detect(name, np.array([0.5]), np.ones(1), np.ones(1), (1.0, 1.0)).x)
    assert not len(detect(name, np.zeros(0), np.zeros(0), np.zeros(0), (1.0, 1.0)).x)
