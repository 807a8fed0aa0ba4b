"""A picture of a dataset's stores for the eye: are frames, density and fixations in register?"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from avrsp.convert.collect import read_parts
from avrsp.files import replacing
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import VideoStore

VIDEOS: Final = 6
TILE: Final = (192, 128)
LINE: Final = 16
DOT: Final = 2
HEAT: Final = (255, 60, 0)
MARK: Final = (0, 255, 255)
"""Width and height of a picture, height of a caption, radius of a fixation, colours; pixels."""

LETTERS: Final = 90
"""Of a line of text, which then fits across three pictures."""


def write_picture(path: Path, parts: Iterable[Path], stores: Path) -> None:
    """Show the middle frame of some kept videos: plain, its density, and both with fixations."""
    verdicts = read_parts(parts)
    kept = [verdict for verdict in verdicts if verdict.kept]
    shown = [kept[k] for k in np.linspace(0, len(kept) - 1, min(VIDEOS, len(kept)), dtype=int)]
    width, height = TILE
    opened = [VideoStore(store_path(stores, each)) for each in shown]
    captions = [_caption(each, store) for each, store in zip(shown, opened, strict=True)]
    lines = sum(map(len, captions))
    sheet = Image.new("RGB", (3 * width, LINE * (1 + lines) + height * len(shown)), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((2, 2), f"{len(kept)} videos kept, {len(verdicts) - len(kept)} set aside", "black")
    top = LINE
    for caption, store in zip(captions, opened, strict=True):
        for line in caption:
            draw.text((2, top + 2), line, "black")
            top += LINE
        for column, tile in enumerate(_tiles(store)):
            sheet.paste(tile, (column * width, top))
        top += height
    with replacing(path) as temporary:
        sheet.save(temporary, "PNG")


def _caption(verdict: Verdict, store: VideoStore) -> list[str]:
    """Return the lines above a video's pictures: its name, and its credit where it has one."""
    credit = textwrap.wrap(store.attributes.credit, LETTERS)
    return [f"{verdict.video}  frame {verdict.frames // 2}", *credit]


def _tiles(store: VideoStore) -> Sequence[Image.Image]:
    middle = len(store) // 2
    frame = Image.fromarray(store.frames([middle])[0]).resize(TILE)
    density = Image.fromarray(store.density(middle)).resize(TILE)
    both = Image.composite(Image.new("RGB", TILE, HEAT), frame, density.point(lambda v: v * 0.6))
    draw = ImageDraw.Draw(both)
    scale = np.divide(TILE[::-1], store.truth_size)
    for y, x in (store.fixations(middle) + 0.5) * scale:
        draw.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), outline=MARK)
    return frame, density.convert("RGB"), both
