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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr  # noqa: TID251 - the one place
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, ZstdCodec  # noqa: TID251
from zarr.storage import MemoryStore  # noqa: TID251

from avrsp.data import blocks, sink
from avrsp.data.attributes import StoreAttributes
from avrsp.data.stored import MapStore, VideoStore
from avrsp.errors import StoreError

__all__ = ["MapStore", "StoreAttributes", "VideoStore", "write_maps", "write_store"]

Codec = ZstdCodec | BloscCodec
PIXELS = ZstdCodec(level=blocks.LEVEL)
FLOATS = BloscCodec(cname="zstd", clevel=3, shuffle="shuffle")
SOUND_CHUNK, MAPS_CHUNK = 65_536, 16


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
        found = _pixels(group, keys, "frames", sink.stacked(frames, chunk))
        truth = _pixels(group, keys, "density", sink.stacked(densities, chunk))
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


def _pixels(
    group: zarr.Group, keys: sink.ZipSink, name: str, pieces: Iterable[NDArray[np.uint8]]
) -> int:
    """Write pieces of equal length, the last perhaps shorter, as the chunks of an array."""
    shape, length = blocks.write(keys, name, pieces)
    chunks = length, *shape[1:]
    group.create_array(name, shape=shape, chunks=chunks, dtype=np.uint8, compressors=PIXELS)
    return shape[0]


def _stream(group: zarr.Group, name: str, pieces: Iterable[NDArray[Any]], codec: Codec) -> int:
    """Write `pieces` one after another as the chunks of one array; only the last may be shorter."""
    array, count = None, 0
    for block in pieces:
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
