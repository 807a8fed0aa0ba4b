"""The luma of a video exactly as it is coded: maps in videos are grey levels, not colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.errors import RawDataError
from avrsp.media.pipes import command, complaint, passthrough, running, source
from avrsp.media.probe import Media, probe

DEEP: Final = re.compile(r"(?:yuvj?4\d\d|gray)p?(\d\d)le")
SHALLOW: Final = re.compile(r"yuvj?4\d\dp|gray|nv12")


def bits(media: Media) -> int:
    """Return the bits of a luma sample: 8, 10 or 12.

    Raises:
        RawDataError: The picture is not stored as luma, or with the larger byte first.
    """
    deep = DEEP.fullmatch(media.pixel_format)
    if deep:
        return int(deep[1])
    if SHALLOW.fullmatch(media.pixel_format):
        return 8
    raise RawDataError(f"pixels are stored as {media.pixel_format}; expected luma (yuv420p10le)")


def read_luma(path: Path, *, clipped: bool = True) -> Iterator[NDArray[np.uint16]]:
    """Yield the luma plane H x W of each presented frame, upright, in the levels of the file.

    Levels of a file in limited range are clipped to it, unless `clipped` is false: coding leaves
    some that lie beyond, and one such pixel moves all others where a map is stretched.

    Raises:
        RawDataError: Not a video with luma, or no frame of it can be decoded.
    """
    media = probe(path)
    depth = bits(media)
    low, high = levels(media, depth)
    dtype = np.dtype("u1" if depth == 8 else "<u2")  # noqa: PLR2004
    size = media.height * media.width * dtype.itemsize
    count = 0
    with running(_command(path, media, depth)) as run:
        while len(content := run.read(size)) == size:
            plane = np.frombuffer(content, dtype).reshape(media.height, media.width)
            yield (plane.clip(low, high) if clipped else plane).astype(np.uint16)
            count += 1
        run.finish()
        said = run.said()
    if not count:
        raise RawDataError(f"{path}: no frame can be decoded ({complaint(said)})")


def levels(media: Media, depth: int) -> tuple[int, int]:
    """Return the least and the greatest level that mean something."""
    if media.full_range or media.pixel_format.startswith(("gray", "yuvj")):
        return 0, (1 << depth) - 1
    return 16 << (depth - 8), 235 << (depth - 8)


def _command(path: Path, media: Media, depth: int) -> list[str]:
    # `extractplanes` copies samples; a conversion to grey would stretch them to the full range
    stream = source(path)
    output = stream[str(media.video_stream)].output(
        "pipe:",
        vf="extractplanes=y",
        **passthrough(),
        format="rawvideo",
        pix_fmt="gray" if depth == 8 else f"gray{depth}le",  # noqa: PLR2004
    )
    return command(output)
