"""Frames and maps from JPEG and PNG files; a damaged file is an error of the data.

An OSError that carries an errno is a fault of the machine and passes through, and so does anything
that Pillow does not raise on damaged files: it is a defect of ours.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avrsp.errors import RawDataError
from avrsp.types import Resampling

FORMATS: Final = ("JPEG", "PNG")
EIGHT_BITS: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"})

PNG: Final = b"\x89PNG\r\n\x1a\n"
PIECE: Final = 1 << 20
"""Bytes that are read at a time to compare a checksum."""

DECODING_ERRORS: Final = (
    Image.DecompressionBombError,
    EOFError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow raises, besides OSError without an errno, on JPEG and PNG files cut or altered."""


def read_frame(
    path: Path, height: int, width: int, resampling: Resampling = "bilinear"
) -> NDArray[np.uint8]:
    """Return an image as height x width x 3 RGB; filters are widened where it shrinks."""
    resample = Image.Resampling[resampling.upper()]
    with _decoded(path) as image:
        return np.asarray(image.convert("RGB").resize((width, height), resample))


def size(path: Path) -> tuple[int, int]:
    """Return height and width of an image, reading no pixel."""
    with _reading(path), Image.open(path, formats=FORMATS) as image:
        return image.height, image.width


def read_map(path: Path) -> NDArray[np.uint8]:
    """Return an image as an h x w grey map at its own size."""
    with _decoded(path) as image:
        return np.asarray(image.convert("L"))


@contextmanager
def _decoded(path: Path) -> Iterator[Image.Image]:
    """Yield an image whose pixels are in memory."""
    with ExitStack() as opened:
        with _reading(path):
            image = opened.enter_context(Image.open(path, formats=FORMATS))
            check_png(path)
            image.load()
        if image.mode not in EIGHT_BITS:
            raise RawDataError(f"{path}: mode {image.mode}, expected 8 bits a channel")
        yield image


def check_png(path: Path) -> None:
    """Compare the checksum of each part of a PNG file, which Pillow does not; others pass.

    Raises:
        ValueError: One differs, or a part is cut short.
    """
    with path.open("rb") as stream:
        if stream.read(len(PNG)) != PNG:
            return
        kind = b""
        while kind != b"IEND":
            head = stream.read(8)
            kind, left = head[4:], int.from_bytes(head[:4])
            total = zlib.crc32(kind)
            while left and (piece := stream.read(min(left, PIECE))):
                total, left = zlib.crc32(piece, total), left - len(piece)
            if len(kind) < len(b"IEND") or left or stream.read(4) != total.to_bytes(4):
                raise ValueError(f"a checksum does not fit, in part {kind.decode('latin-1')!r}")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except DECODING_ERRORS as error:
        raise _damaged(path, error) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> RawDataError:
    return RawDataError(f"{path}: cannot be read ({type(error).__name__}: {error})")
