"""Which videos a stage left out because their stores were damaged, so that DVC knows it, too.

DVC knows stores by the manifest, and a store that is made again has the same bytes as before: by
these alone, what was made without a video would pass for up to date after the repair. So every
stage that may go on without a video depends on a file `data/left-out/<preset>/<step>.json`, which
lists what its runs left out. The files are outs of `preprocess`. Where a stage has listed a video,
DVC sees a changed out and runs `preprocess`, which makes damaged stores anew and empties the lists;
and with that the stage, whose results were saved with a list that is no longer there, runs again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

from avrsp import files, paths
from avrsp.errors import StoreError
from avrsp.store.manifest import Verdict, read_manifest, store_digest, store_path

Step = Literal[
    "pretrain", "finetune-v", "finetune-av", "evaluate", "references", "reliance", "report",
    "networks-train", "networks-score", "compared-pretrain", "compared-train", "compared-score",
    "compared-reliance",
]  # fmt: skip
"""Stages that may go on without a video; those of all splits share a list."""

STEPS: Final[tuple[Step, ...]] = get_args(Step)


def note(preset: str, step: Step, run: str, videos: Iterable[str]) -> None:
    """Note which videos, named `<dataset>/<video>`, a run of a stage has left out, or that none."""
    place = _place(preset, step)
    before = _read(place)
    after = {name: own for name, own in before.items() if name != run}
    if listed := sorted(videos):
        after[run] = listed
    if after != before or not place.exists():
        files.write_json(place, after)


def note_damaged(
    preset: str, step: Step, run: str, videos: Sequence[Verdict], faults: Sequence[str]
) -> None:
    """Note which of the videos have a damaged store, where a run that was given them has faults.

    Faults of other kinds, as of maps, are about files that DVC knows itself.
    """
    stores = paths.current().stores(preset)
    wrong = [video for video in videos if not is_whole(stores, video)] if faults else []
    note(preset, step, run, (f"{video.dataset}/{video.video}" for video in wrong))


def is_whole(stores: Path, video: Verdict) -> bool:
    """Tell whether every byte of a kept video's store is as it was written."""
    store = store_path(stores, video)
    return store.exists() and store_digest(store) == video.digest


def remove_damaged(preset: str) -> list[Path]:
    """Remove the damaged ones among the stores that are listed, and return them.

    A workflow that runs then makes them again.
    """
    names = {name for step in STEPS for own in _read(_place(preset, step)).values() for name in own}
    if not names:
        return []
    here = paths.current()
    try:
        manifest = read_manifest(here.manifest(preset))
    except StoreError:
        return []  # made anew, with every store that is not as it should be
    kept = [each for entry in manifest.datasets.values() for each in entry.videos if each.kept]
    named = [each for each in kept if f"{each.dataset}/{each.video}" in names]
    stores = here.stores(preset)
    removed = [store_path(stores, each) for each in named if not is_whole(stores, each)]
    for store in removed:
        store.unlink(missing_ok=True)
    return removed


def empty_all(preset: str) -> None:
    """Let every list be there, and empty: all stores are as the manifest says."""
    for step in STEPS:
        files.write_json(_place(preset, step), {})


def refuse_faults(faults: Sequence[str], *, allowed: bool) -> None:
    """End a stage whose results leave something out, unless that is allowed.

    Raises:
        StoreError: Something could not be used; what could, has been written.
    """
    if faults and not allowed:
        raise StoreError(
            f"not everything could be used ({len(faults)}, named above); make what is damaged or "
            "missing again, or set evaluation.allow_missing in params.yaml to true"
        )


def _place(preset: str, step: Step) -> Path:
    return paths.workspace() / "data" / "left-out" / preset / f"{step}.json"


def _read(place: Path) -> dict[str, list[str]]:
    """Return the list; one that is damaged is none, since `preprocess`, whose out it is, runs."""
    try:
        found = json.loads(place.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return dict(found) if isinstance(found, dict) else {}
