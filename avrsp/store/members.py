"""The entries of a store's zip file: which there must be, and a digest that tells stores apart.

The zip's central directory lists each entry with its length and CRC-32. Entries' contents are
compared with that checksum whenever they are read, so it is enough to compare the directory itself:
that takes a millisecond, whatever the store's size.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from avrsp.store import remote
from avrsp.store.blocks import BROKEN_ZIP, DESCRIPTION, Blocks, ZipSource, chunk_key


def entries_digest(path: Path) -> str:
    """Return the SHA-256 of a zip file's central directory; empty where it has no readable one.

    Of a store in object storage it is what its pointer says; reading it compares the two.

    Raises:
        OSError: The file is not there, or the machine cannot read it.
    """
    try:
        if far := remote.pointer(path):
            return far.entries
        with path.open("rb") as stream, ZipFile(stream) as archive:
            stream.seek(archive.start_dir)
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except BROKEN_ZIP:
        return ""
    except OSError as error:
        if error.errno != errno.EINVAL:  # the directory is said to lie before the file's start
            raise
        return ""


def check_entries(source: ZipSource, arrays: Mapping[str, Blocks]) -> None:
    """Make sure that a store holds every block of its arrays and nothing else.

    Zarr takes a block that is not there for zeros: without this check, one changed bit of an
    entry's name turns frames black.

    Raises:
        BadZipFile: An entry is missing, or unknown.
    """
    expected = {DESCRIPTION}
    for name, array in arrays.items():
        count = -(-array.shape[0] // array.length)
        expected.add(f"{name}/{DESCRIPTION}")
        expected.update(chunk_key(name, number, len(array.shape)) for number in range(count))
    found = set(source)
    if lost := expected - found:
        raise BadZipFile(f"{len(lost)} missing, the first is {min(lost)}")
    if unknown := found - expected:
        raise BadZipFile(f"{min(unknown)!r} belongs to no array")
