"""Train one network of Tables III to V (stage `train` of workflow/ablations/dvc.yaml)."""

from __future__ import annotations

import argparse
from typing import Final

from avrsp import models, params, paths
from avrsp.errors import exits_cleanly
from avrsp.params.ablations import ABLATIONS, DATASETS, SPLIT
from avrsp.progress import timed
from avrsp.stages import training
from avrsp.stages.training import launched
from avrsp.train.plan_phase import Phase, settings_for
from avrsp.train.state import Recipe

ABLATED: Final = "avrsp"
"""The network whose parts Tables III to V take away."""
FOLDERS: Final = ("data/ablations/models", "reports/ablations/training")


@exits_cleanly
@launched
@timed
def main() -> None:
    """Fine-tune it on DIEM and AVAD from the common pretraining.

    Writes `data/ablations/models/<name>/` and its summary below `reports/ablations/training/`.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.ablation_train")
    parser.add_argument("name", choices=ABLATIONS)
    name = parser.parse_args().name
    loaded = params.load()
    preset, chosen, entry = loaded.active, ABLATIONS[name], models.spec(ABLATED)
    parts = {"synergy": chosen.synergy, "gate": chosen.gate, "pairs": chosen.pairs}
    recipe = Recipe(
        train=preset.finetune.model_copy(update={"epochs": preset.ablation.epochs}),
        optimiser=loaded.optimiser,
        loss=loaded.loss,
        seed=loaded.seed,
        precision=preset.compute.precision,
        method=entry.recipe,
    )
    phase = Phase(
        name=f"ablation {name}",
        run=name,
        entry=entry,
        settings=settings_for(
            entry,
            chosen.fusion,
            clip=preset.clip,
            network=loaded.network.model_copy(update=parts),
            encoder=preset.encoder,
        ),
        clip=preset.clip,
        encoder=preset.encoder,
        recipe=recipe,
        compute=preset.compute,
        start=paths.workspace() / "data" / "models" / "pretrain",
        reset=chosen.anew(loaded.network.pairs),
        learnt_from=training.learnt_from(loaded.preset, DATASETS),
    )
    training.run(phase, loaded, datasets=[*DATASETS], split=SPLIT, folders=FOLDERS)


if __name__ == "__main__":
    main()
