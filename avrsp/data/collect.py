"""Verdicts collected: an index for each dataset, and the manifest of all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from avrsp.data.manifest import DatasetEntry, Manifest, Verdict, write_record
from avrsp.files import write_text

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
    "split1",
    "split2",
    "split3",
    "digest",
)

VERDICTS: Final = TypeAdapter(list[Verdict])
"""What the file of a part holds, as JSON."""


def write_index(index: Path, parts: Iterable[Path]) -> None:
    """Write the verdicts of a dataset as a table, a line a video, sorted by name."""
    text = io.StringIO()
    table = csv.DictWriter(
        text, COLUMNS, delimiter="\t", lineterminator="\n", extrasaction="ignore"
    )
    table.writeheader()
    for verdict in read_parts(parts):
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
        found[dataset] = DatasetEntry(present=True, reason=None, videos=[*map(_lasting, videos)])
    manifest = Manifest(preset=preset, datasets=dict(sorted(found.items())))
    write_record(path, manifest)
    return manifest


def read_parts(parts: Iterable[Path]) -> list[Verdict]:
    """Return the verdicts in `parts`, sorted by dataset and video."""
    verdicts = [each for part in parts for each in VERDICTS.validate_json(part.read_bytes())]
    return sorted(verdicts, key=lambda verdict: (verdict.dataset, verdict.video))


def _lasting(verdict: Verdict) -> Verdict:
    """Leave out the origin: it differs where raw files were only copied or touched."""
    return verdict.model_copy(update={"origin": ""})
