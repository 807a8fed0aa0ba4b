"""Train the visual network on the pretraining set (DVC stage `pretrain`)."""

from __future__ import annotations

from avrsp import models, params
from avrsp.errors import exits_cleanly
from avrsp.progress import timed
from avrsp.stages import training
from avrsp.stages.training import launched
from avrsp.train.plan_phase import Phase, settings_for
from avrsp.train.state import Recipe

SPLIT = 1
"""The pretraining set has the same roles in every split."""


@exits_cleanly
@launched
@timed
def main() -> None:
    """Write `data/models/pretrain/` and `reports/training/pretrain.json`."""
    loaded = params.load()
    preset, entry = loaded.active, models.spec(loaded.model)
    recipe = Recipe(
        train=entry.recipe.train(loaded.preset, "pretrain", preset.pretrain),
        optimiser=loaded.optimiser,
        loss=loaded.loss,
        seed=loaded.seed,
        precision=preset.compute.precision,
        method=entry.recipe,
    )
    phase = Phase(
        name="pretrain",
        run="pretrain",
        entry=entry,
        settings=settings_for(
            entry, None, clip=preset.clip, network=loaded.network, encoder=preset.encoder
        ),
        clip=preset.clip,
        encoder=preset.encoder,
        recipe=recipe,
        compute=preset.compute,
        start=None,
        learnt_from=training.learnt_from(loaded.preset, [loaded.pretraining_set]),
    )
    training.run(phase, loaded, datasets=[loaded.pretraining_set], split=SPLIT)


if __name__ == "__main__":
    main()
