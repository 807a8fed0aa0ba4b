"""What stands in an archive, entry by entry, whatever its format: tar, tar.gz, zip or rar.

rar goes through bsdtar, which rewrites it as a tar stream, so that one set of rules holds for all.
"""

from __future__ import annotations

import functools
import gzip
import shutil
import stat
import subprocess
import tarfile
import zipfile
from calendar import timegm
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

from avrsp.errors import RawDataError

BLOCK: Final = 1 << 20
TAR_MARK: Final = slice(257, 262)
"""Where a tar file says `ustar`; the other formats say theirs at the beginning."""

ENCRYPTED: Final = 1
"""The flag of a zip entry that needs a password."""


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
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(archive) as unzipped:
            yield from _of_tar(cast("IO[bytes]", unzipped))
    elif head.startswith(b"PK"):
        with zipfile.ZipFile(archive) as zipped:
            yield from _of_zip(zipped)
    elif head.startswith(b"Rar!"):
        with _rewritten(archive) as tar:
            yield from _of_tar(tar)
    elif head[TAR_MARK] == b"ustar":
        with archive.open("rb") as stream:
            yield from _of_tar(stream)
    else:
        raise RawDataError("it is not an archive (tar, tar.gz, zip or rar)")


def _of_tar(stream: IO[bytes]) -> Iterator[Entry]:
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined] # it would remember a million
            kind = _tar_kind(member)
            yield Entry(member.name, kind, member.mtime, functools.partial(tar.extractfile, member))
    while block := stream.read(BLOCK):  # to the end, where gzip has its checksum
        if block.strip(b"\0"):
            raise RawDataError("it is damaged: an entry in the middle cannot be read")


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.isreg():
        return "file"
    if member.isdir():
        return "folder"
    return "link" if member.issym() or member.islnk() else "device"


def _of_zip(zipped: zipfile.ZipFile) -> Iterator[Entry]:
    for info in zipped.infolist():
        if info.flag_bits & ENCRYPTED:
            raise RawDataError(f"its entry {info.filename!r} needs a password")
        # orig_filename: zipfile cuts the other one at a null byte
        opened = functools.partial(zipped.open, info)
        yield Entry(info.orig_filename, _zip_kind(info), timegm((*info.date_time, 0, 0, 0)), opened)


def _zip_kind(info: zipfile.ZipInfo) -> str:
    if info.is_dir():
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
        try:
            yield cast("IO[bytes]", process.stdout)
        except BaseException:
            process.kill()
            raise
        said = process.communicate()[1].decode(errors="replace")
    if process.returncode:
        raise RawDataError(f"it is damaged: bsdtar says {' '.join(said.split())[:200]}")
