from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from avrsp.prediction.exports import grey
from avrsp.prediction.kept_maps import density
from avrsp.prediction.overlay import Painter, Panel, levels, paint
from avrsp.prediction.overlay_style import FIXED, OverlayStyle, ScaleName

STYLE = OverlayStyle()


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (37, 51, 3)).astype(np.uint8)


def peaked(value: float = 1.0) -> np.ndarray:
    saliency = np.zeros((16, 24), np.float32)
    saliency[2:4, 20:22] = value
    return saliency


def shown(picture: np.ndarray, saliency: np.ndarray, style: OverlayStyle = STYLE) -> np.ndarray:
    """The overlay without its colour bar, scaled by this map alone."""
    values = density(saliency)
    return paint(picture, levels(values, float(values.max())), style)


@pytest.mark.parametrize("value", [1e-3, 1.0, 1e3])  # the scale of a map is open
def test_the_peak_glows_and_the_rest_stays(picture: np.ndarray, value: float) -> None:
    painted = shown(picture, peaked(value))
    assert painted.shape == picture.shape
    assert painted.dtype == np.uint8
    np.testing.assert_array_equal(painted[18:, :30], picture[18:, :30])
    changed = np.abs(painted.astype(int) - picture).sum(2)
    row, column = np.unravel_index(changed.argmax(), changed.shape)
    assert abs(row - 7) <= 4
    assert abs(column - 44) <= 5
    assert painted[6, 44].mean() > 0.7 * np.mean([252, 255, 164])  # inferno's brightest


@pytest.mark.parametrize("opacity", [0.25, 0.75, 1.0])
def test_so_much_of_the_picture_shows_through_at_the_peak(opacity: float) -> None:
    saliency = np.zeros((8, 8), np.float32)
    saliency[2:6, 2:6] = 1
    dark = np.zeros((64, 64, 3), np.uint8)
    style = OverlayStyle(opacity=opacity)
    lighter, darker = (shown(each, saliency, style)[32, 32] for each in (~dark, dark))
    np.testing.assert_allclose(lighter.astype(np.int64) - darker, 255 * (1 - opacity), atol=3)


@pytest.mark.parametrize("colormap", ["inferno", "magma", "plasma", "viridis", "cividis"])
def test_the_peak_has_the_last_colour_of_the_map(colormap: str) -> None:
    style = OverlayStyle(colormap=colormap, opacity=1.0)  # type: ignore[arg-type]
    saliency = np.zeros((8, 8), np.float32)
    saliency[2:6, 2:6] = 1
    found = shown(np.zeros((64, 64, 3), np.uint8), saliency, style)[32, 32]
    np.testing.assert_allclose(found, 255 * np.array(mpl.colormaps[colormap](1.0)[:3]), atol=2)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_map_changes_nothing(picture: np.ndarray, value: float) -> None:
    saliency = np.full((8, 8), value, np.float16)
    np.testing.assert_array_equal(shown(picture, saliency), picture)


def test_a_density_is_in_multiples_of_an_even_spread() -> None:
    saliency = np.array([[1.0, 3.0], [0.0, 4.0]], np.float16)
    np.testing.assert_allclose(density(saliency), [[0.5, 1.5], [0.0, 2.0]])
    np.testing.assert_allclose(levels(density(saliency), 3.0), [[0, 0.25], [0, 0.5]])


def changes(scale: ScaleName, greatest: float) -> list[float]:
    """How much a sharp and a blurred map change a grey picture at their peaks."""
    sharp, blurred = np.ones((16, 16)), np.ones((16, 16))
    sharp[4:8, 4:8], blurred[4:8, 4:8] = 40, 3
    picture = np.full((64, 64, 3), 20, np.uint8)
    painter = Painter(OverlayStyle(scale=scale), [Panel()], greatest)
    return [
        float(painter.show(picture, [each])[24, 24].astype(int).sum() - 60)
        for each in (sharp, blurred)
    ]


def test_one_scale_over_the_clip_shows_which_frame_is_sure() -> None:
    sharp, blurred = changes("clip", greatest=12.0)
    assert sharp > 4 * blurred > 0


def test_a_scale_of_each_frame_hides_it() -> None:
    sharp, blurred = changes("frame", greatest=12.0)
    assert sharp == pytest.approx(blurred, abs=2)


def test_the_fixed_scale_is_the_same_for_every_clip() -> None:
    assert changes("fixed", greatest=2.0) == changes("fixed", greatest=200.0)
    assert levels(np.array([FIXED, FIXED + 5]), FIXED).tolist() == [1, 1]


def test_panels_stand_side_by_side_by_one_scale() -> None:
    picture = np.full((128, 160, 3), 90, np.uint8)
    sharp, even = peaked(), np.ones((16, 24), np.float32)
    both = Painter(STYLE, [Panel(), Panel()], 50.0).show(picture, [sharp, even])
    assert both.shape == (128, 320, 3)
    np.testing.assert_array_equal(both[:90, 160:], picture[:90])  # without peak, without colour
    assert not np.array_equal(both[:90, :160], picture[:90])
    plain = Painter(STYLE, [Panel()], 50.0, plain=True).show(picture, [sharp])
    np.testing.assert_array_equal(plain[:, :160], picture)


def test_the_bar_the_name_and_the_mark_are_in_their_corners() -> None:
    picture = np.full((180, 320, 3), 90, np.uint8)
    even = np.ones((16, 24), np.float32)

    def differing(panel: Panel) -> dict[str, bool]:
        found = Painter(STYLE, [panel], 7.0).show(picture, [even]) != 90
        halves = {"top": slice(0, 40), "middle": slice(40, 140), "bottom": slice(140, 180)}
        sides = {"left": slice(0, 200), "right": slice(220, 320)}
        return {
            f"{row} {side}": bool(found[rows, columns].any())
            for row, rows in halves.items()
            for side, columns in sides.items()
        }

    assert [place for place, there in differing(Panel()).items() if there] == ["bottom right"]
    named = differing(Panel("with sound", marked=True))
    assert [place for place, there in named.items() if there] == [
        "top left",
        "bottom left",
        "bottom right",
    ]


def test_grey_levels_span_the_range() -> None:
    found = np.asarray(grey(np.array([[0.2, 0.4], [0.3, 0.6]], np.float16)))
    np.testing.assert_allclose(found, [[0, 127], [64, 255]], atol=1)
