"""Predicted maps from one file or folder of each kind, map after map, in bounded memory.

What is no map of a single frame is yielded as the reason; what is no file of maps at all raises.
Only regular files are opened, so a pipe or a device never blocks.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import math
import re
import struct
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, TypeAlias
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from PIL import Image, ImageOps

from avrsp.datasets.images import check_png
from avrsp.errors import RawDataError, StoreError
from avrsp.evaluate.map_values import RawMap
from avrsp.media import decode
from avrsp.store.foreign_maps import LARGEST_MAP, foreign_maps, map_shape
from avrsp.store.video_store import MapStore, is_own

CHUNK = 16
"""Maps held at a time."""

LARGEST_ARRAY: Final = 1 << 35
"""Bytes of the largest array in Fortran's order, which is unpacked to disk as a whole."""

HEADER_LIMIT: Final = 1 << 16
"""Bytes of an array's header in an npz file, which says its type and shape."""

STORE = ".zarr.zip"
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
VIDEOS = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v"})

DAMAGE: Final = (
    BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)
"""What zipfile and NumPy raise, besides OSError without an errno, on files that are no npz."""

Content: TypeAlias = RawMap | str
"""A map, or in words why a frame has none."""


def open_file(path: Path) -> Iterator[Content]:
    """Yield the maps of a video that lie in a folder of images, a store, an npz file or a video.

    Raises:
        RawDataError: A folder or video holds no maps.
        StoreError: A store or npz file does not, or the path is not a regular file.
    """
    if path.is_dir():
        return pictures(path)
    if not path.is_file():
        raise StoreError(f"{path}: not a regular file; expected maps (see avrsp evaluate --help)")
    if path.name.endswith(STORE):
        return store(path)
    return npz(path) if path.suffix == ".npz" else video(path)


def store(path: Path) -> Iterator[RawMap]:
    """Yield the maps of a map store, or of a zarr array that others wrote to a zip file."""
    if not is_own(path):
        yield from foreign_maps(path)
        return
    maps = MapStore(path)
    for start in range(0, len(maps), CHUNK):
        yield from maps.maps(start, min(start + CHUNK, len(maps)))


def video(path: Path) -> Iterator[RawMap]:
    """Yield the frames of a video as H x W x 3 RGB."""
    facts = decode.probe(path)
    if facts.height * facts.width > LARGEST_MAP:
        raise RawDataError(f"{path}: {facts.height} x {facts.width} pixels, {_too_large()}")
    yield from decode.read_frames(path, height=facts.height, width=facts.width)


def npz(path: Path) -> Iterator[RawMap]:
    """Yield the maps of the array `maps`, or of the only array, of an npz file.

    Raises:
        StoreError: There is none, or it is not T x H x W real numbers.
    """
    try:
        with ZipFile(path) as archive:
            entry = _entry(archive)
            with archive.open(entry) as stream:
                shape, fortran, kind = _header(stream, entry)
                rows = _columns if fortran else _rows
                yield from rows(stream, shape, kind)
    except OSError as error:
        if error.errno is not None:
            raise
        raise _no_npz(path, error) from None
    except DAMAGE as error:
        raise _no_npz(path, error) from None


def _no_npz(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{path}: no npz file with an array `maps` ({str(error) or type(error).__name__})"
    )


def _entry(archive: ZipFile) -> ZipInfo:
    arrays = [each for each in archive.infolist() if each.filename.endswith(".npy")]
    named = [each for each in arrays if each.filename == "maps.npy"]
    if not named and len(arrays) != 1:
        raise ValueError(f"it has {', '.join(each.filename for each in arrays[:5]) or 'no array'}")
    entry = (named or arrays)[0]
    if entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise ValueError("compressed otherwise than by NumPy; save it again by numpy.savez")
    return entry


