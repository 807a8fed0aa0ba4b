"""A zip file that holds a zarr hierarchy: written in flat memory, always with the same bytes."""

from __future__ import annotations

import contextlib
import mmap
import struct
import zlib
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from avrsp.files import replacing

Buffer: TypeAlias = Any
"""zarr's own class, which only `store` may import."""

METADATA = "zarr.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
READABLE = 0o644 << 16
LOCAL_HEADER, LENGTHS = 30, 26
"""Bytes before an entry's name in the file, and where those of its name and extra are counted."""


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
            self.put(key, self._metadata[key].to_bytes())

    def __setitem__(self, key: str, value: Buffer) -> None:
        if key.endswith(METADATA):
            self._metadata[key] = value
        else:
            self.put(key, value.to_bytes())

    def put(self, key: str, content: bytes) -> None:
        """Write a chunk."""
        entry = ZipInfo(key, date_time=EPOCH)
        entry.compress_type = ZIP_STORED
        entry.external_attr = READABLE
        self._archive.writestr(entry, content)

    def __getitem__(self, key: str) -> Buffer:
        return self._metadata[key]

    def __delitem__(self, key: str) -> None:
        del self._metadata[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metadata)

    def __len__(self) -> int:
        return len(self._metadata)


class ZipSource:
    """The entries of a zip file in which nothing is compressed again, mapped into memory.

    Raises:
        BadZipFile: Not such a file; an entry raises it too where its checksum does not fit.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream, ZipFile(stream) as archive:
            self._entries = {entry.filename: entry for entry in archive.infolist()}
            self._bytes = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def content(self, key: str) -> memoryview:
        """Return the bytes of an entry, which are the file's own."""
        entry = self._entries[key]
        try:
            lengths = struct.unpack_from("<HH", self._bytes, entry.header_offset + LENGTHS)
        except struct.error:
            raise BadZipFile(f"{key}: lies beyond the end of the file") from None
        start = entry.header_offset + LOCAL_HEADER + sum(lengths)
        found = self._bytes[start : start + entry.file_size]
        if entry.compress_type != ZIP_STORED or zlib.crc32(found) != entry.CRC:
            raise BadZipFile(f"{key}: its checksum does not fit")
        return found
