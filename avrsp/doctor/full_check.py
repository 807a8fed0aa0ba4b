"""The full check: every byte of the stores and of the raw files that they were made of.

The workflow itself goes by a raw folder's number of files, their bytes and newest time, and by a
store's list of entries. A raw file altered under its old length and time, and a block of a store
that no longer fits its checksum and was not read yet, are seen here alone.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from avrsp import files, progress
from avrsp.datasets import raw
from avrsp.datasets.dataset_registry import names, spec
from avrsp.doctor.finding import Finding
from avrsp.errors import StoreError
from avrsp.paths import Workspace
from avrsp.store.manifest import COMMAND, Verdict, read_manifest, store_digest, store_path
from avrsp.store.video_store import VideoStore

KNOWN: Final = TypeAdapter(dict[str, str])
NAMED: Final = 20
"""Stores that a command removes at most; the next check names those that are left."""


READ: Final = "read.json"
"""Beside the stores: what was read whole, and as what."""


def findings(here: Workspace, preset: str, *, again: bool = True) -> list[Finding]:
    """Read all stores and raw files of a preset; nothing is found where there is no manifest.

    Args:
        here: Where they lie.
        preset: Whose.
        again: Whether to read also those files that were read before and are still the same ones,
            with the same length and times, that of the last change of their status included,
            which no program can set. A disk that decays leaves these as they were.
    """
    try:
        manifest = read_manifest(here.manifest(preset))
    except StoreError:
        return []  # the quick check says so
    kept = [each for entry in manifest.datasets.values() for each in entry.videos if each.kept]
    stores = here.stores(preset)
    before = ReadBefore(stores / READ, again=again)
    found = [
        _compared("stores, every byte", stores, kept, partial(_is_whole, stores, before)),
        _compared(
            "raw, every byte", stores, kept, partial(_is_made_of, here.raw(preset), stores, before)
        ),
    ]
    before.write()
    return found


FAULTS: Final = {
    "stores, every byte": "not as they were written",
    "raw, every byte": "not what stores were made of",
}


def _compared(
    name: str, stores: Path, videos: Sequence[Verdict], is_same: Callable[[Verdict], bool]
) -> Finding:
    shown = progress.track(videos, total=len(videos), label=name, unit="video")
    wrong = [video for video in shown if not is_same(video)]
    if not wrong:
        return Finding(name, "ready", f"{len(videos)} videos, as recorded")
    listed = ", ".join(f"{video.dataset}/{video.video}" for video in wrong[:NAMED])
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    lost = shlex.join(_shown(store_path(stores, each)) for each in wrong[:NAMED])
    found, command = f"{FAULTS[name]}: {listed}{more}", f"rm -f {lost} && {COMMAND}"
    return Finding(name, "missing", found, command)


def _is_whole(stores: Path, before: ReadBefore, video: Verdict) -> bool:
    store = store_path(stores, video)
    if not store.exists():
        return False
    name = f"store of {video.dataset}/{video.video}"
    return before.same(name, [store], video.digest, lambda: store_digest(store))


def _is_made_of(raws: Path, stores: Path, before: ReadBefore, video: Verdict) -> bool:
    """Compare raw files with the digest in the store; a store that cannot be read has none."""
    if video.dataset not in names():
        return True
    try:
        recorded = VideoStore(store_path(stores, video)).attributes.sources
    except StoreError:
        return True
    places = spec(video.dataset).video(raws, video.video).places
    found = [Path(each) for each in raw.files(places)]
    name = f"raw files of {video.dataset}/{video.video}"
    return before.same(name, found, recorded, lambda: files.digest(found))


class ReadBefore:
    """Which files were read whole and had the digest that they should have."""

    def __init__(self, place: Path, *, again: bool) -> None:
        self._place, self._again = place, again
        try:
            self._known = KNOWN.validate_json(place.read_bytes())
        except (FileNotFoundError, ValidationError):
            self._known = {}

    def same(
        self, name: str, found: Sequence[Path], recorded: str, read: Callable[[], str]
    ) -> bool:
        """Say whether files have the recorded digest, which `read` computes where it must."""
        state = hashlib.sha256(recorded.encode())
        for path in sorted(found):
            status = path.stat()
            times = status.st_mtime_ns, status.st_ctime_ns
            state.update(repr((path.name, status.st_ino, status.st_size, *times)).encode())
        seen = state.hexdigest()
        if not self._again and self._known.get(name) == seen:
            return True
        self._known.pop(name, None)
        if read() != recorded:
            return False
        self._known[name] = seen
        return True

    def write(self) -> None:
        """Keep what was read for the next time."""
        files.write_json(self._place, self._known)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
