"""What the user brought: archives, or folders that are unpacked already, in `data/raw/incoming`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avrsp import paths
from avrsp.datasets.dataset_registry import Archive
from avrsp.errors import RawDataError

SUFFIXES: Final = (".tar.gz", ".tgz", ".tar", ".zip", ".rar")
DEPTH: Final = 3
"""So many folders may lie around the one that is looked for."""


def folder() -> Path:
    """Return where users put what they have."""
    return paths.root() / "data" / "raw" / "incoming"


def find(archive: Archive) -> Path | None:
    """Return the folder or archive that the user brought, the folder if there are both."""
    below = folder() / archive.name
    choices = (below, *(below.with_name(f"{below.name}{suffix}") for suffix in SUFFIXES))
    return next((each for each in choices if each.exists()), None)


def where(archive: Archive) -> str:
    """Say where to put an archive or what is in it."""
    below = folder() / archive.name
    return f"{below}{{{','.join(SUFFIXES)}}} or, unpacked, {below}"


def count(folder: Path, archive: Archive, videos: Sequence[str]) -> int:
    """Return for how many of `videos` there is something in an archive's folder."""
    wanted = {archive.entry.format(video=video) for video in videos}
    return len(wanted.intersection(each.name for each in folder.iterdir()))


def rooted(unpacked: Path, archive: Archive, videos: Sequence[str]) -> Path:
    """Return the folder, at or below `unpacked`, that holds something for one of `videos`.

    Archives differ in how many folders they wrap around the data.

    Raises:
        RawDataError: There is none.
    """
    level = [unpacked]
    for _ in range(DEPTH + 1):
        for place in level:
            if count(place, archive, videos):
                return place
        level = [each for place in level for each in sorted(place.iterdir()) if each.is_dir()]
    example = archive.entry.format(video=min(videos, default=""))
    raise RawDataError(f"{archive.name}: what was found has no {example} or other listed video")
