"""What a store holds, read: nothing is opened before the first read, nor twice by a process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from avrsp.data.attributes import StoreAttributes
from avrsp.data.audio import Samples
from avrsp.data.blocks import Blocks, described
from avrsp.data.sink import ZipSource
from avrsp.errors import StoreError

DAMAGE = (OSError, BadZipFile, RuntimeError, LookupError, TypeError, ValueError)


class _Hierarchy:
    """Arrays in a zip, opened by the process that reads: handles survive no fork and no pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner: int | None = None
        self._arrays: dict[str, Blocks] = {}
        self._facts: dict[str, Any] = {}
        self._whole: dict[str, NDArray[Any]] = {}

    def __reduce__(self) -> tuple[type[_Hierarchy], tuple[Path]]:
        return type(self), (self.path,)

    def _array(self, name: str) -> Blocks:
        self._open()
        if name not in self._arrays:
            raise self._damaged(f"no array `{name}`")
        return self._arrays[name]

    def _span(self, name: str, start: int, stop: int) -> NDArray[Any]:
        array = self._array(name)
        with self._reading(name):
            return array.span(start, stop)

    def _kept(self, name: str) -> NDArray[Any]:
        """Return a whole array, which is read once."""
        if name not in self._whole:
            self._whole[name] = self._span(name, 0, len(self._array(name)))
        return self._whole[name]

    def _open(self) -> None:
        if self._owner == os.getpid():
            return
        with self._reading("zarr.json"):
            self._facts, self._arrays = described(ZipSource(self.path))
        self._owner = os.getpid()

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except DAMAGE as error:
            raise self._damaged(f"{name}: {error}") from None

    def _damaged(self, reason: str) -> StoreError:
        remedy = "remove it and make it again (of a video: snakemake --cores all preprocess)"
        return StoreError(f"{self.path}: not a readable store ({reason}); {remedy}")


class VideoStore(_Hierarchy):
    """Frames, ground truth and sound of one video; nothing is opened before the first read."""

    @property
    def attributes(self) -> StoreAttributes:
        """What the store says about itself."""
        self._open()
        try:
            return StoreAttributes(**self._facts)
        except TypeError as error:
            raise self._damaged(str(error)) from None

    def __len__(self) -> int:
        return len(self._array("frames"))

    @property
    def truth_size(self) -> tuple[int, int]:
        """Height and width of the ground truth in pixels."""
        _, height, width = self._array("density").shape
        return height, width

    def frames(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return frames N x H x W x 3 in the order of `indices`; no chunk is decoded twice."""
        array = self._array("frames")
        with self._reading("frames"):
            return array.rows(np.asarray(indices, np.int64))

    def density(self, frame: int) -> NDArray[np.uint8]:
        """Return the ground-truth map h x w of one frame."""
        found: NDArray[np.uint8] = self._span("density", frame, frame + 1)[0]
        return found

    def densities(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return the ground-truth maps n x h x w of frames `start` up to `stop`."""
        return self._span("density", start, stop)

    def fixations(self, frame: int) -> NDArray[np.int16]:
        """Return k x 2 rows and columns of the pixels fixated in one frame."""
        first, after = self._kept("fixation_offsets")[frame : frame + 2]
        return self._kept("fixation_points")[first:after]

    @property
    def waveform(self) -> NDArray[np.float32]:
        """The whole sound, N samples, read anew at every access."""
        return np.asarray(self.sound[:])

    @property
    def sound(self) -> Samples:
        """The sound for `audio.excerpt`: a slice of it decodes only the chunks it touches."""
        return _Track(self._array("waveform"), self._reading)


class MapStore(_Hierarchy):
    """The predicted maps of one video."""

    def __len__(self) -> int:
        return len(self._array("maps"))

    def maps(self, start: int, stop: int) -> NDArray[np.float16]:
        """Return maps n x H x W of frames `start` to `stop` (exclusive)."""
        return self._span("maps", start, stop)


class _Track:
    """The sound of a store: a slice of it decompresses only the blocks that it touches."""

    def __init__(
        self, array: Blocks, reading: Callable[[str], contextlib.AbstractContextManager[None]]
    ) -> None:
        self.size = len(array)
        self._array, self._reading = array, reading

    def __getitem__(self, span: slice, /) -> NDArray[np.float32]:
        start, stop, _ = span.indices(self.size)
        with self._reading(self._array.name):
            return self._array.span(start, stop)
