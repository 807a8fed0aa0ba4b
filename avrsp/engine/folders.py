"""`avrsp evaluate`: any method's maps against any folder of stores, by several protocols."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avrsp.data.manifest import Role, read_manifest, store_path
from avrsp.engine.evaluate import evaluate, map_job, read_rows
from avrsp.engine.maps import STORE
from avrsp.engine.summary import summarise, table
from avrsp.errors import StoreError
from avrsp.files import write_json
from avrsp.params import EvaluationParams, ProtocolName

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which videos of a folder of stores are to be scored.

    Attributes:
        datasets: Their datasets; all that are there if empty.
        split: Which of the three splits.
        role: Role in that split; a folder without a manifest knows none, and gives all its videos.
    """

    datasets: tuple[str, ...]
    split: int
    role: Role


@dataclass(frozen=True, slots=True)
class Target:
    """Under which name a method is scored, by which protocols, and where the rows go."""

    method: str
    protocols: tuple[ProtocolName, ...]
    out: Path


def find_stores(folder: Path, choice: Choice) -> list[tuple[str, str, Path]]:
    """Return dataset, video and store of every chosen video below `folder`, or of that one store.

    Raises:
        StoreError: There is none.
    """
    manifest = folder / MANIFEST
    if manifest.exists():
        known = read_manifest(manifest)
        present = [name for name, entry in known.datasets.items() if entry.present]
        videos = known.videos(choice.datasets or present, choice.split, choice.role)
        found = [(each.dataset, each.video, store_path(folder, each)) for each in videos]
    else:
        paths = [folder] if folder.is_file() else sorted(folder.glob(f"**/*{STORE}"))
        named = [(path.parent.name, path.name.removesuffix(STORE), path) for path in paths]
        found = [each for each in named if not choice.datasets or each[0] in choice.datasets]
    if not found:
        wanted = f" with role {choice.role} in split {choice.split}" if manifest.exists() else ""
        raise StoreError(f"{folder}: no video{wanted}; expected <dataset>/<video>{STORE} below it")
    return found


def evaluate_folder(
    maps: Path, stores: Path, choice: Choice, target: Target, settings: EvaluationParams, seed: int
) -> tuple[str, list[str]]:
    """Score the maps below `maps`; write rows to `target.out` and the summaries beside it as JSON.

    Returns:
        All protocols side by side as text, and what could not be evaluated, a line each.
    """
    by = (target.method, choice.split)
    jobs = [map_job(maps, *each, by) for each in find_stores(stores, choice)]
    faults = evaluate(jobs, target.out, target.protocols)
    summaries: Sequence[dict[str, Any]] = [
        summarise(read_rows(target.out), name, settings.resamples, seed, faults)
        for name in target.protocols
    ]
    write_json(target.out.with_suffix(".json"), {each["protocol"]: each for each in summaries})
    for fault in faults:
        sys.stderr.write(f"avrsp: {fault}\n")
    return table(summaries), faults
