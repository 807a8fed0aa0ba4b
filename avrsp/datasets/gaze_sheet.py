"""A contact sheet: some frames of a video with the gaze of each viewer on them."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from avrsp.datasets.gaze_csv import Gaze
from avrsp.datasets.recorded_video import RecordedVideo
from avrsp.files import replacing
from avrsp.media import decode

TILES: Final = 12
ACROSS: Final = 4
WIDE: Final = 320
LINE: Final = 16
DOT: Final = 4
"""Frames, frames in a row, their width, height of a caption and radius of a dot in pixels."""


def draw_sheet(path: Path, video: RecordedVideo, gaze: Gaze) -> None:
    """Draw gaze on evenly spaced frames and write the sheet to `path` as PNG, atomically."""
    times, (height, width) = video.times, video.size()
    tile = max(2, round(WIDE * height / width)), WIDE
    chosen = np.unique(np.linspace(0, len(times) - 1, TILES).astype(int))
    rows = -(-len(chosen) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * WIDE, LINE + rows * (tile[0] + LINE)), "white")
    draw = ImageDraw.Draw(sheet)
    said = f"{video.video}: {len(gaze.viewers)} viewers, a colour each. {video.credit}"
    draw.text((2, 2), said, "black")
    frame = np.searchsorted(times, gaze.time, side="right") - 1
    place = 0
    for number, picture in enumerate(decode.read_frames(video.file, height=tile[0], width=tile[1])):
        if place < len(chosen) and number == chosen[place]:
            left, top = place % ACROSS * WIDE, LINE + place // ACROSS * (tile[0] + LINE)
            draw.text((left + 2, top + 2), f"frame {number}, {times[number]:.2f} s", "black")
            image = Image.fromarray(picture)
            _dots(image, gaze, np.flatnonzero(_shown(gaze, frame, number, times)), WIDE / width)
            sheet.paste(image, (left, top + LINE))
            place += 1
    with replacing(path) as temporary:
        sheet.save(temporary, "PNG")


def _shown(
    gaze: Gaze, frame: NDArray[np.int64], number: int, times: NDArray[np.float64]
) -> NDArray[np.bool_]:
    if gaze.duration is None:
        shown = frame == number
    else:
        now = times[number]
        shown = (gaze.time <= now) & (gaze.time + gaze.duration > now)
    found: NDArray[np.bool_] = gaze.seen & shown
    return found


def _dots(image: Image.Image, gaze: Gaze, rows: NDArray[np.int64], scale: float) -> None:
    draw = ImageDraw.Draw(image)
    for row in rows:
        x, y = gaze.x[row] * scale, gaze.y[row] * scale
        hue = gaze.observer[row] / max(len(gaze.viewers), 1)
        red, green, blue = (round(255 * each) for each in colorsys.hsv_to_rgb(hue, 0.9, 1.0))
        box = (x - DOT, y - DOT, x + DOT, y + DOT)
        draw.ellipse(box, fill=(red, green, blue), outline="black")
