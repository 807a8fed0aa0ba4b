from __future__ import annotations

import math

import numpy as np
import pytest

from avrsp.datasets import gaze
from avrsp.datasets.gaze import Annotation


def points(*pairs: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.array(pairs, np.int16).reshape(-1, 2)


@pytest.fixture
def annotation() -> Annotation:
    who = [np.array(each, np.int16) for each in ([0, 1], [], [1])]
    return Annotation([points((3, 4), (10, 20)), points(), points((5, 6))], (16, 32), 25.0, who)


def test_points_are_those_of_a_frame_and_of_an_observer(annotation: Annotation) -> None:
    assert [each.tolist() for each in annotation.of(1)] == [[[10, 20]], [], [[5, 6]]]
    assert [len(each) for each in annotation.of(0)] == [1, 0, 0]
    assert annotation.listed().tolist() == [[0, 0, 3, 4], [0, 1, 10, 20], [2, 1, 5, 6]]


def test_who_looked_stays_known_in_another_size(annotation: Annotation) -> None:
    assert annotation.resized((32, 64)).listed().tolist()[2] == [2, 1, 11, 13]


def test_unknown_observers_are_refused() -> None:
    with pytest.raises(ValueError, match="without their observers"):
        Annotation([points((1, 1))], (4, 4), 25.0).of(0)


def test_the_density_is_a_sum_of_gaussians_at_the_fixated_pixels(annotation: Annotation) -> None:
    found = annotation.density(0, 2.0)
    assert found.shape == (16, 32)
    assert found.dtype == np.float32
    expected = sum(
        math.exp(-((6 - row) ** 2 + (7 - col) ** 2) / (2 * 2.0**2))
        for row, col in ((3, 4), (10, 20))
    )
    assert found[6, 7] == pytest.approx(expected, rel=1e-5)
    assert found.argmax() in {3 * 32 + 4, 10 * 32 + 20}
    assert not annotation.density(1, 2.0).any()


def test_a_deviation_in_degrees_is_one_in_pixels(annotation: Annotation) -> None:
    per_degree = gaze.pixels_per_degree(1280, width=40.0, distance=90.0)
    assert per_degree == pytest.approx(1280 / 40 * 1.5708, rel=1e-4)
    np.testing.assert_array_equal(
        annotation.density(0, 0.1, per_degree=per_degree), annotation.density(0, 0.1 * per_degree)
    )
