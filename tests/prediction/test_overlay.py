from __future__ import annotations

import numpy as np
import pytest

from avrsp.prediction.exports import beside, grey, paint


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (37, 51, 3)).astype(np.uint8)


def test_the_peak_glows_and_the_rest_stays(picture: np.ndarray) -> None:
    saliency = np.zeros((16, 24), np.float32)
    saliency[2:4, 20:22] = 1e-3  # the scale of a map is open
    painted = paint(picture, saliency)
    assert painted.shape == picture.shape
    assert painted.dtype == np.uint8
    np.testing.assert_array_equal(painted[18:, :30], picture[18:, :30])
    changed = np.abs(painted.astype(int) - picture).sum(2)
    row, column = np.unravel_index(changed.argmax(), changed.shape)
    assert abs(row - 7) <= 4
    assert abs(column - 44) <= 5
    assert painted[6, 44].mean() > 0.7 * np.mean([252, 255, 164])  # inferno's brightest


def test_the_picture_shows_through_at_the_peak() -> None:
    saliency = np.zeros((8, 8), np.float32)
    saliency[2:6, 2:6] = 1
    dark = np.zeros((64, 64, 3), np.uint8)
    lighter, darker = paint(~dark, saliency)[32, 32], paint(dark, saliency)[32, 32]
    np.testing.assert_allclose(lighter.astype(np.int64) - darker, 64, atol=3)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_map_changes_nothing(picture: np.ndarray, value: float) -> None:
    np.testing.assert_array_equal(paint(picture, np.full((8, 8), value, np.float32)), picture)


def test_grey_levels_span_the_range() -> None:
    levels = np.asarray(grey(np.array([[0.2, 0.4], [0.3, 0.6]], np.float16)))
    np.testing.assert_allclose(levels, [[0, 127], [64, 255]], atol=1)


def test_two_pictures_stand_side_by_side(picture: np.ndarray) -> None:
    both = beside(picture, 255 - picture)
    assert both.shape == (37, 102, 3)
    np.testing.assert_array_equal(both[:, :51], picture)
