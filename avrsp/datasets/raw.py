"""What every reader of a raw layout offers, and how a video's raw files are told apart."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets.gaze import Annotation


@dataclass(frozen=True, slots=True)
class Counts:
    """How many frames, density maps and fixation maps follow one another from number 1.

    `frames` is None where only decoding tells: what a video file says of itself is not exact.
    """

    frames: int | None
    maps: int
    fixations: int


class RawVideo(Protocol):
    """One video in its raw layout; nothing else knows that layout.

    Everything raises RawDataError where a file is missing or not what its format promises.
    """

    @property
    def places(self) -> tuple[Path, ...]:
        """Files, and folders whose files all belong to this video; they may be missing."""
        ...

    @property
    def sound(self) -> Path | None:
        """The sound file, if there is one."""
        ...

    def counts(self) -> Counts:
        """Count what is there."""
        ...

    def size(self) -> tuple[int, int]:
        """Return height and width of the raw frames as they are shown."""
        ...

    def frames(self, height: int, width: int, notes: list[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames H x W x 3 at the given size; `notes` receives a line on damage."""
        ...

    def densities(self, count: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the first `count` density maps h x w at their own size, all of one size."""
        ...

    def annotation(self, count: int, fps: float) -> Annotation:
        """Return the fixations on the first `count` frames."""
        ...


def files(places: Iterable[Path]) -> list[os.DirEntry[str] | Path]:
    """Return the files in `places`; folders inside a folder and hidden files are left out.

    Hidden files (`._0001.png`, `.DS_Store`) are left by file managers and belong to no video.
    """
    found: list[os.DirEntry[str] | Path] = []
    for place in places:
        if place.is_dir():
            with os.scandir(place) as entries:
                found += [each for each in entries if each.name[0] != "." and each.is_file()]
        elif place.is_file():
            found.append(place)
    return found


def fingerprint(places: Iterable[Path]) -> str:
    """Return the number, the bytes and the newest time of the files in `places`.

    Far cheaper than their content, and it notices a file that is rewritten where it lies, but not
    one that is altered under its old length and time: `avrsp doctor --deep` reads the content.
    """
    status = [each.stat() for each in files(places)]
    newest = max((each.st_mtime_ns for each in status), default=0)
    return f"{len(status)} files, {sum(each.st_size for each in status)} bytes, newest {newest}"


def run_of(numbers: Iterable[int]) -> int:
    """Return how far `numbers` count on from 1 without a gap."""
    there = set(numbers)
    length = 0
    while length + 1 in there:
        length += 1
    return length
