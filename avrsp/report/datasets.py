"""What the data are: videos by role, frames, hours, and what is missing with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from avrsp.data.manifest import DatasetEntry, Manifest, Verdict
from avrsp.data.splits import defects
from avrsp.report import wording
from avrsp.report.names import title
from avrsp.report.page import Block, Grid, Notice, Points, Prose

HEADS: Final = (
    "Dataset",
    "Listed",
    "Kept",
    "Set aside",
    "With notes",
    "With sound",
    "Frames",
    "Hours",
)
ROLES: Final = ("train", "validation", "test")


def blocks(manifest: Manifest, splits: Sequence[int]) -> Iterator[Block]:
    """Yield what the page says of the data."""
    overview, *others = grids(manifest, splits)
    yield overview
    yield Prose(wording.ROLES)
    aside: list[Block] = [grid for grid in others if grid.title == wording.ASIDE]
    yield from aside or [Prose("No video was set aside.")]
    yield from (
        Notice(f"{title(name)} is absent: {entry.reason}.")
        for name, entry in manifest.datasets.items()
        if not entry.present
    )
    found = split_defects(manifest)
    if found:
        yield Prose(wording.SPLIT_DEFECTS)
        yield Points(found)


def grids(manifest: Manifest, splits: Sequence[int]) -> tuple[Grid, ...]:
    """Return the datasets as a table, then those of videos set aside and of absent datasets."""
    heads = (*HEADS, *(f"Train / validation / test, split {split}" for split in splits))
    rows = [_count(title(name), entry, splits) for name, entry in manifest.datasets.items()]
    every = [verdict for entry in manifest.datasets.values() for verdict in entry.videos]
    rows.append(_numbers("All", every, splits))
    found = [Grid(wording.DATASETS, heads, tuple(rows))]
    aside = tuple(
        (each.video, title(each.dataset), each.reason or "no reason given")
        for each in every
        if not each.kept
    )
    if aside:
        found.append(Grid(wording.ASIDE, ("Video", "Dataset", "Reason"), aside, (0, 1, 2)))
    absent = tuple(
        (title(name), entry.reason or "no reason given")
        for name, entry in manifest.datasets.items()
        if not entry.present
    )
    if absent:
        found.append(Grid(wording.ABSENT, ("Dataset", "Reason"), absent, (0, 1)))
    return tuple(found)


def split_defects(manifest: Manifest) -> tuple[str, ...]:
    """Return what is wrong with the published splits, a line each."""
    return tuple(
        str(defect)
        for name, entry in manifest.datasets.items()
        for defect in defects(name, {each.video: each.roles for each in entry.videos})
    )


def _count(name: str, entry: DatasetEntry, splits: Sequence[int]) -> tuple[str, ...]:
    if not entry.present:
        return (name, "absent", *["-"] * (len(HEADS) - 2 + len(splits)))
    return _numbers(name, entry.videos, splits)


def _numbers(name: str, videos: Sequence[Verdict], splits: Sequence[int]) -> tuple[str, ...]:
    kept = [verdict for verdict in videos if verdict.kept]
    counts = (
        len(videos),
        len(kept),
        len(videos) - len(kept),
        sum(bool(verdict.notes) for verdict in kept),
        sum(verdict.has_sound for verdict in kept),
        sum(verdict.frames for verdict in kept),
    )
    hours = sum(verdict.frames / verdict.fps for verdict in kept) / 3600
    roles = (" / ".join(f"{_with_role(kept, split, role):,}" for role in ROLES) for split in splits)
    return (name, *(f"{count:,}" for count in counts), f"{hours:.2f}", *roles)


def _with_role(videos: Sequence[Verdict], split: int, role: str) -> int:
    return sum(verdict.roles.get(str(split)) == role for verdict in videos)
