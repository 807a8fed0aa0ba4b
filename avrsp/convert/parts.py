"""Videos in parts, a job each: starting a job costs more than converting a short video.

A part converts only those of its videos whose store does not follow from what is there now, so
that one changed raw file redoes one video, and a part that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from avrsp import progress
from avrsp.convert.collect import VERDICTS, read_part
from avrsp.convert.convert_video import Layout, convert
from avrsp.datasets.dataset_registry import ListedVideo, spec
from avrsp.datasets.raw import fingerprint
from avrsp.errors import EXIT_FAILURE, AvrspError, StoreError, one_line
from avrsp.files import write_bytes
from avrsp.processes import follow_snakemake
from avrsp.store import remote
from avrsp.store.manifest import (
    Verdict,
    address_of,
    is_intact,
    read_verdict,
    store_path,
    verdict_path,
    write_record,
)

FRAMES: Final = 1_200
"""Frames in a part of several videos: some seconds of work."""


def divide(rows: Iterable[ListedVideo]) -> list[list[ListedVideo]]:
    """Divide a sheet, in its order, into parts of at most `FRAMES` frames or one video."""
    parts: list[list[ListedVideo]] = []
    room = 0
    for row in rows:
        if row.frames > room:
            parts.append([])
            room = FRAMES
        parts[-1].append(row)
        room -= row.frames
    return parts


def is_stale(
    part: Path,
    dataset: str,
    rows: Sequence[ListedVideo],
    folder: Path,
    stores: Path,
    layout: Layout,
) -> bool:
    """Tell whether a part's stores do not follow, or no longer, from what is there now.

    Snakemake watches the file of the part, not the stores, and not what is inside raw folders; and
    it knows only of what was done in its own working folder, whereas several may share the stores.

    Args:
        part: The file of the part; where it is missing, its job runs anyway and nothing is read.
        dataset: Key of the videos' dataset.
        rows: Rows of its sheet.
        folder: The preset's raw folder.
        stores: The preset's folder of stores.
        layout: How stores are to be written.
    """
    if not part.exists():
        return False
    verdicts = [_former(dataset, row, stores) for row in rows]
    try:
        recorded = read_part(part)
    except StoreError:
        return True
    return verdicts != recorded or not all(
        verdict.roles == row.roles
        and _holds(verdict, stores, origin(dataset, row, folder, layout))
        and _lies(verdict, stores, layout)
        for row, verdict in zip(rows, recorded, strict=True)
    )


def origin(dataset: str, row: ListedVideo, folder: Path, layout: Layout) -> str:
    """Return a digest of all that a store follows from, reading no raw file's content."""
    files = fingerprint(spec(dataset).video(folder, row.video).places)
    content = asdict(replace(layout, place=None))  # a store is the same wherever it lies
    text = f"{files}\n{row.frames}\n{row.fps}\n{content}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_part(
    part: Path,
    dataset: str,
    rows: Sequence[ListedVideo],
    folder: Path,
    stores: Path,
    layout: Layout,
) -> None:
    """Bring stores up to date, then write their verdicts to `part` as JSON.

    Args:
        part: The file to write.
        dataset: Key of the videos' dataset.
        rows: Rows of its sheet.
        folder: The preset's raw folder.
        stores: The preset's folder of stores.
        layout: How stores are written.
    """
    verdicts = []
    for row in progress.track(rows, total=len(rows), label=dataset, unit="video"):
        wanted = origin(dataset, row, folder, layout)
        path = verdict_path(stores, dataset, row.video)
        former = _former(dataset, row, stores)
        verdict = former.model_copy(update={"roles": row.roles}) if former else None
        if verdict is None or not (
            _holds(verdict, stores, wanted) and _usable(verdict, stores, layout)
        ):
            path.unlink(missing_ok=True)  # no verdict stands beside a store that it is not on
            store = path.with_name(f"{row.video}.zarr.zip")
            found = convert(spec(dataset), row, folder, store, layout)
            verdict = found.model_copy(update={"origin": wanted})
        _place(verdict, stores, layout)
        if verdict != former or not path.exists():
            write_record(path, verdict)
        verdicts.append(verdict)
    write_bytes(part, VERDICTS.dump_json(verdicts, indent=2))


def _former(dataset: str, row: ListedVideo, stores: Path) -> Verdict | None:
    try:
        found = read_verdict(verdict_path(stores, dataset, row.video))
    except StoreError:
        return None
    return found if (found.dataset, found.video) == (dataset, row.video) else None


def _holds(verdict: Verdict, stores: Path, wanted: str) -> bool:
    return verdict.origin == wanted and (not verdict.kept or is_intact(stores, verdict))


def _lies(verdict: Verdict, stores: Path, layout: Layout) -> bool:
    """Tell whether a kept video's store lies where the layout says, here or in object storage."""
    if not verdict.kept:
        return True
    far = remote.pointer(store_path(stores, verdict))
    return (far.address if far else None) == _address(verdict, layout)


def _address(verdict: Verdict, layout: Layout) -> str | None:
    return address_of(layout.place, verdict) if layout.place else None


def _usable(verdict: Verdict, stores: Path, layout: Layout) -> bool:
    """Tell whether a store lies where it should, or here, from where it can be sent there."""
    far = remote.pointer(store_path(stores, verdict)) if verdict.kept else None
    return far is None or _lies(verdict, stores, layout)


def _place(verdict: Verdict, stores: Path, layout: Layout) -> None:
    """Send a store to where it is to lie, unless it lies there."""
    address = _address(verdict, layout)
    if address and not _lies(verdict, stores, layout):
        remote.send(store_path(stores, verdict), address, verdict.entries)


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Send what is said on stderr to `log`; end in one line where an error allows it."""
    follow_snakemake()
    with Path(log).open("w", buffering=1) as stream, redirect_stderr(stream):
        try:
            yield
        except (AvrspError, OSError) as error:
            line = one_line(error)
            if line is None:
                raise
            stream.write(f"avrsp: {line}\n")
            raise SystemExit(EXIT_FAILURE) from None
