"""A zip file that takes a zarr hierarchy as it is written: flat memory, reproducible bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from avrsp.files import replacing

Buffer: TypeAlias = Any
"""zarr's own class, which only `store` may import."""

METADATA = "zarr.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
READABLE = 0o644 << 16


@contextlib.contextmanager
def writing(path: Path) -> Iterator[ZipSink]:
    """Yield the keys of a zip file that replaces `path` once the block ends without an error."""
    with replacing(path) as temporary, ZipFile(temporary, "w") as archive:
        keys = ZipSink(archive)
        yield keys
        keys.finish()


def stacked(items: Iterable[NDArray[Any]], chunk: int) -> Iterator[NDArray[Any]]:
    """Yield `items` in blocks of `chunk`, the last one perhaps shorter."""
    rest = iter(items)
    while block := list(islice(rest, chunk)):
        yield np.stack(block)


def cut(samples: NDArray[np.float32], chunk: int) -> Iterator[NDArray[np.float32]]:
    """Yield `samples` in blocks of `chunk`, the last one perhaps shorter; one where there are none.

    Sound shorter than a chunk makes a chunk of its own length.
    """
    for start in range(0, max(len(samples), 1), chunk):
        yield samples[start : start + chunk]


class ZipSink(MutableMapping[str, Buffer]):
    """The keys and values of a zarr store, written to `archive`.

    Chunks go to the file at once and cannot be read back. Metadata changes while an array grows,
    so it waits in memory until `finish`. Entries bear no time and are not compressed again, so
    that equal arrays make equal files.
    """

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._metadata: dict[str, Buffer] = {}

    def finish(self) -> None:
        """Write the metadata."""
        for key in sorted(self._metadata):
            self._write(key, self._metadata[key])

    def __setitem__(self, key: str, value: Buffer) -> None:
        if key.endswith(METADATA):
            self._metadata[key] = value
        else:
            self._write(key, value)

    def __getitem__(self, key: str) -> Buffer:
        return self._metadata[key]

    def __delitem__(self, key: str) -> None:
        del self._metadata[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metadata)

    def __len__(self) -> int:
        return len(self._metadata)

    def _write(self, key: str, value: Buffer) -> None:
        entry = ZipInfo(key, date_time=EPOCH)
        entry.compress_type = ZIP_STORED
        entry.external_attr = READABLE
        self._archive.writestr(entry, value.to_bytes())
