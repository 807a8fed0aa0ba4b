"""Archives that nobody has vouched for: regular files and folders only, below one folder only."""

from __future__ import annotations

import gzip
import os
import tarfile
import zipfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from avrsp import progress
from avrsp.data.download.entries import BLOCK, Entry, entries
from avrsp.errors import RawDataError

BROKEN: Final = (
    EOFError,
    NotImplementedError,  # how zipfile says that it does not know a compression
    gzip.BadGzipFile,
    tarfile.TarError,
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
        said = " ".join(str(error).split()) or type(error).__name__
        raise RawDataError(f"{archive}: damaged ({said})") from None
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
    path = folder / _inside(entry.name)
    if entry.kind not in {"file", "folder"}:
        raise RawDataError(f"its entry {entry.name!r} is a {entry.kind}, only files are taken")
    count = 0
    try:
        if entry.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
            return 0
        path.parent.mkdir(parents=True, exist_ok=True)
        content = entry.open()
        if content is None:
            raise RawDataError(f"its entry {entry.name!r} has no content")
        with content, path.open("xb") as stream:
            while count <= room and (block := content.read(BLOCK)):
                count += stream.write(block)
    except CLASHES:
        raise RawDataError(f"its entry {entry.name!r} is there twice") from None
    os.utime(path, (max(entry.time, 0), max(entry.time, 0)))
    return count


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise RawDataError(f"its entry {name!r} would lie outside the folder")
    return path
