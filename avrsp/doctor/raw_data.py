"""Raw data: what is in place, what was brought, what will be downloaded, what takes a browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from avrsp.datasets import pins
from avrsp.datasets.dataset_registry import Archive, DatasetSpec, ListedVideo, spec
from avrsp.datasets.download import incoming
from avrsp.doctor.finding import Finding
from avrsp.errors import RawDataError
from avrsp.params import ClipParams
from avrsp.paths import Workspace

RAW_BYTES: Final = 120_000
"""Of a raw frame with its maps, roughly: a JPEG of 640 x 480, a smooth map, a sparse one."""

STORE_SHARE: Final = 0.65
"""Of a store's frames, compressed, in their bytes."""

MAP_BYTES: Final = 30_000
"""Of a density map of 640 x 480 in a store, roughly."""

SAMPLE_BYTES: Final = 1_000_000_000
"""Of all that preset `sample` writes, with room to spare."""


def generated(here: Workspace, wanted: Sequence[str]) -> Finding:
    """Say how many of the datasets that preset `sample` generates are there."""
    made = [key for key in wanted if (here.raw("sample") / "world" / f"{key}.json").exists()]
    if len(made) == len(wanted):
        return Finding("raw data", "ready", f"generated, all {len(made)} datasets")
    found = f"generated, {len(made)} of {len(wanted)} datasets"
    return Finding("raw data", "to come", found, "dvc repro")


def dataset(
    here: Workspace,
    entry: DatasetSpec,
    videos: Sequence[str],
    mirrors: Sequence[str] | None,
    needed: bool,
) -> Finding:
    """Say where the archives of a dataset are, and whether they hold all of its videos.

    Of a dataset that counts its own videos, any part may be missing; those of which all files are
    there are its `videos`.
    """
    raw = here.raw("paper")
    name = f"raw: {entry.key}"
    if not entry.archives:
        return Finding(name, "ready", "nothing to download")
    groups: dict[str, list[Archive]] = {}
    for archive in entry.archives:
        groups.setdefault(_where(archive, raw, mirrors), []).append(archive)
    found = ", ".join(f"{len(group)} {where}" for where, group in groups.items())
    lost = groups.get("not there", [])
    if entry.prepare and videos:
        ready = set(groups) <= {"in place", "not there"}
        command = None if ready else f"avrsp download {entry.key}"
        found = f"{found}; videos: {len(videos)}"
        return Finding(name, "ready" if ready else "to come", found, command)
    if lost:
        folder = incoming.folder(raw).relative_to(here.root)
        places = " and ".join(f"{folder / archive.name}" for archive in lost)
        found = f"{found}: get it from {' or '.join(lost[0].pages)}"
        command = f"put it at {places}, unpacked or as .rar, .zip or .tar.gz"
        if entry.repository:
            command = f"avrsp download {entry.key}"
        return Finding(name, "missing" if needed else "to come", found, command)
    partly = [*_incomplete(groups.get("in place", ()), raw, videos)]
    if partly:
        found = f"{found}: {', '.join(partly)}"
        advice = "complete it, or go on: videos that lack something are set aside"
        return Finding(name, "to come", found, advice)
    if set(groups) == {"in place"} and not entry.prepare:
        return Finding(name, "ready", found)
    return Finding(name, "to come", found, f"avrsp download {entry.key}")


def checksums(here: Workspace) -> Finding:
    """Compare the archives that were brought with what is noted of them, by length."""
    raw = here.raw("paper")
    try:
        noted = pins.read(raw)
    except RawDataError as error:
        return Finding("checksums", "missing", str(error))
    brought = {name: incoming.folder(raw) / name for name in noted}
    wrong = [
        name
        for name, path in brought.items()
        if path.is_file() and path.stat().st_size != noted[name].bytes
    ]
    if wrong:
        found = f"{', '.join(wrong)}: not the length that {pins.place(raw).name} notes"
        command = f"avrsp download --accept-new {wrong[0]}"
        return Finding("checksums", "missing", found, command)
    return Finding("checksums", "ready", f"{len(noted)} archives noted in {pins.place(raw).name}")


def still_needed(here: Workspace, rows: dict[str, list[ListedVideo]], clip: ClipParams) -> float:
    """Estimate the bytes that preset `paper` has still to write."""
    raw, stores = here.raw("paper"), here.stores("paper")
    store_bytes = clip.height * clip.width * 3 * STORE_SHARE + MAP_BYTES
    needed = 0.0
    for key, listed in rows.items():
        frames = sum(row.frames for row in listed)
        if not all((raw / archive.folder).is_dir() for archive in spec(key).archives):
            needed += frames * RAW_BYTES
        if not (stores / key / "index.tsv").exists():
            needed += frames * store_bytes
    return needed


def _incomplete(archives: Sequence[Archive], raw: Path, videos: Sequence[str]) -> Iterator[str]:
    for archive in archives:
        count = incoming.count(raw / archive.folder, archive, videos)
        if count < len(videos):
            yield f"{count} of {len(videos)} videos in {archive.folder}"


def _where(archive: Archive, raw: Path, mirrors: Sequence[str] | None) -> str:
    if (raw / archive.folder).is_dir():
        return "in place"
    if incoming.find(archive, raw):
        return f"brought in {incoming.folder(raw).name}/"
    addresses = archive.addresses(mirrors)
    return f"to download from {_host(addresses[0])}" if addresses else "not there"


def _host(address: str) -> str:
    return urlsplit(address).hostname or address
