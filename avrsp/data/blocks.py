"""Arrays by the block: compressed by several threads, decompressed from the file into one array.

A block is the chunk that zarr would write or read, under the same key, so that any reader of zarr
opens a store. Only the copies and the event loop that zarr puts between a file and an array are
left out; they take as long as decompressing does.
"""

from __future__ import annotations

import functools
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numcodecs import Blosc, Zstd
from numpy.typing import NDArray

from avrsp.data.sink import ZipSink, ZipSource

LEVEL: Final = 3
"""Of Zstandard: the least that finds the earlier frames of a block again."""

THREADS: Final = min(4, os.cpu_count() or 1)
DESCRIPTION: Final = "zarr.json"
CODECS: Final = {"zstd": Zstd(LEVEL), "blosc": Blosc()}
"""By zarr's name; what they read says how it was compressed."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of an array in a zip file.

    Attributes:
        source: The file's entries.
        name: The array's.
        shape: Of the whole array.
        length: Rows along the first axis in a block.
        dtype: Of its elements.
        codec: Key in `CODECS`.
    """

    source: ZipSource
    name: str
    shape: tuple[int, ...]
    length: int
    dtype: np.dtype[Any]
    codec: str

    def __len__(self) -> int:
        return self.shape[0]

    def span(self, start: int, stop: int) -> NDArray[Any]:
        """Return the rows `start` up to `stop`, as far as there are any."""
        stop = min(stop, self.shape[0])
        if start >= stop:
            return np.empty((0, *self.shape[1:]), self.dtype)
        first = start // self.length
        found = self._read(range(first, (stop - 1) // self.length + 1))
        return found[start - first * self.length : stop - first * self.length]

    def rows(self, indices: NDArray[np.integer]) -> NDArray[Any]:
        """Return rows in the order of `indices`; no block is decompressed twice.

        Raises:
            IndexError: There is no such row.
        """
        if len(indices) and not 0 <= indices.min() <= indices.max() < self.shape[0]:
            raise IndexError(f"{self.name}: rows {indices} of {self.shape[0]}")
        held, place = np.unique(indices // self.length, return_inverse=True)
        found = self._read(held)
        rows = place * self.length + indices % self.length
        if len(rows) and np.array_equal(rows, np.arange(len(rows)) + rows[0]):
            return found[rows[0] : rows[0] + len(rows)]
        chosen: NDArray[Any] = found[rows]
        return chosen

    def _read(self, numbers: Iterable[int]) -> NDArray[Any]:
        """Decompress blocks; one that is not there is zeros, as zarr has it."""
        keys = [_key(self.name, int(number), len(self.shape)) for number in numbers]
        blocks = np.empty((len(keys), self.length, *self.shape[1:]), self.dtype)

        def fill(key: str, block: NDArray[Any]) -> None:
            if key in self.source:
                CODECS[self.codec].decode(self.source.content(key), out=block)
            else:
                block[...] = 0

        if len(keys) == 1:
            fill(keys[0], blocks[0])
        else:
            list(_pool(os.getpid()).map(fill, keys, blocks))
        found: NDArray[Any] = blocks.reshape(-1, *self.shape[1:])
        return found


def described(source: ZipSource) -> tuple[dict[str, Any], dict[str, Blocks]]:
    """Return the attributes of the hierarchy in a zip file, and its arrays by name.

    Raises:
        BadZipFile: A description is damaged.
        LookupError: One is not there, or lacks something.
        TypeError: One has another form than zarr's third format gives it.
        ValueError: Likewise, or it is not JSON.
    """
    arrays = {}
    for key in source:
        name, _, last = key.rpartition("/")
        if name and last == DESCRIPTION:
            facts = json.loads(bytes(source.content(key)))
            length = facts["chunk_grid"]["configuration"]["chunk_shape"][0]
            dtype, codec = np.dtype(facts["data_type"]), facts["codecs"][-1]["name"]
            arrays[name] = Blocks(source, name, tuple(facts["shape"]), length, dtype, codec)
    return json.loads(bytes(source.content(DESCRIPTION)))["attributes"], arrays


def write(
    sink: ZipSink, name: str, pieces: Iterable[NDArray[np.uint8]]
) -> tuple[tuple[int, ...], int]:
    """Write pieces of equal length, the last perhaps shorter, as the blocks of an array.

    Returns:
        The array's shape, and the length of a block.
    """
    count, length, size = 0, 1, (0,)

    def whole() -> Iterator[NDArray[np.uint8]]:
        nonlocal count, length, size
        for piece in pieces:
            if not count:
                length, size = len(piece), piece.shape[1:]
            count += len(piece)
            missing = length - len(piece)
            rest = np.zeros((missing, *size), np.uint8)
            yield np.concatenate([piece, rest]) if missing else piece

    for number, content in enumerate(_compressed(whole())):
        sink.put(_key(name, number, 1 + len(size)), content)
    return (count, *size), length


def _compressed(blocks: Iterable[NDArray[np.uint8]]) -> Iterator[bytes]:
    """Yield each block compressed, in order, while the next ones are made and compressed."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[bytes]] = deque()
        for block in blocks:
            waiting.append(pool.submit(CODECS["zstd"].encode, block))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _key(name: str, number: int, axes: int) -> str:
    """Return zarr's key of a chunk that spans every axis but the first."""
    return "/".join((name, "c", str(number), *["0"] * (axes - 1)))


@functools.lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of this process; those of its parent did not survive a fork."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix=f"blocks-{process}")
