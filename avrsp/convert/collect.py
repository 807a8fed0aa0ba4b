"""Verdicts collected: an index for each dataset, and the manifest of all."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from avrsp.datasets.dataset_registry import names, spec
from avrsp.datasets.sheets import Defect, defects, list_defects
from avrsp.datasets.stavis_mirror import TREE
from avrsp.errors import StoreError
from avrsp.files import write_text
from avrsp.store.manifest import (
    COMMAND,
    DatasetEntry,
    Manifest,
    Verdict,
    lasting,
    read_manifest,
    write_record,
)

COLUMNS = (
    "video",
    "kept",
    "reason",
    "notes",
    "frames",
    "fps",
    "height",
    "width",
    "has_sound",
)
"""Of an index, before a column for each split and the store's digest."""

VERDICTS: Final = TypeAdapter(list[Verdict])
"""What the file of a part holds, as JSON."""


def write_index(index: Path, parts: Iterable[Path]) -> None:
    """Write the verdicts of a dataset as a table, a line a video, sorted by name."""
    text = io.StringIO()
    verdicts = read_parts(parts)
    splits = sorted({split for verdict in verdicts for split in verdict.roles})
    columns = (*COLUMNS, *(f"split{split}" for split in splits), "digest")
    table = csv.DictWriter(
        text, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore"
    )
    table.writeheader()
    for verdict in verdicts:
        roles = {f"split{split}": role for split, role in verdict.roles.items()}
        table.writerow(verdict.model_dump() | roles | {"notes": "; ".join(verdict.notes)})
    write_text(index, text.getvalue())


def write_manifest(
    path: Path, preset: str, parts: Iterable[Path], absent: Mapping[str, str]
) -> Manifest:
    """Write and return the manifest: the verdicts on each dataset's videos, or why it is absent."""
    found: dict[str, DatasetEntry] = {
        dataset: DatasetEntry(present=False, reason=reason, videos=[])
        for dataset, reason in absent.items()
    }
    for dataset, videos in groupby(read_parts(parts), key=lambda verdict: verdict.dataset):
        found[dataset] = DatasetEntry(present=True, reason=None, videos=[*map(lasting, videos)])
    manifest = Manifest(preset=preset, datasets=dict(sorted(found.items())))
    write_record(path, manifest)
    return manifest


def is_manifest_stale(path: Path, parts: Sequence[Path]) -> bool:
    """Tell whether the manifest at `path` is there, damaged or not about what `parts` say.

    Where a part is missing it is made anyway, and then the manifest, too.
    """
    if not path.exists() or not all(part.exists() for part in parts):
        return False
    try:
        manifest, verdicts = read_manifest(path), read_parts(parts)
    except StoreError:
        return True
    listed = [each for entry in manifest.datasets.values() for each in entry.videos]
    return listed != [lasting(verdict) for verdict in verdicts]


def read_parts(parts: Iterable[Path]) -> list[Verdict]:
    """Return the verdicts in `parts`, sorted by dataset and video."""
    verdicts = [each for part in parts for each in read_part(part)]
    return sorted(verdicts, key=lambda verdict: (verdict.dataset, verdict.video))


def read_part(part: Path) -> list[Verdict]:
    """Return the verdicts in `part`.

    Raises:
        StoreError: It is damaged.
    """
    try:
        return VERDICTS.validate_json(part.read_bytes())
    except ValidationError as error:
        raise StoreError(
            f"{part}: damaged ({error.errors()[0]['msg']}); remove it and run: {COMMAND}"
        ) from None


SUMMARY_COLUMNS = ("dataset", "listed", "kept", "set_aside", "noted", "frames", "absent", "defects")
FOLD_LISTS = Path(TREE) / "fold_lists"


def summarise(path: Path, manifest: Manifest, raw: Path) -> None:
    """Write the table to `path`, and say it to whoever started the conversion and to its log."""
    found = split_defects(manifest, raw)
    write_summary(path, manifest, found)
    said = "".join(f"{line}\n" for line in lines(manifest, found))
    for stream in (sys.stdout, sys.stderr):
        stream.write(said)


def split_defects(manifest: Manifest, raw: Path | None = None) -> list[Defect]:
    """Return the defects of the splits of all datasets that are there.

    Args:
        manifest: Its verdicts know the videos' roles.
        raw: The preset's raw folder, where the published lists are compared as well.
    """
    found: list[Defect] = []
    for dataset, entry in manifest.datasets.items():
        roles = {each.video: each.roles for each in entry.videos}
        found += defects(dataset, roles)
        if raw is not None and dataset in names():
            folder = spec(dataset).folder
            found += list_defects(dataset, raw / FOLD_LISTS, folder, roles)
    return found


def write_summary(path: Path, manifest: Manifest, found: Sequence[Defect]) -> None:
    """Write a table with a line for each dataset."""
    text = io.StringIO()
    table = csv.DictWriter(text, SUMMARY_COLUMNS, delimiter="\t", lineterminator="\n")
    table.writeheader()
    for dataset, entry in manifest.datasets.items():
        kept = [each for each in entry.videos if each.kept]
        own = (f"{len(each.videos)} {each.what}" for each in found if each.dataset == dataset)
        counts = (len(entry.videos), len(kept), len(entry.videos) - len(kept))
        noted, frames = sum(bool(each.notes) for each in kept), sum(each.frames for each in kept)
        values = (dataset, *counts, noted, frames, entry.reason or "", "; ".join(own))
        table.writerow(dict(zip(SUMMARY_COLUMNS, values, strict=True)))
    write_text(path, text.getvalue())


def lines(manifest: Manifest, found: Sequence[Defect]) -> list[str]:
    """Say what is there, name every video that was set aside, and the defects of the splits."""
    said = [_line(dataset, entry) for dataset, entry in manifest.datasets.items()]
    said += [
        f"set aside: {each.dataset}/{each.video}: {each.reason}"
        for entry in manifest.datasets.values()
        for each in entry.videos
        if not each.kept
    ]
    return said + [f"splits of {defect}" for defect in found]


def _line(dataset: str, entry: DatasetEntry) -> str:
    if not entry.present:
        return f"{dataset}: absent ({entry.reason})"
    kept = [each for each in entry.videos if each.kept]
    noted = sum(bool(each.notes) for each in kept)
    return f"{dataset}: {len(kept)} of {len(entry.videos)} videos kept, {noted} with notes"
