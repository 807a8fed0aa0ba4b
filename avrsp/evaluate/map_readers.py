"""Predicted maps of a video from whatever holds them: a map store, images, a video, an npz file.

All are read as chunks n x H x W of float32 in the order of the frames, in flat memory. A frame
whose map is missing or unusable is all NaN, and the reason is noted in one line.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from avrsp.errors import RawDataError, StoreError
from avrsp.media import decode
from avrsp.store.video_store import MapStore

Map: TypeAlias = NDArray[np.float32]
Maps: TypeAlias = NDArray[np.float32]
Note: TypeAlias = Callable[[str], None]

CHUNK = 16
"""Maps held at a time."""

PLANE = 2

STORE = ".zarr.zip"
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
VIDEOS = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v"})

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for files that are not the images their names promise."""


def find_maps(folder: Path, dataset: str, video: str) -> Path | None:
    """Return what holds the maps of a video below `folder`, or None.

    That is `<video>` or `<video>.maps`, as a folder of images or with the ending of a store, an
    npz file or a video, in `folder/<dataset>` or else in `folder`; or `folder` itself, where it
    is such a file or holds images, and is called so.
    """
    endings = ("", STORE, ".npz", *sorted(VIDEOS))
    names = [f"{video}{middle}{ending}" for middle in ("", ".maps") for ending in endings]
    places = [parent / name for parent in (folder / dataset, folder) for name in names]
    if folder.name in names and (folder.is_file() or _pictures(folder)):
        places.append(folder)
    return next((place for place in places if place.exists()), None)


def read_maps(path: Path, count: int, note: Note) -> Iterator[Maps]:
    """Yield the maps at `path`, of which `count` are expected, in chunks of frames.

    Each fault is passed to `note` in one line without the path: maps that are missing, too many,
    unreadable, not of the first one's size, or hold NaN or infinity.
    """
    found = 0
    faults: dict[str, list[int]] = {}
    for chunk in _chunks(_checked(_opened(path, faults), faults)):
        found += len(chunk)
        yield chunk
        if found > count:
            break
    if found != count:
        more = "more" if found > count else f"{found}"
        note(f"wrong count: {more} maps for {count} frames")
    for reason, frames in faults.items():
        which = f"frame {frames[0]}" + (f" and {len(frames) - 1} more" if len(frames) > 1 else "")
        note(f"{reason}: {which}")


def _opened(path: Path, faults: dict[str, list[int]]) -> Iterator[Map | None]:
    """Yield map after map; None for a frame that has none."""
    if path.is_dir():
        return _from_pictures(path, faults)
    if path.name.endswith(STORE):
        return _from_store(path)
    return _from_npz(path) if path.suffix == ".npz" else _from_video(path)


def _checked(maps: Iterable[Map | None], faults: dict[str, list[int]]) -> Iterator[Map]:
    """Replace what cannot be scored by NaN, at the size of the first map."""
    size: tuple[int, ...] | None = None
    for frame, saliency in enumerate(maps):
        if size is None and saliency is not None and saliency.ndim == PLANE:
            size = saliency.shape
        if saliency is not None and saliency.shape != size:
            expected = "H x W" if size is None else f"{size[0]} x {size[1]} as the first map is"
            faults.setdefault(f"wrong size, expected {expected}", []).append(frame)
        elif saliency is not None and not np.isfinite(saliency).all():
            faults.setdefault("NaN or infinity inside", []).append(frame)
        elif saliency is not None:
            yield saliency
            continue
        yield np.full(size or (1, 1), np.nan, np.float32)


def _chunks(maps: Iterable[Map]) -> Iterator[Maps]:
    """Stack maps; those before the first that has a size are 1 x 1 and stacked on their own."""
    for _, alike in itertools.groupby(maps, key=lambda saliency: saliency.shape):
        while chunk := list(itertools.islice(alike, CHUNK)):
            yield np.stack(chunk)


def _from_store(path: Path) -> Iterator[Map]:
    store = MapStore(path)
    for start in range(0, len(store), CHUNK):
        yield from store.maps(start, min(start + CHUNK, len(store))).astype(np.float32)


def _from_npz(path: Path) -> Iterator[Map]:
    """Yield the maps of `avrsp predict --maps npz` without holding the array.

    Raises:
        StoreError: The file has no array `maps` T x h x w of floats.
    """
    try:
        with ZipFile(path) as archive, archive.open("maps.npy") as entry:
            first = npy.read_magic(entry) == (1, 0)
            header = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
            shape, _, kind = header(entry)
            size = int(np.prod(shape[1:])) * kind.itemsize
            for _ in range(shape[0]):
                content = np.frombuffer(entry.read(size), kind)
                yield content.reshape(shape[1:]).astype(np.float32)
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise StoreError(f"{path}: no npz file with an array `maps` ({error})") from None


def _from_video(path: Path) -> Iterator[Map]:
    facts = decode.probe(path)
    for frame in decode.read_frames(path, height=facts.height, width=facts.width):
        yield frame.mean(-1, dtype=np.float32)


def _from_pictures(folder: Path, faults: dict[str, list[int]]) -> Iterator[Map | None]:
    """Yield a map for each number from the first frame's to the last image's.

    The last number in a file's name is its frame's, counted from 1, or from 0 where there is a 0.

    Raises:
        RawDataError: There is no image, or a name without a number, or two with the same.
    """
    numbered = _numbered(folder)
    first = min(1, *numbered)
    for frame, number in enumerate(range(first, max(numbered) + 1)):
        path = numbered.get(number)
        if path is None:
            faults.setdefault("no image", []).append(frame)
            yield None
            continue
        try:
            with Image.open(path) as picture:
                grey = picture if picture.mode.startswith(("I", "F")) else picture.convert("L")
                saliency = np.asarray(grey, np.float32)
        except UNREADABLE as error:
            faults.setdefault(f"unreadable image ({type(error).__name__})", []).append(frame)
            yield None
        else:
            yield saliency


def _numbered(folder: Path) -> dict[int, Path]:
    numbered: dict[int, Path] = {}
    for path in _pictures(folder):
        numbers = re.findall(r"\d+", path.stem)
        if not numbers or int(numbers[-1]) in numbered:
            raise RawDataError(f"{path}: expected one image a frame, named by the frame's number")
        numbered[int(numbers[-1])] = path
    if not numbered:
        raise RawDataError(f"{folder}: holds no images ({', '.join(sorted(PICTURES))})")
    return numbered


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
