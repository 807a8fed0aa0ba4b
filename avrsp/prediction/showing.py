"""What is made of a video's pictures and its maps together: overlay, contact sheet, mean map."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from avrsp import files
from avrsp.media.decode import Frame, Picture
from avrsp.media.encode import encode
from avrsp.media.reader import VideoReader
from avrsp.prediction.frame_folder import FrameFolder
from avrsp.prediction.kept_maps import KeptMaps, density
from avrsp.prediction.overlay import Painter, Panel, typeface
from avrsp.prediction.overlay_style import OverlayStyle
from avrsp.prediction.wanted import Form
from avrsp.progress import track

COLUMNS: Final = 4
ROWS: Final = 3
"""Of a contact sheet."""

TILE: Final = 480
"""Pixels across of its pictures, at most."""

CAPTION: Final = 20
"""Pixels below each for its time."""


@dataclass
class Showing:
    """A video and the maps that are shown over it.

    Attributes:
        clip: The opened video.
        maps: Of each panel.
        panels: What stands side by side.
        style: How.
        plain: Whether the plain picture stands left of them.
    """

    clip: VideoReader | FrameFolder
    maps: Sequence[KeptMaps]
    panels: Sequence[Panel]
    style: OverlayStyle
    plain: bool
    _tiles: dict[int, Image.Image] = field(default_factory=dict)
    _middle: Picture | None = None

    def write(self, wanted: Mapping[Form, Path], label: str) -> Iterator[Form]:
        """Write what is wanted of `overlay`, `sheet` and `mean` in one pass over the pictures.

        Each is yielded once it is there.

        Raises:
            RawDataError: A picture cannot be decoded, or the overlay cannot be written.
        """
        frames = track(self._frames(wanted), total=len(self.maps[0]), label=label)
        if "overlay" in wanted:
            media = self.clip.media
            encode(
                wanted["overlay"],
                frames,
                rate=media.rate,
                sound=media.sound,
                pixel_aspect=media.pixel_aspect,
                notes=self.clip.notes,
            )
            yield "overlay"
        else:
            deque(frames, maxlen=0)
        if "sheet" in wanted:
            _save(_sheet(list(self._tiles.items()), self.maps[0].times), wanted["sheet"])
            yield "sheet"
        if "mean" in wanted and self._middle is not None:
            _save(Image.fromarray(self._mean(self._middle)), wanted["mean"])
            yield "mean"

    def _frames(self, wanted: Mapping[Form, Path]) -> Iterator[Frame]:
        """Yield each frame as it is shown, or as it is where no overlay is wanted."""
        greatest = max(max(each.peaks, default=1.0) for each in self.maps)
        painter = Painter(self.style, self.panels, greatest, self.plain)
        count = len(self.maps[0])
        chosen = set(_spread(count, COLUMNS * ROWS)) if "sheet" in wanted else set()
        together = zip(self.clip.pictures(), self.maps[0].times, *self.maps, strict=False)
        for number, (picture, time, *maps) in enumerate(together):
            if number <= count // 2:
                self._middle = picture
            shown = picture
            if "overlay" in wanted or number in chosen:
                shown = painter.show(picture, maps)
            if number in chosen:
                self._tiles[number] = _tile(shown)
            yield Frame(time, shown)

    def _mean(self, picture: Picture) -> Picture:
        """Return the mean of each panel's densities over the picture."""
        means = [_mean(each) for each in self.maps]
        greatest = max(float(each.max()) for each in means)
        return Painter(self.style, self.panels, greatest).show(picture, means)


def _mean(maps: KeptMaps) -> NDArray[np.float64]:
    """Return the mean density h x w of all frames."""
    total = np.zeros(maps.shape[1:])
    for each in maps:
        total += density(each)
    return np.asarray(total / len(maps))


def _spread(count: int, wanted: int) -> list[int]:
    """Return the numbers of up to `wanted` frames from the middles of equal parts of a video."""
    parts = min(count, wanted)
    return [int((part + 0.5) * count / parts) for part in range(parts)]


def _tile(shown: Picture) -> Image.Image:
    image = Image.fromarray(shown)
    image.thumbnail((TILE, 4 * TILE))
    return image


def _sheet(tiles: Sequence[tuple[int, Image.Image]], times: Sequence[float]) -> Image.Image:
    """Return pictures in rows, each with its time below it."""
    width, height = tiles[0][1].size
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width, rows * (height + CAPTION)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (number, tile) in enumerate(tiles):
        left, top = place % columns * width, place // columns * (height + CAPTION)
        sheet.paste(tile, (left, top))
        text = f"{times[number]:.2f} s"
        draw.text((left + 4, top + height + 3), text, fill="black", font=typeface(12))
    return sheet


def _save(image: Image.Image, path: Path) -> None:
    stream = io.BytesIO()
    image.save(stream, "png")
    files.write_bytes(path, stream.getvalue())
