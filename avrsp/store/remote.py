"""Stores in object storage: written whole, read by ranges, what was read kept in a local folder.

Where a store lies in object storage, its local file is a pointer to it: JSON with the address, the
size and digests. Reading goes through `RemoteFile`; everything else looks at local files alone.
Clients take credentials and the endpoint from the variables of AWS's own programs.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from avrsp import files
from avrsp.errors import RemoteError, StoreError, cleaned
from avrsp.store import block_cache

if TYPE_CHECKING:
    from obstore.store import ObjectStore

KIND: Final = "avrsp remote store"
LONGEST: Final = 4096
"""Bytes of the longest pointer."""

TAIL: Final = 1 << 16
"""Bytes at the end of a store that are read at once: they hold the list of entries of most."""

DIRECTORY: Final = "directory"
"""Key by which the end of a store is kept."""

PART_BYTES: Final = 16 << 20
RETRIES: Final = 8
RETRY_SECONDS: Final = 60.0
"""How often, and for how long at most, a request is repeated that failed or got a 5xx answer."""

REQUEST_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A store in object storage.

    Attributes:
        address: As s3://bucket/prefix/diem/video.zarr.zip.
        size: In bytes.
        sha256: Of its content.
        entries: Digest of its list of entries (`members.entries_digest`).
    """

    address: str
    size: int
    sha256: str
    entries: str

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to `stop`.

        Raises:
            StoreError: The object is gone, or shorter.
            RemoteError: The storage does not answer.
        """
        obstore = _library()
        bucket, key = _split(self.address)
        with _asking(self.address):
            found = bytes(
                obstore.get_range(_client(bucket, os.getpid()), key, start=start, end=stop)
            )
        if len(found) != stop - start:
            raise StoreError(
                f"{self.address}: {len(found)} bytes at {start}, expected {stop - start}"
            )
        return found

    def member(self, key: str, start: int, stop: int) -> bytes:
        """Return the bytes of an entry, which are kept for the next time."""
        name = f"{self.sha256[:32]}/{key.replace('/', '.')}"
        return block_cache.kept(name, lambda: self.read(start, stop))

    def forget(self, key: str) -> None:
        """Do not keep an entry that turned out to be damaged."""
        block_cache.remove(f"{self.sha256[:32]}/{key.replace('/', '.')}")

    def opened(self) -> io.BufferedReader:
        """Return the file as a stream; its end, with the list of entries, is read at once."""
        start = max(0, self.size - TAIL)
        return io.BufferedReader(_Stream(self, start, self.member(DIRECTORY, start, self.size)))


class _Stream(io.RawIOBase):
    """The bytes of a remote file, of which those from `start` on are there already."""

    def __init__(self, file: RemoteFile, start: int, tail: bytes) -> None:
        self._file, self._start, self._tail = file, start, tail
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._file.size}[whence]
        if begin + offset < 0:
            raise ValueError(f"position {begin + offset}")
        self._at = begin + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        stop = min(self._at + len(buffer), self._file.size)
        if stop <= self._at:
            return 0
        if self._at >= self._start:
            found = self._tail[self._at - self._start : stop - self._start]
        else:
            found = self._file.read(self._at, stop)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def pointer(path: Path) -> RemoteFile | None:
    """Return where the store at `path` really lies; None where it is the store itself.

    Raises:
        OSError: There is no such file.
    """
    with path.open("rb") as stream:
        if stream.read(1) != b"{":
            return None
        text = b"{" + stream.read(LONGEST)
    try:
        facts = json.loads(text)
        if facts.pop("kind") != KIND:
            return None
        return RemoteFile(**facts)
    except (ValueError, TypeError, KeyError):
        return None


def point(path: Path, file: RemoteFile) -> None:
    """Write a pointer, atomically, in place of whatever is there."""
    files.write_json(path, {"kind": KIND, **asdict(file)})


def send(path: Path, address: str, entries: str) -> None:
    """Put the store at `path` into object storage, where it is whole or not there; leave a pointer.

    A large one goes in parts, which become one object when the last is there.

    Args:
        path: The store.
        address: Where it is to lie.
        entries: Digest of its list of entries.

    Raises:
        RemoteError: The storage does not take it.
    """
    obstore = _library()
    bucket, key = _split(address)
    size, digest = path.stat().st_size, files.sha256(path)
    with _asking(address):
        obstore.put(_client(bucket, os.getpid()), key, path, chunk_size=PART_BYTES)
        found = int(obstore.head(_client(bucket, os.getpid()), key)["size"])
    if found != size:
        raise RemoteError.of(address, f"{found} bytes are there, {size} were sent")
    point(path, RemoteFile(address, size, digest, entries))


def sizes(address: str) -> dict[str, int]:
    """Return the bytes of each object below an address, by its whole address.

    Raises:
        RemoteError: The storage does not answer.
    """
    obstore = _library()
    bucket, prefix = _split(address)
    with _asking(address):
        pages = obstore.list(_client(bucket, os.getpid()), prefix or None)
        return {f"s3://{bucket}/{each['path']}": int(each["size"]) for each in _each(pages)}


def _each(pages: Iterable[Any]) -> Iterator[Any]:
    for page in pages:
        yield from page


def content_digest(file: RemoteFile) -> str:
    """Return the SHA-256 of a remote file's content, all of which is read."""
    joint = hashlib.sha256()
    for start in range(0, file.size, PART_BYTES):
        joint.update(file.read(start, min(start + PART_BYTES, file.size)))
    return joint.hexdigest()


def _library() -> ModuleType:
    """Return the library that asks object storage, which is part of the extra `s3`."""
    try:
        return importlib.import_module("obstore")
    except ModuleNotFoundError:
        raise StoreError(
            "stores in object storage need the package obstore, which is not installed; run: "
            "pip install 'avrsp[s3]'"
        ) from None


def _split(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.netloc, parts.path.strip("/")


@functools.lru_cache(maxsize=8)
def _client(bucket: str, process: int) -> ObjectStore:
    """Return a client of this process: connections survive no fork."""
    from obstore.store import S3Store  # noqa: PLC0415

    del process
    return S3Store(
        bucket,
        client_options={
            "allow_http": True,
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        },
        retry_config={
            "max_retries": RETRIES,
            "retry_timeout": timedelta(seconds=RETRY_SECONDS),
        },
    )


@contextmanager
def _asking(address: str) -> Iterator[None]:
    """Turn what a request raises, after all repetitions, into one line."""
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except FileNotFoundError:
        raise StoreError(
            f"{address}: not in the object storage; convert again: remove its pointer and run: "
            "snakemake --cores all preprocess"
        ) from None
    except BaseError as error:
        raise RemoteError.of(address, cleaned(str(error))) from None
