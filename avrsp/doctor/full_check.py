"""The full check: every byte of the stores and of the raw files that they were made of.

The workflow itself goes by a raw folder's number of files, their bytes and newest time, and by a
store's list of entries. A raw file altered under its old length and time, and a block of a store
that no longer fits its checksum and was not read yet, are seen here alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from avrsp import files, progress
from avrsp.datasets import raw
from avrsp.datasets.dataset_registry import names, spec
from avrsp.doctor.finding import Finding
from avrsp.errors import StoreError
from avrsp.paths import Workspace
from avrsp.store import remote
from avrsp.store.manifest import COMMAND, Verdict, read_manifest, store_path
from avrsp.store.video_store import VideoStore

NAMED: Final = 20
"""Stores that a command removes at most; the next check names those that are left."""


def findings(here: Workspace, preset: str) -> list[Finding]:
    """Read all stores and raw files of a preset; nothing is found where there is no manifest."""
    try:
        manifest = read_manifest(here.manifest(preset))
    except StoreError:
        return []  # the quick check says so
    kept = [each for entry in manifest.datasets.values() for each in entry.videos if each.kept]
    return [
        _compared(
            "stores, every byte", "not as they were written", here, preset, kept, _store_is_whole
        ),
        _compared(
            "raw, every byte", "not what stores were made of", here, preset, kept, _raw_is_same
        ),
    ]


def _compared(
    name: str,
    fault: str,
    here: Workspace,
    preset: str,
    videos: Sequence[Verdict],
    is_same: Callable[[Workspace, str, Verdict], bool],
) -> Finding:
    shown = progress.track(videos, total=len(videos), label=name, unit="video")
    wrong = [video for video in shown if not is_same(here, preset, video)]
    if not wrong:
        return Finding(name, "ready", f"{len(videos)} videos, as recorded")
    listed = ", ".join(f"{video.dataset}/{video.video}" for video in wrong[:NAMED])
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    lost = shlex.join(_shown(store_path(here.stores(preset), each)) for each in wrong[:NAMED])
    return Finding(name, "missing", f"{fault}: {listed}{more}", f"rm -f {lost} && {COMMAND}")


def _store_is_whole(here: Workspace, preset: str, video: Verdict) -> bool:
    store = store_path(here.stores(preset), video)
    if not store.exists():
        return False
    far = remote.pointer(store)
    return (remote.content_digest(far) if far else files.sha256(store)) == video.digest


def _raw_is_same(here: Workspace, preset: str, video: Verdict) -> bool:
    """Compare raw files with the digest in the store; a store that cannot be read has none."""
    if video.dataset not in names():
        return True
    try:
        recorded = VideoStore(store_path(here.stores(preset), video)).attributes.sources
    except StoreError:
        return True
    places = spec(video.dataset).video(here.raw(preset), video.video).places
    return files.digest(Path(each) for each in raw.files(places)) == recorded


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
