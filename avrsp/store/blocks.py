"""Arrays by the block: compressed by several threads, decompressed from the file into one array.

A block is the chunk that zarr would write or read, under the same key, so that any reader of zarr
opens a store (a test does). What zarr could read and these functions could not is refused. Only
the copies and the event loop that zarr puts between a file and an array are left out; they take as
long as decompressing does.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numcodecs import Blosc, Zstd
from numpy.typing import NDArray

from avrsp.files import replacing
from avrsp.store import remote


def available_threads() -> int:
    """Return how many threads this process may use.

    `OMP_NUM_THREADS`, which Snakemake sets to a job's `threads`, else the processors that the
    scheduler grants.
    """
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdecimal() and int(named):
        return int(named)
    granted = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(granted(0)) if granted else os.cpu_count() or 1


LEVEL: Final = 3
"""Of Zstandard: the least that finds the earlier frames of a block again."""

TOGETHER: Final = 8
"""Blocks in memory at a time where rows are far apart."""

THREADS: Final = min(4, available_threads())
DESCRIPTION: Final = "zarr.json"
BROKEN_ZIP: Final = (
    *(BadZipFile, NotImplementedError, LookupError, ValueError, OverflowError, struct.error),
)
"""What `zipfile` raises on a file whose directory is damaged, besides OSError with EINVAL."""

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
        within = indices % self.length
        if len(indices) and np.array_equal(indices, np.arange(len(indices)) + indices[0]):
            return self._read(held)[within[0] : within[0] + len(indices)]
        chosen = np.empty((len(indices), *self.shape[1:]), self.dtype)
        for start in range(0, len(held), TOGETHER):
            found = self._read(held[start : start + TOGETHER])
            here = (start <= place) & (place < start + TOGETHER)
            chosen[here] = found[(place[here] - start) * self.length + within[here]]
        return chosen

    def _read(self, numbers: Iterable[int]) -> NDArray[Any]:
        """Decompress blocks; one that is not there is zeros, as zarr has it."""
        keys = [chunk_key(self.name, int(number), len(self.shape)) for number in numbers]
        blocks = np.empty((len(keys), self.length, *self.shape[1:]), self.dtype)

        def fill(key: str, block: NDArray[Any]) -> None:
            if key in self.source:
                decode(self.codec, key, self.source.content(key), block)
            else:
                block[...] = 0

        if len(keys) == 1 or _one_of_several:
            deque(map(fill, keys, blocks), maxlen=0)
        else:
            _share(fill, zip(keys, blocks, strict=True))
        found: NDArray[Any] = blocks.reshape(-1, *self.shape[1:])
        return found


def decode(codec: str, key: str, content: bytes, block: NDArray[Any]) -> None:
    """Decompress the entry `key` into a block.

    Raises:
        BadZipFile: It is not what that codec wrote.
    """
    try:
        CODECS[codec].decode(content, out=block)
    except (RuntimeError, ValueError) as error:
        raise BadZipFile(f"{key}: {error}") from None


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
        sink.put(chunk_key(name, number, 1 + len(size)), content)
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


def chunk_key(name: str, number: int, axes: int) -> str:
    """Return zarr's key of a chunk that spans every axis but the first."""
    return "/".join((name, "c", str(number), *["0"] * (axes - 1)))


_one_of_several = THREADS == 1


def use_one_thread() -> None:
    """Decompress in the thread that reads from now on: this process is one of several that read."""
    global _one_of_several  # noqa: PLW0603 - one for the process
    _one_of_several = True


def _share(fill: Callable[[str, NDArray[Any]], None], work: Iterable[tuple[str, Any]]) -> None:
    """Fill blocks in several threads; this one takes them from the end, rather than wait idly."""
    pool = _pool(os.getpid())
    begun = [(pool.submit(fill, *each), each) for each in work]
    for future, each in reversed(begun):
        if future.cancel():
            fill(*each)
        else:  # and whatever stands before it has begun too
            future.result()


@functools.lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the other threads of this process; those of its parent did not survive a fork."""
    return ThreadPoolExecutor(THREADS - 1, thread_name_prefix=f"blocks-{process}")


Buffer: TypeAlias = Any
"""zarr's own class, which only `store` may import."""

