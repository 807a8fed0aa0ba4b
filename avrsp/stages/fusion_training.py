"""Train one fusion in the workspace of a seed, with a given learning rate or the best one."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from avrsp import files, params, paths
from avrsp.errors import StoreError, exits_cleanly
from avrsp.params import FUSIONS, FusionName, Params
from avrsp.params.runs import AUDIO_VISUAL, PRETRAINING, VISUAL, Kind
from avrsp.progress import timed
from avrsp.stages.launch import launched
from avrsp.stages.seed_workspace import SPLIT
from avrsp.stages.train import FineTuning, finetune_run
from avrsp.train.phase import HISTORY

SEES: FusionName = "visual"
"""Table V's first row: V itself."""


@exits_cleanly
@launched
@timed
def main() -> None:
    """Train into `data/rates/<fusion>/<rate>/`, or with the best rate into `data/models/<fusion>`.

    What the best rate is says the validation loss of the trainings in `data/rates/` of the seed
    that chooses; that seed takes over its network. Writes `../trained/<fusion>-<seed>.json`.

    Raises:
        StoreError: No training with any rate is there.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.fusion_training")
    parser.add_argument("fusion", choices=FUSIONS)
    parser.add_argument("--rate", type=float)
    wanted = parser.parse_args()
    loaded, here = params.load(paths.params_file()), paths.workspace()
    if wanted.rate is not None:
        train(loaded, wanted.fusion, wanted.rate, f"data/rates/{wanted.fusion}/{wanted.rate}")
        return
    rate_home = here.parent / str(loaded.fusions.rate_seed) / "data" / "rates" / wanted.fusion
    tried = trainings(rate_home)
    best = min(tried, key=lambda each: each["validation_loss"])
    out = here / "data" / "models" / wanted.fusion
    if loaded.seed == loaded.fusions.rate_seed:
        shutil.copytree(rate_home / best["folder"], out, dirs_exist_ok=True)
    else:
        train(loaded, wanted.fusion, best["rate"], f"data/models/{wanted.fusion}")
    files.write_json(
        here.parent / "trained" / f"{wanted.fusion}-{loaded.seed}.json",
        {
            "fusion": wanted.fusion,
            "seed": loaded.seed,
            "rate": best["rate"],
            "tried": [{key: each[key] for key in each if key != "folder"} for each in tried],
            "best": best_epoch(out / wanted.fusion),
        },
    )


def train(loaded: Params, fusion: FusionName, rate: float, folder: str) -> None:
    """Train as the main run trains, from the seed's pretraining, into `folder`/<fusion>."""
    recipe = loaded.training.recipe.model_copy(update={"lr": rate})
    own = {"fusion": fusion, "training": loaded.training.model_copy(update={"recipe": recipe})}
    kind: Kind = VISUAL if fusion == SEES else AUDIO_VISUAL
    start = {PRETRAINING: paths.workspace() / "data" / "models" / PRETRAINING}
    run = FineTuning(fusion, start, (folder, folder), "networks-train")
    finetune_run(loaded.model_copy(update=own), kind, str(SPLIT), run)


def trainings(home: Path) -> list[dict[str, Any]]:
    """Return the rate, folder and best epoch of each training with one of the rates.

    Raises:
        StoreError: There is none.
    """
    places = sorted(home.glob(f"*/*/{HISTORY}"))
    if not places:
        raise StoreError(f"{home}: no trained network; run: dvc repro workflow/fusions/dvc.yaml")
    return [
        {
            "rate": float(place.parents[1].name),
            "folder": place.parents[1].name,
            **best_epoch(place.parent),
        }
        for place in places
    ]


def best_epoch(model: Path) -> dict[str, float]:
    """Return epoch, loss and CC of the epoch whose weights were kept."""
    rows = files.read_sealed(model / HISTORY)
    row = min(rows, key=lambda each: each["validation_loss"])
    return {name: row[name] for name in ("epoch", "validation_loss", "validation_cc")}


if __name__ == "__main__":
    main()