def _header(stream: IO[bytes], entry: ZipInfo) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an array; return its shape T x H x W, order and type."""
    version = npy.read_magic(stream)
    width = 2 if version == (1, 0) else 4
    prefix = stream.read(width)
    length = int.from_bytes(prefix, "little")
    if length > HEADER_LIMIT:
        raise ValueError(f"a header of {length} bytes")
    shape, fortran, kind = _parsed(version, prefix + stream.read(length))
    plain = map_shape(shape, kind)
    size = entry.file_size - npy.MAGIC_LEN - width - length
    if size != math.prod(plain) * kind.itemsize:
        raise ValueError(f"{kind} of shape {shape}, but {size} bytes of values")
    return plain, fortran, kind


def _parsed(version: tuple[int, int], header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers by Python 2
            return read(io.BytesIO(header))
    except Exception as error:
        raise ValueError(f"a damaged header: {type(error).__name__}") from None


def _rows(stream: IO[bytes], shape: tuple[int, ...], kind: np.dtype[Any]) -> Iterator[RawMap]:
    size = shape[1] * shape[2] * kind.itemsize
    for _ in range(shape[0]):
        yield np.frombuffer(stream.read(size), kind).reshape(shape[1:])


def _columns(stream: IO[bytes], shape: tuple[int, ...], kind: np.dtype[Any]) -> Iterator[RawMap]:
    """Yield maps of an array in Fortran's order, in which no map lies in one piece."""
    left = math.prod(shape) * kind.itemsize
    if left > LARGEST_ARRAY:
        raise ValueError(f"{left} bytes in Fortran's order; save it in C order, or as a store")
    with tempfile.TemporaryFile() as unpacked:
        while left and (piece := stream.read(min(left, 1 << 24))):
            unpacked.write(piece)
            left -= len(piece)
        if left:
            raise ValueError(f"cut short by {left} bytes")
        unpacked.flush()
        maps = np.memmap(unpacked, kind, mode="r", shape=shape, order="F")
        for start in range(0, shape[0], CHUNK):
            yield from np.ascontiguousarray(maps[start : start + CHUNK])


def pictures(folder: Path) -> Iterator[Content]:
    """Yield a map for each number from the first frame's to the last image's.

    A number in a file's name, the last one that differs between all files, is its frame's, counted
    from 1, or from 0 where there is a 0.

    Raises:
        RawDataError: There is no image, or a name without a number, or two with the same.
    """
    numbered = _numbered(folder)
    for number in range(min(1, *numbered), max(numbered) + 1):
        path = numbered.get(number)
        yield "no image" if path is None else _picture(path)


def _picture(path: Path) -> Content:
    """Return an image as H x W, or H x W x 3 RGB where it has colours, or why there is none."""
    if not path.is_file():
        return "no regular file"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path)
        with contextlib.closing(picture):
            if picture.height * picture.width > LARGEST_MAP:
                return f"image of {picture.height} x {picture.width} pixels, {_too_large()}"
            check_png(path)
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith(("I", "F")) or upright.mode in {"1", "L"}:
                return np.asarray(upright)
            return np.asarray(upright.convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return f"unreadable image ({type(error).__name__})"


def _numbered(folder: Path) -> dict[int, Path]:
    found = images(folder)
    if not found:
        raise RawDataError(f"{folder}: holds no images ({', '.join(sorted(PICTURES))})")
    numbers = [[int(each) for each in re.findall(r"\d{1,18}", path.stem)] for path in found]
    for place in range(1, min(map(len, numbers)) + 1):
        numbered = {own[-place]: path for own, path in zip(numbers, found, strict=True)}
        if len(numbered) == len(found):
            return numbered
    unclear = _unclear(found, numbers)
    raise RawDataError(f"{unclear}: expected one image a frame, named by the frame's number")


def _unclear(found: list[Path], numbers: list[list[int]]) -> Path:
    """Return the first image without a number, or with the last number of an earlier one."""
    seen: set[int] = set()
    for path, own in zip(found, numbers, strict=True):
        if not own or own[-1] in seen:
            return path
        seen.add(own[-1])
    return found[-1]


def images(folder: Path) -> list[Path]:
    """Return the images in a folder by name, without hidden files."""
    if not folder.is_dir():
        return []
    named = (path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    return sorted(path for path in named if not path.name.startswith("."))


def _too_large() -> str:
    return f"expected at most {LARGEST_MAP}"
