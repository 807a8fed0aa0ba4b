"""What stands in an archive, entry by entry, whatever its format: tar, tar.gz, zip or rar.

rar goes through bsdtar, which rewrites it as a tar stream, so that one set of rules holds for all.
"""

from __future__ import annotations

import errno
import functools
import gzip
import os
import resource
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from calendar import timegm
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple, TypeVar, cast

from avrsp import progress
from avrsp.errors import RawDataError, cleaned

Result = TypeVar("Result")

BLOCK: Final = 1 << 20
TAR_MARK: Final = slice(257, 262)
"""Where a tar file says `ustar`; the other formats say theirs at the beginning."""

ENCRYPTED: Final = 1
"""The flag of a zip entry that needs a password."""

COMPRESSIONS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Of zip entries that are read: how much memory others take, an archive of a few bytes chooses."""

HEADER_BYTES: Final = 4 << 20
"""So long the headers of a tar entry, its name among them, may be; they are held in memory."""

RAR_BYTES: Final = 2 << 30
"""Memory that bsdtar may take."""

UNREADABLE: Final = (ValueError, LookupError, OverflowError, struct.error)
"""By which the libraries show that a header is nonsense, besides errors of their own."""

HIDDEN: Final = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
"""What macOS and Windows add to archives."""


class Entry(NamedTuple):
    """An entry: its name, what it is, its time, and how to open it while it is the current one."""

    name: str
    kind: str
    time: float
    open: Callable[[], IO[bytes] | None]


def entries(archive: Path) -> Generator[Entry]:
    """Yield the entries of `archive`, to the end of which it is checked as its format allows.

    Raises:
        RawDataError: It is of another format, or bsdtar is needed and is not there or fails.
    """
    with archive.open("rb") as stream:
        head = stream.read(TAR_MARK.stop)
    if not head:
        raise RawDataError("it is empty (0 bytes); get it again")
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(archive) as unzipped:
            yield from _of_tar(cast("IO[bytes]", unzipped))
    elif head.startswith(b"PK"):
        with _opened_zip(archive) as zipped:
            yield from _of_zip(zipped)
    elif head.startswith(b"Rar!"):
        with _rewritten(archive) as tar:
            yield from _of_tar(tar)
    elif head[TAR_MARK] == b"ustar":
        with archive.open("rb") as stream:
            yield from _of_tar(stream)
    else:
        raise RawDataError("it is not an archive (tar, tar.gz, zip or rar)")


class _Metered:
    """A stream of which, while a tar header is looked for, only so much may be read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left: int | None = None

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        found = self._stream.read(size)
        if self._left is not None:
            self._left -= len(found)
            if self._left < 0:
                raise RawDataError("an entry's header is far too long, as a bomb's would be")
        return found

    @contextmanager
    def limited(self, count: int) -> Iterator[None]:
        """Let at most `count` bytes be read."""
        self._left = count
        try:
            yield
        finally:
            self._left = None


def _of_tar(stream: IO[bytes]) -> Iterator[Entry]:
    metered = _Metered(stream)
    opened = functools.partial(tarfile.open, fileobj=cast("IO[bytes]", metered), mode="r|")
    with _header(metered, opened) as tar:
        while (member := _header(metered, tar.next)) is not None:
            tar.members.clear()  # type: ignore[attr-defined] # it would remember a million
            kind = _tar_kind(member)
            yield Entry(member.name, kind, member.mtime, functools.partial(tar.extractfile, member))
    while block := stream.read(BLOCK):  # to the end, where gzip has its checksum
        if block.strip(b"\0"):
            raise RawDataError("it is damaged: an entry in the middle cannot be read")


def _header(metered: _Metered, read: Callable[[], Result]) -> Result:
    """Return what `read`, which reads a tar header, returns."""
    with metered.limited(HEADER_BYTES):
        try:
            return read()
        except RawDataError:
            raise
        except UNREADABLE as error:
            raise RawDataError(f"it is damaged: a header cannot be read ({error})") from None


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.isreg():
        return "file"
    if member.isdir():
        return "folder"
    return "link" if member.issym() or member.islnk() else "device"


