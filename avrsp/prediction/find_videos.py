"""The videos that a person means by files, folders and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from avrsp.errors import RawDataError
from avrsp.prediction.frame_folder import numbered_pictures

ENDINGS = (
    *("3gp", "asf", "avi", "dv", "flv", "gif", "ivf", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg"),
    *("mpg", "mts", "mxf", "nut", "ogg", "ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv"),
)
"""What counts as a video in a folder; a file named on the command line may end in anything."""

OWN = (".overlay.mp4", ".maps.mp4")


def find_videos(arguments: Iterable[str]) -> list[Path]:
    """Return the videos that files, folders and globs name, each once, in the order given.

    A folder without videos that holds numbered pictures is a video itself. Of a folder or a glob,
    what `avrsp predict` itself wrote is left out. A name that matches nothing is returned as it
    is, so that the error names it; links are videos of their own.

    Raises:
        RawDataError: A folder holds no video.
    """
    found: dict[str, Path] = {}
    for argument in arguments:
        for path in _named(argument):
            found.setdefault(os.path.abspath(path), path)  # noqa: PTH100 - links stay
    return list(found.values())


def _named(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        inside = [each for each in sorted(path.iterdir()) if _is_video(each)]
        if not inside and numbered_pictures(path):
            return [path]
        if not inside:
            raise RawDataError(
                f"{path}: holds no video; expected files that end in .mp4, .webm, .avi "
                "and the like, or numbered pictures"
            )
        return inside
    if path.exists() or not glob.has_magic(argument):
        return [path]
    matches = [Path(each) for each in sorted(glob.glob(argument, recursive=True))]  # noqa: PTH207
    return [each for each in matches if each.is_file() and not _is_own(each)] or [path]


def _is_video(path: Path) -> bool:
    hidden = path.name.startswith(".")
    fitting = path.suffix.lower().removeprefix(".") in ENDINGS
    return fitting and path.is_file() and not hidden and not _is_own(path)


def _is_own(path: Path) -> bool:
    return path.name.endswith(OWN)
