"""Which videos a person means, and what each one's results are called."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from avrsp.errors import RawDataError

ENDINGS = (
    *("3gp", "asf", "avi", "dv", "flv", "gif", "ivf", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg"),
    *("mpg", "mts", "mxf", "nut", "ogg", "ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv"),
)
"""What counts as a video in a folder; a file named on the command line may end in anything."""

OWN = (".overlay.mp4", ".maps.mp4")


def find(arguments: Iterable[str]) -> list[Path]:
    """Return the videos that files, folders and globs name, each once, in the order given.

    Of a folder or a glob, what `avrsp predict` itself wrote is left out. A name that matches
    nothing is returned as it is, so that the error names it.

    Raises:
        RawDataError: A folder holds no video.
    """
    found: dict[Path, Path] = {}
    for argument in arguments:
        for path in _named(argument):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def names(videos: Sequence[Path]) -> list[str]:
    """Return a name for each video's results: its stem, longer only where two would be the same.

    a/walk.mp4 b/run.mp4       walk              run
    a/walk.mp4 b/walk.mp4      a-walk            b-walk
    a/walk.mp4 a/walk.avi      a-walk-mp4        a-walk-avi
    x/a/walk.mp4 y/a/walk.mp4  a-walk-mp4-(8 hexadecimal digits of the path's hash) each
    """
    paths = [video.resolve() for video in videos]
    chosen = [path.stem for path in paths]
    for longer in (_with_folder, _with_suffix, _with_hash):
        count = Counter(chosen)
        chosen = [
            longer(path) if count[name] > 1 else name
            for name, path in zip(chosen, paths, strict=True)
        ]
    return chosen


def _named(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        inside = [each for each in sorted(path.iterdir()) if _is_video(each)]
        if not inside:
            raise RawDataError(
                f"{path}: holds no video; expected files that end in .mp4, .webm, .avi and the like"
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


def _with_folder(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def _with_suffix(path: Path) -> str:
    return f"{_with_folder(path)}-{path.suffix.lstrip('.')}"


def _with_hash(path: Path) -> str:
    return f"{_with_suffix(path)}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
