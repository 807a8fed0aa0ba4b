"""What became of all datasets, in a table and in a few lines for whoever started the conversion."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from avrsp.data.datasets import DATASETS
from avrsp.data.manifest import DatasetEntry, Manifest
from avrsp.data.readers.mirror import TREE
from avrsp.data.splits import Defect, defects, list_defects
from avrsp.files import write_text

COLUMNS = ("dataset", "listed", "kept", "set_aside", "noted", "frames", "absent", "defects")
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
        if raw is not None and dataset in DATASETS:
            folder = DATASETS[dataset].folder
            found += list_defects(dataset, raw / FOLD_LISTS, folder, roles)
    return found


def write_summary(path: Path, manifest: Manifest, found: Sequence[Defect]) -> None:
    """Write a table with a line for each dataset."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, delimiter="\t", lineterminator="\n")
    table.writeheader()
    for dataset, entry in manifest.datasets.items():
        kept = [each for each in entry.videos if each.kept]
        own = (f"{len(each.videos)} {each.what}" for each in found if each.dataset == dataset)
        counts = (len(entry.videos), len(kept), len(entry.videos) - len(kept))
        noted, frames = sum(bool(each.notes) for each in kept), sum(each.frames for each in kept)
        values = (dataset, *counts, noted, frames, entry.reason or "", "; ".join(own))
        table.writerow(dict(zip(COLUMNS, values, strict=True)))
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
