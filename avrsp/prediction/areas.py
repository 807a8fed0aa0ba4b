"""Areas of interest: which share of a frame's saliency lies in boxes that a person drew."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp import files
from avrsp.errors import RawDataError
from avrsp.media.probe import Media
from avrsp.prediction.kept_maps import KeptMaps, density

NEEDED: Final = ("box", "x", "y", "width", "height")
OPTIONAL: Final = ("video", "start", "end")
HEAD: Final = ("frame", "time", "box", "share", "even")
DPI: Final = 120


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in the picture, for a time.

    Attributes:
        name: Several boxes of one name are one area that moves.
        x: Its left edge, pixels of the video from the left.
        y: Its upper edge, pixels from the top.
        width: In pixels.
        height: In pixels.
        video: Name of the video's file that it is for; empty for all.
        start: Seconds on the video's clock from which on it is there.
        end: Seconds at which it is there no more.
    """

    name: str
    x: float
    y: float
    width: float
    height: float
    video: str = ""
    start: float = -math.inf
    end: float = math.inf

    def share(self, mass: NDArray[np.float64], media: Media) -> float:
        """Return which share of a mass h x w of sum 1 lies in the box.

        A pixel of the map that the box covers in part counts in part.
        """
        height, width = mass.shape
        rows = _covered(self.y, self.height, media.height, height)
        columns = _covered(self.x, self.width, media.width, width)
        return float(rows @ mass @ columns)

    def even(self, media: Media) -> float:
        """Return its share of an even spread: that of the picture's area."""
        across = min(self.x + self.width, media.width) - max(self.x, 0)
        down = min(self.y + self.height, media.height) - max(self.y, 0)
        return across * down / (media.width * media.height)


def read_boxes(path: Path) -> list[Box]:
    """Read a CSV file with the columns box, x, y, width, height, and perhaps video, start, end.

    Raises:
        RawDataError: It cannot be read so; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = csv.DictReader(io.StringIO(text), strict=True)
        head = [name.strip() for name in rows.fieldnames or ()]
        missing = [name for name in NEEDED if name not in head]
        if missing:
            raise RawDataError(
                f"{path}: found the columns {', '.join(head) or '(none)'}; expected "
                f"{', '.join(NEEDED)}, and where wanted {', '.join(OPTIONAL)}"
            )
        rows.fieldnames = head
        boxes = [_box(path, rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RawDataError(f"{path}: cannot be read as CSV ({error})") from None
    if not boxes:
        raise RawDataError(f"{path}: holds no box; expected a line for each below the head")
    return boxes


def boxes_of(boxes: Sequence[Box], video: Path) -> list[Box]:
    """Return the boxes that are for a video."""
    return [box for box in boxes if box.video in {"", video.name, video.stem}]


def check_boxes(boxes: Sequence[Box], video: Path, media: Media) -> None:
    """Check that each box shows some of the picture.

    Raises:
        RawDataError: One lies outside.
    """
    for box in boxes:
        inside = box.x < media.width and box.y < media.height
        if not inside or box.x + box.width <= 0 or box.y + box.height <= 0:
            raise RawDataError(
                f"{video}: box {box.name} lies outside of the picture; expected x, y, width and "
                f"height within {media.width} x {media.height} pixels"
            )


def write_areas(path: Path, maps: KeptMaps, media: Media, boxes: Sequence[Box]) -> None:
    """Write a row for each frame and box that is there: its share, and that of an even spread."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEAD)
    for frame, (time, shares) in enumerate(_shares(maps, media, boxes)):
        for name, (share, even) in shares.items():
            writer.writerow((frame, f"{time:.6f}", name, f"{share:.6f}", f"{even:.6f}"))
    files.write_text(path, stream.getvalue())


def plot_areas(path: Path, maps: KeptMaps, media: Media, boxes: Sequence[Box]) -> None:
    """Draw the share of each box over time as a PNG; dashed, that of an even spread."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second, for this picture only

    lines: dict[str, list[tuple[float, float, float]]] = {box.name: [] for box in boxes}
    for time, shares in _shares(maps, media, boxes):
        for name, points in lines.items():
            share, even = shares.get(name, (math.nan, math.nan))  # a gap where it is not there
            points.append((time, share, even))
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    for place, (name, points) in enumerate(lines.items()):
        times, own, area = np.array(points).T
        axes.plot(times, own, color=f"C{place}", linewidth=1.2, label=name)
        axes.plot(times, area, color=f"C{place}", linewidth=0.8, linestyle="--")
    axes.set(xlabel="time [s]", ylabel="share of saliency", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, title="dashed: an even spread", fontsize=8, title_fontsize=8)
    with files.replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def _shares(
    maps: KeptMaps, media: Media, boxes: Sequence[Box]
) -> Iterator[tuple[float, dict[str, tuple[float, float]]]]:
    """Yield each frame's time, and by name the shares of the boxes that are there."""
    for time, saliency in zip(maps.times, maps, strict=True):
        values = density(saliency)
        mass = values / values.size
        there = [box for box in boxes if box.start <= time < box.end]
        yield time, {box.name: (box.share(mass, media), box.even(media)) for box in there}


def _covered(start: float, length: float, extent: int, count: int) -> NDArray[np.float64]:
    """Return which part of each of `count` equal cells along `extent` pixels is covered."""
    edges = np.linspace(0, extent, count + 1)
    covered = np.minimum(edges[1:], start + length) - np.maximum(edges[:-1], start)
    return np.asarray(covered.clip(0) / (extent / count))


def _box(path: Path, line: int, row: Mapping[str, str | None]) -> Box:
    name = (row["box"] or "").strip()
    if not name:
        raise RawDataError(f"{path}, line {line}: the box has no name")
    x, y, width, height = (_number(path, line, row, column) for column in NEEDED[1:])
    if width <= 0 or height <= 0:
        raise RawDataError(
            f"{path}, line {line}: found width {width:g} and height {height:g}; expected more than "
            "0 pixels"
        )
    start, end = -math.inf, math.inf
    if row.get("start"):
        start = _number(path, line, row, "start")
    if row.get("end"):
        end = _number(path, line, row, "end")
    return Box(name, x, y, width, height, (row.get("video") or "").strip(), start, end)


def _number(path: Path, line: int, row: Mapping[str, str | None], column: str) -> float:
    text = row[column]
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RawDataError(f"{path}, line {line}: {column}: found {text!r}; expected a number")
    return value
