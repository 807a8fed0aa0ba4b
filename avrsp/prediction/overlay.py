"""Maps laid over pictures: one scale, a colour bar, a name, and a mark where maps mean little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from avrsp.media.decode import Picture
from avrsp.prediction.kept_maps import density
from avrsp.prediction.overlay_style import FIXED, OverlayStyle

LEAST_RANGE: Final = 1e-3
"""Of densities; what differs by less is an even spread."""

MARK: Final = "trained on generated videos only"
SMALLEST_LABELLED: Final = 96
"""Rows of a picture from which on it has room for writing."""

SMALLEST: Final = 7
"""Pixels of the smallest writing."""

GROUND: Final = (0, 0, 0, 170)
INK: Final = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the maps that are shown side by side.

    Attributes:
        label: Its name; empty where it is the only one.
        marked: Whether to say that its weights know generated videos only.
    """

    label: str = ""
    marked: bool = False


def paint(picture: Picture, levels: NDArray[np.floating], style: OverlayStyle) -> Picture:
    """Return a picture H x W x 3 with the levels h x w in [0, 1] laid over it, enlarged to H x W.

    Level 0 leaves the picture as it is.
    """
    height, width = picture.shape[:2]
    grey = Image.fromarray(np.rint(255 * levels).astype(np.uint8))
    grey = grey.resize((width, height), Image.Resampling.BICUBIC)
    opacity = grey.point([round(style.opacity * level) for level in range(256)])
    grey.putpalette(_palette(style.colormap))
    painted = Image.composite(grey.convert("RGB"), Image.fromarray(picture), opacity)
    return np.asarray(painted)


def levels(densities: NDArray[np.floating], end: float) -> NDArray[np.float64]:
    """Return densities in [0, 1]: 0 up to an even spread, 1 from `end` on.

    Where `end` is no more than an even spread, all are 0.
    """
    if end - 1 < LEAST_RANGE:
        return np.zeros(densities.shape)
    return np.clip((densities.astype(np.float64) - 1) / (end - 1), 0, 1)


@dataclass(frozen=True, slots=True)
class Painter:
    """Lays the maps of a clip over its pictures, all by one scale.

    Attributes:
        style: How.
        panels: What stands side by side, one for each map.
        greatest: Greatest density of all maps of the clip.
        plain: Whether the plain picture stands left of them.
    """

    style: OverlayStyle
    panels: Sequence[Panel]
    greatest: float
    plain: bool = False

    def show(self, picture: Picture, maps: Sequence[NDArray[np.floating]]) -> Picture:
        """Return the picture H x W x 3 with each map h x w over it, side by side: H x n W x 3."""
        densities = [density(each) for each in maps]
        end = self._end(densities)
        shown = [picture] if self.plain else []
        for panel, each in zip(self.panels, densities, strict=True):
            painted = paint(picture, levels(each, end), self.style)
            shown.append(_written(painted, panel, self.style.colormap, end))
        return np.hstack(shown)

    def _end(self, densities: Sequence[NDArray[np.float64]]) -> float:
        ends = {
            "clip": self.greatest,
            "frame": max(float(each.max()) for each in densities),
            "fixed": FIXED,
        }
        return ends[self.style.scale]


def _written(picture: Picture, panel: Panel, colormap: str, end: float) -> Picture:
    """Return a picture with its colour bar, its name and its mark."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    bar = _bar(height, width, colormap, f"{end:.3g}x")
    image.paste(bar, (width - bar.width, height - bar.height), bar)
    if panel.label:
        label = _writing(height, width, panel.label)
        image.paste(label, (0, 0), label)
    if panel.marked:
        mark = _writing(height, width - bar.width, MARK)
        image.paste(mark, (0, height - mark.height), mark)
    return np.asarray(image)


@lru_cache(maxsize=64)
def _bar(height: int, width: int, colormap: str, end: str) -> Image.Image:
    """Return a colour bar from an even spread to the scale's end, for a picture of that size."""
    length, thickness = max(width // 5, 12), max(height // 60, 3)
    steps = mpl.colormaps[colormap](np.linspace(0, 1, length), bytes=True)
    colours = Image.fromarray(np.repeat(np.asarray(steps)[None], thickness, axis=0))
    if height < SMALLEST_LABELLED:
        return colours
    font = _font(height)
    left, right = font.getbbox("1x"), font.getbbox(end)
    size = round(font.size)
    wide = max(length, int(left[2] + right[2]) + 2 * size)
    patch = Image.new("RGBA", (wide + size, thickness + 2 * size), GROUND)
    patch.paste(colours.resize((wide, thickness)), (size // 2, size // 3))
    draw = ImageDraw.Draw(patch)
    row = thickness + size // 2
    draw.text((size // 2, row), "1x", fill=INK, font=font)
    draw.text((size // 2 + wide, row), end, fill=INK, font=font, anchor="ra")
    return patch


@lru_cache(maxsize=64)
def _writing(height: int, width: int, text: str) -> Image.Image:
    """Return a text on a dark ground that fits a picture of that size."""
    size = round(_font(height).size)
    while size > SMALLEST and typeface(size).getlength(text) + size > width:
        size -= 1
    font = typeface(size)
    patch = Image.new("RGBA", (round(font.getlength(text)) + size, round(1.6 * size)), GROUND)
    ImageDraw.Draw(patch).text((size // 2, size // 5), text, fill=INK, font=font)
    return patch


def _font(height: int) -> ImageFont.FreeTypeFont:
    """Return the writing for a picture of that height."""
    return typeface(max(height // 32, 9))


@lru_cache
def typeface(size: int) -> ImageFont.FreeTypeFont:
    """Return the letters for writing in pictures, `size` pixels high."""
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


@lru_cache
def _palette(colormap: str) -> bytes:
    steps = mpl.colormaps[colormap](np.arange(256), bytes=True)
    return bytes(np.asarray(steps)[:, :3].tobytes())
