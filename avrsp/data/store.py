"""The store of a video and the store of its predicted maps: a zarr hierarchy in one zip file.

| array | shape and type | |
|---|---|---|
| `frames` | T x H x W x 3 uint8 | RGB at network size |
| `density` | T x h x w uint8 | ground-truth map at its own size, maximum 255 |
| `fixation_points` | K x 2 int16 | row and column in the density's size |
| `fixation_offsets` | T + 1 int64 | frame t owns points offsets[t] : offsets[t + 1] |
| `waveform` | N float32 | mono in [-1, 1] at 22,050 Hz, empty without sound |
| `maps` | T x H x W float16 | alone in a store of predicted maps |

Equal content makes equal bytes, and a store is whole or not there.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
import zarr  # noqa: TID251 - the one place
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, ZstdCodec  # noqa: TID251
from zarr.storage import MemoryStore, ZipStore  # noqa: TID251

from avrsp.data import sink, windows
from avrsp.data.attributes import StoreAttributes
from avrsp.data.audio import Samples
from avrsp.errors import StoreError

__all__ = ["MapStore", "StoreAttributes", "VideoStore", "write_maps", "write_store"]

Codec = ZstdCodec | BloscCodec
PIXELS = ZstdCodec(level=3)  # finds the earlier frames of a chunk again
FLOATS = BloscCodec(cname="zstd", clevel=3, shuffle="shuffle")
SOUND_CHUNK, MAPS_CHUNK = 65_536, 16


class _Hierarchy:
    """Arrays in a zip, opened by the process that reads: handles survive no fork and no pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner: int | None = None
        self._arrays: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}

    def __reduce__(self) -> tuple[type[_Hierarchy], tuple[Path]]:
        return type(self), (self.path,)

    def _array(self, name: str) -> Any:  # noqa: ANN401 - a zarr array, or one read into memory
        self._open()
        if name not in self._arrays:
            raise self._damaged(f"no array `{name}`")
        return self._arrays[name]

    def _read(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        array = self._array(name)
        try:
            return np.asarray(array[start:stop])
        except (OSError, BadZipFile, RuntimeError, ValueError) as error:
            raise self._damaged(f"`{name}`: {error}") from None

    def _open(self) -> None:
        if self._owner == os.getpid():
            return
        try:
            group = zarr.open_group(ZipStore(self.path, mode="r"), mode="r")
            self._arrays, self._facts = dict(group.arrays()), dict(group.attrs)
        except (OSError, BadZipFile, KeyError, ValueError) as error:
            raise self._damaged(str(error)) from None
        self._owner = os.getpid()

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
        return int(self._array("frames").shape[0])

    @property
    def truth_size(self) -> tuple[int, int]:
        """Height and width of the ground truth in pixels."""
        return tuple(self._array("density").shape[1:])

    def frames(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return frames N x H x W x 3 in the order of `indices`; no chunk is decoded twice."""
        array = self._array("frames")
        edges, rows = windows.spans(np.asarray(indices, np.int64), array.chunks[0])
        found = [self._read("frames", start, stop) for start, stop in edges]
        block: NDArray[np.uint8] = np.concatenate(found) if len(found) > 1 else found[0]
        return block if np.array_equal(rows, np.arange(len(block))) else block[rows]

    def density(self, frame: int) -> NDArray[np.uint8]:
        """Return the ground-truth map h x w of one frame."""
        return np.asarray(self._array("density")[frame])

    def densities(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return the ground-truth maps n x h x w of frames `start` up to `stop`."""
        return self._read("density", start, stop)

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
        return cast("Samples", self._array("waveform"))

    def _kept(self, name: str) -> NDArray[Any]:
        array = self._arrays[name] = self._read(name)
        return array


class MapStore(_Hierarchy):
    """The predicted maps of one video."""

    def __len__(self) -> int:
        return int(self._array("maps").shape[0])

    def maps(self, start: int, stop: int) -> NDArray[np.float16]:
        """Return maps n x H x W of frames `start` to `stop` (exclusive)."""
        return self._read("maps", start, stop)


def write_store(  # noqa: PLR0913 - one argument for each array
    path: Path,
    *,
    frames: Iterable[NDArray[np.uint8]],
    densities: Iterable[NDArray[np.uint8]],
    fixations: Sequence[NDArray[np.integer]],
    waveform: NDArray[np.float32],
    attributes: StoreAttributes,
    chunk: int,
) -> None:
    """Write a video's store, with at most `chunk` frames or maps in memory at a time.

    `attributes.used` frames H x W x 3, densities h x w and k x 2 fixated pixels; N samples.

    Raises:
        StoreError: Their numbers differ.
    """
    offsets = np.cumsum([0, *map(len, fixations)], dtype=np.int64)
    points = np.concatenate([np.zeros((0, 2), np.int16), *fixations], dtype=np.int16)
    with sink.writing(path) as keys:
        group = zarr.create_group(MemoryStore(keys), attributes=dataclasses.asdict(attributes))
        found = _stream(group, "frames", sink.stacked(frames, chunk), PIXELS)
        truth = _stream(group, "density", sink.stacked(densities, chunk), PIXELS)
        if not found == truth == len(fixations) == attributes.used:
            counts = f"{found} frames, {truth} maps, {len(fixations)} lists of fixations"
            raise StoreError(f"{path.name}: {counts}; {attributes.used} of each are to be used")
        _stream(group, "fixation_points", [points], PIXELS)
        _stream(group, "fixation_offsets", [offsets], PIXELS)
        _stream(group, "waveform", sink.cut(waveform, SOUND_CHUNK), FLOATS)


def write_maps(path: Path, maps: Iterable[NDArray[Any]], *, chunk: int = MAPS_CHUNK) -> int:
    """Write predicted maps H x W as float16, `chunk` at a time; return their number."""
    with sink.writing(path) as keys:
        group = zarr.create_group(MemoryStore(keys))
        halves = sink.stacked((each.astype(np.float16) for each in maps), chunk)
        return _stream(group, "maps", halves, FLOATS)


def _stream(group: zarr.Group, name: str, blocks: Iterable[NDArray[Any]], codec: Codec) -> int:
    """Write `blocks` one after another as the chunks of one array; only the last may be shorter."""
    array, count = None, 0
    for block in blocks:
        if array is None:
            array = group.create_array(
                name,
                shape=(0, *block.shape[1:]),
                chunks=(max(len(block), 1), *block.shape[1:]),
                dtype=block.dtype,
                compressors=codec,
            )
        array.resize((count + len(block), *block.shape[1:]))
        array[count:] = block
        count += len(block)
    return count
