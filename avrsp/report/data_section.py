"""The section of the page that counts the videos, and the same as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from avrsp import datasets
from avrsp.datasets.sheets import defects
from avrsp.report import texts
from avrsp.report.about import About
from avrsp.report.inputs import Inputs
from avrsp.report.page import Block, BulletPoints, Folded, Grid, Notice, PageSection, Prose
from avrsp.store.manifest import DatasetEntry, Manifest, Verdict

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


def data(inputs: Inputs) -> PageSection:
    """Count the videos, and name those that were set aside and the datasets that are absent."""
    if inputs.manifest is None:
        return PageSection("data", "Data", (Notice(texts.NO_MANIFEST),))
    return PageSection("data", "Data", tuple(blocks(inputs.manifest, inputs.about)))


def blocks(manifest: Manifest, about: About) -> Iterator[Block]:
    """Yield what the page says of the data."""
    overview, *others = grids(manifest, about)
    yield Folded(overview.title, (overview, Prose(texts.ROLES)))
    aside = [grid for grid in others if grid.title == texts.ASIDE]
    if not aside:
        yield Prose("No video was set aside.")
    for grid in aside:
        yield Folded(f"{len(grid.rows)} videos were set aside", (grid,))
    yield from (
        Notice(f"{about.title(name)} is absent: {entry.reason}.")
        for name, entry in manifest.datasets.items()
        if not entry.present
    )
    found = split_defects(manifest, about)
    if found:
        defective = (Prose(texts.SPLIT_DEFECTS), BulletPoints(found))
        yield Folded(f"Defects of the published splits: {len(found)}", defective)
    if about.preset != "sample":
        yield Folded(texts.SOURCES, (_sources(manifest, about),))


def _sources(manifest: Manifest, about: About) -> Grid:
    entries = [datasets.spec(key) for key in manifest.datasets if key in datasets.names()]
    rows = tuple(
        (
            about.title(each.key),
            each.gaze,
            "yes" if each.viewers_heard_sound else "no",
            each.licence,
            each.citation,
        )
        for each in entries
    )
    heads = ("Dataset", "Gaze by", "Viewers heard the sound", "Licence", "Please cite")
    return Grid(texts.SOURCES, heads, rows, (0, 1, 2, 3, 4))


def grids(manifest: Manifest, about: About) -> tuple[Grid, ...]:
    """Return the datasets as a table, then those of videos set aside and of absent datasets."""
    splits = about.splits
    heads = (*HEADS, *(f"Train / validation / test, split {split}" for split in splits))
    rows = [_count(about.title(name), entry, splits) for name, entry in manifest.datasets.items()]
    every = [verdict for entry in manifest.datasets.values() for verdict in entry.videos]
    rows.append(_numbers("All", every, splits))
    found = [Grid(texts.VIDEOS, heads, tuple(rows))]
    aside = tuple(
        (each.video, about.title(each.dataset), each.reason or "no reason given")
        for each in every
        if not each.kept
    )
    if aside:
        found.append(Grid(texts.ASIDE, ("Video", "Dataset", "Reason"), aside, (0, 1, 2)))
    absent = tuple(
        (about.title(name), entry.reason or "no reason given")
        for name, entry in manifest.datasets.items()
        if not entry.present
    )
    if absent:
        found.append(Grid(texts.ABSENT, ("Dataset", "Reason"), absent, (0, 1)))
    return tuple(found)


def split_defects(manifest: Manifest, about: About) -> tuple[str, ...]:
    """Return what is wrong with the published splits, a line each."""
    return tuple(
        str(defect)
        for name, entry in manifest.datasets.items()
        for defect in defects(about.title(name), {each.video: each.roles for each in entry.videos})
    )


def _count(name: str, entry: DatasetEntry, splits: Sequence[int | str]) -> tuple[str, ...]:
    if not entry.present:
        return (name, "absent", *["-"] * (len(HEADS) - 2 + len(splits)))
    return _numbers(name, entry.videos, splits)


def _numbers(name: str, videos: Sequence[Verdict], splits: Sequence[int | str]) -> tuple[str, ...]:
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


def _with_role(videos: Sequence[Verdict], split: int | str, role: str) -> int:
    return sum(verdict.role(split) == role for verdict in videos)
