"""What the user brought: archives, or folders that are unpacked already, in `data/raw/incoming`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avrsp.datasets.dataset_registry import Archive
from avrsp.errors import RawDataError

SUFFIXES: Final = (".tar.gz", ".tgz", ".tar", ".zip", ".rar")
DEPTH: Final = 3
"""So many folders may lie around the one that is looked for."""


def folder(raw: Path) -> Path:
    """Return where users put what they have: beside the raw folders of the presets."""
    return raw.parent / "incoming"


def find(archive: Archive, raw: Path) -> Path | None:
    """Return the folder or archive that the user brought, the folder if there are both."""
    below = folder(raw) / archive.name
    there = {each.name.lower(): each for each in sorted(_listed(below.parent), reverse=True)}
    names = (below.name, *(f"{below.name}{suffix}" for suffix in SUFFIXES))
    if below.exists():
        return below
    return next((there[name.lower()] for name in names if name.lower() in there), None)


def _listed(folder: Path) -> list[Path]:
    return [*folder.iterdir()] if folder.is_dir() else []


def others(archive: Archive, raw: Path) -> list[Path]:
    """Return what lies where an archive is looked for, under a name that is none of its own."""
    below = folder(raw) / archive.name
    return [
        each
        for each in sorted(_listed(below.parent))
        if each.name.lower().startswith(below.name.lower())
    ]


def where(archive: Archive, raw: Path) -> str:
    """Say where to put an archive or what is in it."""
    below = folder(raw) / archive.name
    return f"{below}{{{','.join(SUFFIXES)}}} or, unpacked, {below}"


def count(folder: Path, archive: Archive, videos: Sequence[str]) -> int:
    """Return for how many of `videos` there is something in an archive's folder."""
    wanted = {_name(archive.entry.format(video=video)) for video in videos}
    return len(wanted.intersection(_name(each.name) for each in folder.iterdir()))


def _name(name: str) -> str:
    """Return a name; without leading zeros, and in small letters, where it is a number."""
    match = re.fullmatch(r"0*(\d+)(\.\w+)?", name, re.ASCII)
    return name if match is None else f"{match[1]}{match[2] or ''}".lower()


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
