"""What a map says of a frame in a few numbers: where it peaks, its centre, how spread out it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp import files
from avrsp.media.probe import Media
from avrsp.prediction.kept_maps import KeptMaps, density

MILLISECONDS: Final = 6
"""Decimals of a time in seconds."""


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """A frame's row; x runs to the right and y downwards, from the picture's upper left corner.

    Attributes:
        frame: Number from 0.
        time: Seconds on the video's clock at which it is shown.
        peak: Greatest density, in multiples of an even spread.
        peak_x: Where that is, pixels of the video.
        peak_y: Likewise.
        centre_x: Centre of mass, pixels of the video.
        centre_y: Likewise.
        spread: Root mean square distance from the centre of mass, pixels of the video.
        entropy: Bits, of the map scaled to sum 1: log2(h w) where it is even.
    """

    frame: int
    time: float
    peak: float
    peak_x: float
    peak_y: float
    centre_x: float
    centre_y: float
    spread: float
    entropy: float


def describe(
    saliency: NDArray[np.floating], height: int, width: int, *, frame: int = 0, time: float = 0.0
) -> FrameFacts:
    """Return the facts of a map h x w of a picture height x width."""
    values = density(saliency)
    mass = values / values.size
    scale_x, scale_y = width / values.shape[1], height / values.shape[0]
    row, column = np.unravel_index(values.argmax(), values.shape)
    x, y = scale_x * _middles(values.shape[1]), scale_y * _middles(values.shape[0])
    columns, rows = mass.sum(0), mass.sum(1)
    centre_x, centre_y = float(columns @ x), float(rows @ y)
    variance = columns @ (x - centre_x) ** 2 + rows @ (y - centre_y) ** 2
    positive = mass[mass > 0]
    return FrameFacts(
        frame=frame,
        time=round(time, MILLISECONDS),
        peak=round(float(values.max()), 4),
        peak_x=round(float(x[column]), 2),
        peak_y=round(float(y[row]), 2),
        centre_x=round(centre_x, 2),
        centre_y=round(centre_y, 2),
        spread=round(float(np.sqrt(variance)), 2),
        entropy=round(float(-(positive * np.log2(positive)).sum()), 4),
    )


def write_csv(path: Path, maps: KeptMaps, media: Media) -> None:
    """Write a row for each frame under the names of `FrameFacts`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(field.name for field in fields(FrameFacts))
    writer.writerows(list(asdict(each).values()) for each in _facts(maps, media))
    files.write_text(path, stream.getvalue())


def write_json(path: Path, maps: KeptMaps, media: Media) -> None:
    """Write the picture's size and for each frame an object with the keys of `FrameFacts`."""
    frames = [asdict(each) for each in _facts(maps, media)]
    files.write_json(path, {"height": media.height, "width": media.width, "frames": frames})


def _facts(maps: KeptMaps, media: Media) -> Iterator[FrameFacts]:
    for frame, (time, saliency) in enumerate(zip(maps.times, maps, strict=True)):
        yield describe(saliency, media.height, media.width, frame=frame, time=time)


def _middles(count: int) -> NDArray[np.float64]:
    return np.arange(0.5, count, dtype=np.float64)
