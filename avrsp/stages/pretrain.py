"""Train the visual network on the pretraining set (DVC stage `pretrain`)."""

from __future__ import annotations

from avrsp import params
from avrsp.errors import exits_cleanly
from avrsp.progress import timed
from avrsp.stages import training
from avrsp.stages.training import launched
from avrsp.train.plan_phase import Phase
from avrsp.train.state import Recipe

SPLIT = 1
"""The pretraining set has the same roles in every split."""


@exits_cleanly
@launched
@timed
def main() -> None:
    """Write `data/models/pretrain/` and `reports/training/pretrain.json`."""
    loaded = params.load()
    preset = loaded.active
    recipe = Recipe(
        train=preset.pretrain,
        optimiser=loaded.optimiser,
        loss=loaded.loss,
        seed=loaded.seed,
        precision=preset.compute.precision,
    )
    phase = Phase(
        name="pretrain",
        run="pretrain",
        fusion=None,
        clip=preset.clip,
        network=loaded.network,
        encoder=preset.encoder,
        recipe=recipe,
        compute=preset.compute,
        start=None,
    )
    training.run(phase, loaded, datasets=[loaded.pretraining_set], split=SPLIT)


if __name__ == "__main__":
    main()
