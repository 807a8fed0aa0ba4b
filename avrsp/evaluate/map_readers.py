"""Predicted maps of a video from whatever holds them: a map store, images, a video, an npz file.

All are read as chunks n x H x W of float32 in the order of the frames, in flat memory. A frame
whose map is missing or unusable is all NaN, and the reason is noted in one line.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from avrsp.evaluate import map_files
from avrsp.evaluate.map_files import CHUNK, STORE, VIDEOS, Content
from avrsp.evaluate.map_values import COLOUR, PLANE, FloatMap, Values, as_saliency, remark
from avrsp.store.video_store import is_own

MapChunk: TypeAlias = NDArray[np.float32]
"""Maps n x H x W."""


@dataclass(slots=True)
class Findings:
    """What is wrong or odd with the maps of a video.

    Attributes:
        faults: What cannot be scored, a line each.
        remarks: What is scored but not as it should be: keys in `map_values.REMARKS`, why values
            cannot be saliency, or a protocol's words.
    """

    faults: list[str] = field(default_factory=list)
    remarks: set[str] = field(default_factory=set)


def find_maps(folder: Path, dataset: str, video: str) -> Path | None:
    """Return what holds the maps of a video below `folder`, or None.

    That is `<video>` or `<video>.maps`, as a folder of images or with the ending of a store, an
    npz file or a video, in `folder/<dataset>` or else in `folder`; or `folder` itself, where it
    is such a file or holds images, and is called so.
    """
    endings = ("", STORE, ".npz", *sorted(VIDEOS))
    names = [f"{video}{middle}{ending}" for middle in ("", ".maps") for ending in endings]
    places = [parent / name for parent in (folder / dataset, folder) for name in names]
    if folder.name in names and (folder.is_file() or map_files.images(folder)):
        places.append(folder)
    return next((place for place in places if place.exists()), None)


def is_map_store(path: Path) -> bool:
    """Say whether a path is a map store of this package's."""
    return path.name.endswith(STORE) and path.is_file() and is_own(path)


def open_maps(path: Path | str, *, values: Values | None = None) -> Iterator[FloatMap]:
    """Yield the maps at `path` one after another as H x W float32; an unusable one is all NaN.

    Args:
        path: A map store, a folder of images numbered by frame, a video, or an npz file.
        values: What the numbers are, where they are not saliency: see `as_saliency`.

    Raises:
        RawDataError: A folder or video holds no maps.
        StoreError: A store or npz file does not.
    """
    return _checked(map_files.open_file(Path(path)), values, {}, Findings())


def read_maps(
    path: Path, count: int, findings: Findings, values: Values | None = None
) -> Iterator[MapChunk]:
    """Yield the maps at `path`, of which `count` are expected, in chunks of frames.

    Once all are read, each fault stands in `findings` in one line without the path: maps that are
    missing, too many, unreadable, not of the first one's size, or hold NaN or infinity. Frames
    count from 0.
    """
    found = 0
    faults: dict[str, list[int]] = {}
    maps = _checked(map_files.open_file(path), values, faults, findings)
    for chunk in _chunks(itertools.islice(maps, count + 1)):
        found += len(chunk)
        yield chunk
    if found != count:
        more = "more" if found > count else f"{found}"
        findings.faults.append(f"wrong count: {more} maps for {count} frames")
    for reason, frames in faults.items():
        which = f"frame {frames[0]}" + (f" and {len(frames) - 1} more" if len(frames) > 1 else "")
        findings.faults.append(f"{reason}: {which}")


def _checked(
    maps: Iterable[Content],
    values: Values | None,
    faults: dict[str, list[int]],
    findings: Findings,
) -> Iterator[FloatMap]:
    """Convert maps to saliency; replace what cannot be scored by NaN, at the first map's size."""
    size: tuple[int, ...] | None = None
    for frame, content in enumerate(maps):
        fault = content if isinstance(content, str) else _form(content, size)
        if not fault and not isinstance(content, str):
            size = content.shape[:PLANE]
            if values is None and (odd := remark(content)):
                findings.remarks.add(odd)
            saliency = as_saliency(content, values)
            if np.isfinite(saliency).all():
                yield saliency
                continue
            fault = "NaN or infinity inside"
        faults.setdefault(fault, []).append(frame)
        yield np.full(size or (1, 1), np.nan, np.float32)


def _form(content: NDArray[np.number | np.bool_], size: tuple[int, ...] | None) -> str:
    """Say what is wrong with the form of a map; nothing where it is right."""
    if content.ndim not in {PLANE, COLOUR}:
        return "wrong size, expected H x W"
    if size is not None and content.shape[:PLANE] != size:
        return f"wrong size, expected {size[0]} x {size[1]} as the first map is"
    return ""


def _chunks(maps: Iterable[FloatMap]) -> Iterator[MapChunk]:
    """Stack maps; those before the first that has a size are 1 x 1 and stacked on their own."""
    for _, alike in itertools.groupby(maps, key=lambda saliency: saliency.shape):
        while chunk := list(itertools.islice(alike, CHUNK)):
            yield np.stack(chunk)
