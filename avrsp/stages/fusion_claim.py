"""Say of one world whether RAVF is ahead, level or behind; or keep that in the reference."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from avrsp import files, params, paths
from avrsp.errors import StoreError, exits_cleanly
from avrsp.evaluate.score_table import read_rows
from avrsp.params import FUSIONS, FusionWorlds, Params
from avrsp.progress import timed
from avrsp.reliance.analysis import Rules
from avrsp.reliance.fusion_findings import findings, of_videos
from avrsp.report.fusion_claim import DIGITS, RESULTS, paragraph, write_claim
from avrsp.stages.seed_workspace import place

COMMAND = "dvc repro workflow/fusions/dvc.yaml"


@exits_cleanly
@timed
def main() -> None:
    """Write `reports/fusions/<world>/`; with `--keep` copy it to `reports/reference/fusions/`.

    Raises:
        StoreError: Scores are missing or damaged, or there is nothing to keep.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.fusion_claim")
    parser.add_argument("world", choices=[*FusionWorlds.model_fields])
    parser.add_argument("--keep", action="store_true", help="take what is there as the reference")
    wanted = parser.parse_args()
    reports = paths.workspace() / "reports"
    made = reports / "fusions" / wanted.world
    if wanted.keep:
        keep(made, reports / "reference" / "fusions")
        return
    loaded = params.load(paths.params_file())
    home = place(paths.workspace(), wanted.world)
    evaluation = loaded.evaluation
    chosen = loaded.fusions
    rules = Rules(evaluation.protocol, chosen.resamples, chosen.rate_seed, chosen.frames)
    files_of = sorted((home / "scores").glob("*.parquet"))
    if not files_of:
        raise StoreError(f"{home / 'scores'}: no scores; run: {COMMAND}")
    parts = (pd.concat(read_rows(path), ignore_index=True) for path in files_of)
    videos = of_videos(parts, rules).round(DIGITS)  # as they are written: all follows from these
    found = findings(videos, FUSIONS, rules)
    write_claim(made, found, videos, setting(loaded, wanted.world, home))
    sys.stdout.write(f"{paragraph(found)}\n")


def setting(loaded: Params, world: str, home: Path) -> dict[str, Any]:
    """Return what the results follow from: the world, how they were made, and each training."""
    rates = [files.read_sealed(path) for path in sorted((home / "trained").glob("*.json"))]
    return {
        "world": {"name": world, **getattr(loaded.fusions.worlds, world).model_dump(mode="json")},
        "protocol": loaded.evaluation.protocol,
        "resamples": loaded.fusions.resamples,
        "frames": loaded.fusions.frames,
        "rate_seed": loaded.fusions.rate_seed,
        "trained": rates,
    }


def keep(made: Path, kept: Path) -> None:
    """Put what was made in the place of an earlier reference, in a folder named after the world.

    Where one learning rate was tried with all fusions, the name ends with `-one-rate`.

    Raises:
        StoreError: There is nothing, or it is damaged.
    """
    if not (made / RESULTS).exists():
        raise StoreError(f"{made / RESULTS}: not there; run: {COMMAND}")
    trained = files.read_sealed(made / RESULTS)["trained"]
    one = len({tried["rate"] for each in trained for tried in each["tried"]}) == 1
    folder = kept / f"{made.name}-one-rate" if one else kept / made.name
    coming = folder.with_name(f".tmp-{folder.name}")  # a killed copy is never the reference
    shutil.rmtree(coming, ignore_errors=True)
    shutil.copytree(made, coming)
    shutil.rmtree(folder, ignore_errors=True)
    coming.replace(folder)
    sys.stdout.write(f"{folder}: written\n")


if __name__ == "__main__":
    main()
