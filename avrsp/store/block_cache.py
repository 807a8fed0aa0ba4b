"""Pieces of remote stores in a local folder, by the digest of their store, up to a limit.

They lie in `stores` below what `AVRSP_CACHE` names; `AVRSP_CACHE_GB` is the limit. The piece that
was used longest ago goes first. A folder that cannot be written makes reading slower and fails
nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from avrsp import processes
from avrsp.errors import ParamsError

FOLDER: Final = "AVRSP_CACHE"
LIMIT: Final = "AVRSP_CACHE_GB"
DEFAULT_GB: Final = "20"
GB: Final = 10**9
SHARE: Final = 0.05
"""Of the limit: after so much was written by this process, the folder's size is looked at again."""

_unseen: float | None = None
"""Bytes written by this process since it looked; None before the first time."""


def folder() -> Path:
    """Return where pieces are kept, and nothing else: what is oldest there is removed."""
    named = os.environ.get(FOLDER)
    return (Path(named).expanduser() if named else user_cache_path("avrsp")) / "stores"


def limit() -> float:
    """Return how many bytes are kept at most, but for what is being written.

    Raises:
        ParamsError: The variable is no number.
    """
    said = os.environ.get(LIMIT) or DEFAULT_GB
    try:
        return float(said) * GB
    except ValueError:
        raise ParamsError(f"{LIMIT}: found {said!r}, expected a number of gigabytes") from None


def kept(name: str, fetch: Callable[[], bytes]) -> bytes:
    """Return the piece called `name`, which `fetch` brings where it is not there."""
    place = folder() / name
    with contextlib.suppress(OSError):
        found = place.read_bytes()
        os.utime(place)
        return found
    found = fetch()
    with contextlib.suppress(OSError):
        _write(place, found)
        _make_room(len(found))
    return found


def remove(name: str) -> None:
    """Keep the piece called `name` no longer."""
    with contextlib.suppress(OSError):
        (folder() / name).unlink(missing_ok=True)


def _write(place: Path, content: bytes) -> None:
    """Write a piece; one that a crash of the computer damaged is read anew."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".tmp-{processes.own_mark()}-{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def _make_room(written: int) -> None:
    """Remove what was used longest ago where more is kept than may be."""
    global _unseen  # noqa: PLW0603 - one for the process
    most = limit()
    if _unseen is not None and _unseen + written < SHARE * most:
        _unseen += written
        return
    _unseen = 0.0
    found = sorted(_pieces())
    total = sum(size for _, size, _ in found)
    for _, size, path in found:
        if total <= most * (1 - SHARE):
            break
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size


def _pieces() -> Iterator[tuple[float, int, Path]]:
    """Yield when each piece was used last, its bytes, and its path."""
    for path in folder().glob("*/*"):
        with contextlib.suppress(OSError):
            facts = path.stat()
            yield facts.st_mtime, facts.st_size, path