def _opened_zip(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except UNREADABLE as error:
        raise RawDataError(f"it is damaged: its list of entries cannot be read ({error})") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # by which a place before the file's beginning shows
            raise
        raise RawDataError("it is damaged: its list of entries leads outside it") from None


def _of_zip(zipped: zipfile.ZipFile) -> Iterator[Entry]:
    for info in zipped.infolist():
        if info.flag_bits & ENCRYPTED:
            raise RawDataError(f"its entry {info.filename!r} needs a password")
        if info.compress_type not in COMPRESSIONS:
            raise RawDataError(
                f"its entry {info.filename!r} is compressed by method {info.compress_type}, "
                "expected Deflate (8) or none (0); pack it again by another program"
            )
        opened = functools.partial(zipped.open, info)
        yield Entry(_zip_name(info), _zip_kind(info), _zip_time(info), opened)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return an entry's name; Windows separates folders by backslashes."""
    name = info.orig_filename  # zipfile cuts the other one at a null byte
    return name if "/" in name else name.replace("\\", "/")


def _zip_time(info: zipfile.ZipInfo) -> float:
    """Return an entry's time, that of the format's first day where it is no time."""
    try:
        return timegm((*info.date_time, 0, 0, 0))
    except ValueError:
        return timegm((1980, 1, 1, 0, 0, 0, 0, 0, 0))


def _zip_kind(info: zipfile.ZipInfo) -> str:
    if _zip_name(info).endswith("/"):
        return "folder"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind in {0, stat.S_IFREG}:
        return "file"
    return "link" if kind == stat.S_IFLNK else "device"


@contextmanager
def _rewritten(archive: Path) -> Iterator[IO[bytes]]:
    """Give what is in a rar archive as a tar stream."""
    program = shutil.which("bsdtar")
    if program is None:
        raise RawDataError(
            "rar needs bsdtar, which is not on the PATH; install it (Debian: apt-get install "
            f"libarchive-tools), or unpack it by hand to {archive.with_suffix('')}"
        )
    command = [program, "-c", "-f", "-", "--format=pax", f"@{archive.resolve()}"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        if sys.platform == "linux":
            resource.prlimit(process.pid, resource.RLIMIT_AS, (RAR_BYTES, RAR_BYTES))
        try:
            yield cast("IO[bytes]", process.stdout)
        except BaseException:
            process.kill()
            raise
        said = process.communicate()[1].decode(errors="replace")
    if process.returncode:
        raise RawDataError(f"it is damaged: bsdtar says {' '.join(said.split())[:200]}")


BROKEN: Final = (
    EOFError,
    NotImplementedError,  # how zipfile says that it does not know a compression
    gzip.BadGzipFile,
    tarfile.TarError,
    UnicodeError,
    zipfile.BadZipFile,
    zlib.error,
)
CLASHES: Final = (FileExistsError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these an archive is taken for a bomb: entries, and bytes a byte of the archive."""

    count: int = 3_000_000
    ratio: float = 200.0


def unpack(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpack `archive` below the empty `folder`, keeping the times of its files.

    Raises:
        RawDataError: It is no archive, is damaged, is far too large, or holds something other than
            regular files and folders inside itself; `folder` then holds a part of it.
    """
    try:
        _write_all(archive, folder, limits)
    except RawDataError as error:
        raise RawDataError(f"{archive}: not unpacked: {error}") from None
    except BROKEN as error:
        said = cleaned(str(error)) or type(error).__name__
        raise RawDataError(f"{archive}: damaged ({said})") from None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise RawDataError(f"{archive}: not unpacked: a name is too long for this disk") from None
    os.sync()  # once for all files: a rename follows, which must not come before them


def _write_all(archive: Path, folder: Path, limits: Limits) -> None:
    room = limits.ratio * archive.stat().st_size + BLOCK
    label = f"unpack {archive.name}"
    with closing(entries(archive)) as listed:
        shown = progress.track(listed, total=None, label=label, unit="file")
        for number, entry in enumerate(shown, start=1):
            room -= _write(entry, folder, room)
            if room < 0 or number > limits.count:
                raise RawDataError("it holds far more than such data does, as a bomb would")


def _write(entry: Entry, folder: Path, room: float) -> int:
    """Write an entry, stopping soon beyond `room` bytes; return how many bytes it has."""
    if _is_hidden(entry.name):
        return _passed_over(entry, room)
    path = folder / _inside(entry.name)
    if entry.kind not in {"file", "folder"}:
        raise RawDataError(f"its entry {entry.name!r} is a {entry.kind}, only files are taken")
    try:
        if entry.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
            return 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            count = _copied(entry, room, stream.write)
    except CLASHES:
        raise RawDataError(f"its entry {entry.name!r} is there twice") from None
    seconds = entry.time if 0 <= entry.time <= LATEST else 0.0  # what is not a number is neither
    os.utime(path, (seconds, seconds))
    return count


def _copied(entry: Entry, room: float, write: Callable[[bytes], int]) -> int:
    """Give an entry to `write`, stopping soon beyond `room` bytes; return how many there were."""
    content = entry.open()
    if content is None:
        raise RawDataError(f"its entry {entry.name!r} has no content")
    count = 0
    with content:
        while count <= room and (block := content.read(BLOCK)):
            count += write(block)
    return count


def _passed_over(entry: Entry, room: float) -> int:
    """Read an entry that is not wanted, which lies before the next one."""
    return _copied(entry, room, len) if entry.kind == "file" else 0


LATEST: Final = 1 << 32
"""Seconds since 1970 up to which every disk keeps times."""


def _is_hidden(name: str) -> bool:
    """Say whether an entry is one that macOS or Windows added, such as `._0001.png`."""
    return any(part in HIDDEN or part.startswith("._") for part in PurePosixPath(name).parts)


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise RawDataError(f"its entry {name!r} would lie outside the folder")
    return path