METADATA = "zarr.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
READABLE = 0o644 << 16
LOCAL_HEADER, LENGTHS = 30, 26
"""Bytes before an entry's name in the file, and where those of its name and extra are counted."""


EXTRA = 64
"""Bytes of an entry's extra fields that are read with it from object storage; ours have none."""


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
    """The entries of a zip file in which nothing is compressed again, here or in object storage.

    The file is open only while an entry is read: a training has more stores than a process may
    have open files, and a file that is cut short meanwhile must not end the process, as a
    map of it does.

    Raises:
        BadZipFile: Not such a file; an entry raises it too where its checksum does not fit.
        RemoteError: The object storage does not answer; an entry raises it too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._remote = remote.pointer(path)
        if self._remote:
            self._entries = _far_entries(self._remote)
        else:
            with path.open("rb") as stream:
                self._entries, _ = _listed(stream)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def content(self, key: str) -> bytes:
        """Return the bytes of an entry."""
        if key not in self._entries:
            raise BadZipFile(f"{key}: is missing")
        entry = self._entries[key]
        if self._remote is None:
            return _checked(entry, self._near(entry))
        try:
            return _checked(entry, self._far(self._remote, entry))
        except BadZipFile:  # what was kept here may have been damaged
            self._remote.forget(key)
            return _checked(entry, self._far(self._remote, entry))

    def _near(self, entry: ZipInfo) -> bytes:
        """Return an entry's bytes from the file."""
        first, size = entry.header_offset + LOCAL_HEADER, entry.file_size
        with self._path.open("rb", buffering=0) as stream:
            file = stream.fileno()
            if not 0 <= first - LOCAL_HEADER <= first + size <= os.fstat(file).st_size:
                raise BadZipFile(f"{entry.filename}: lies beyond the end of the file")
            header = os.pread(file, LOCAL_HEADER, first - LOCAL_HEADER)
            return os.pread(file, size, first + sum(struct.unpack_from("<HH", header, LENGTHS)))

    def _far(self, file: remote.RemoteFile, entry: ZipInfo) -> bytes:
        """Return an entry's bytes from object storage, by one request."""
        head = LOCAL_HEADER + len(entry.filename.encode()) + EXTRA
        stop = min(entry.header_offset + head + entry.file_size, file.size)
        found = file.member(entry.filename, entry.header_offset, stop)
        if len(found) < LOCAL_HEADER:
            raise BadZipFile(f"{entry.filename}: lies beyond the end of the file")
        begin = LOCAL_HEADER + sum(struct.unpack_from("<HH", found, LENGTHS))
        return found[begin : begin + entry.file_size]


def _listed(stream: BinaryIO) -> tuple[dict[str, ZipInfo], int]:
    """Return the entries of a zip file, and where the list of them begins.

    Raises:
        BadZipFile: The list is damaged.
    """
    try:
        with ZipFile(stream) as archive:
            return {entry.filename: entry for entry in archive.infolist()}, archive.start_dir
    except BROKEN_ZIP as error:
        raise BadZipFile(str(error) or type(error).__name__) from None


def _far_entries(file: remote.RemoteFile) -> dict[str, ZipInfo]:
    """Return the entries of a store in object storage; a list that was kept here may be damaged."""
    try:
        return _checked_entries(file)
    except BadZipFile:
        file.forget(remote.DIRECTORY)
        return _checked_entries(file)


def _checked_entries(file: remote.RemoteFile) -> dict[str, ZipInfo]:
    with file.opened() as stream:
        found, start = _listed(stream)
        stream.seek(start)
        if hashlib.sha256(stream.read()).hexdigest() != file.entries:
            raise BadZipFile("the object storage has another store here")
    return found


def _checked(entry: ZipInfo, found: bytes) -> bytes:
    """Return an entry's bytes once their checksum fits; it costs more than to read them."""
    if entry.compress_type != ZIP_STORED or zlib.crc32(found) != entry.CRC:
        raise BadZipFile(f"{entry.filename}: its checksum does not fit")
    return found
