"""Train a network on the audio-visual sets (DVC stages `finetune-v` and `finetune-av`)."""

from __future__ import annotations

import argparse

from avrsp import params, paths
from avrsp.errors import exits_cleanly
from avrsp.params import FUSIONS, split_name
from avrsp.progress import timed
from avrsp.stages import training
from avrsp.stages.training import launched
from avrsp.train.plan_phase import Phase
from avrsp.train.state import Recipe


@exits_cleanly
@launched
@timed
def main() -> None:
    """Write `data/models/{v,av}-split<N>/` and its summary below `reports/training/`."""
    wanted = arguments()
    kind = "av" if wanted.fusion else "v"
    loaded = params.load()
    preset = loaded.active
    recipe = Recipe(
        train=preset.finetune,
        optimiser=loaded.optimiser,
        loss=loaded.loss,
        seed=loaded.seed,
        precision=preset.compute.precision,
    )
    phase = Phase(
        name=f"finetune-{kind} split {wanted.split}",
        run=f"{kind}-split{wanted.split}",
        fusion=wanted.fusion,
        clip=preset.clip,
        network=loaded.network,
        encoder=preset.encoder,
        recipe=recipe,
        compute=preset.compute,
        start=paths.workspace() / "data" / "models" / "pretrain",
    )
    training.run(phase, loaded, datasets=[*loaded.audio_visual_sets], split=wanted.split)


def arguments() -> argparse.Namespace:
    """Read which network to train; the fusion is an argument, so that V does not depend on it."""
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.finetune")
    parser.add_argument("--split", type=split_name, required=True)
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--fusion", choices=FUSIONS, help="how sound joins the picture")
    network.add_argument("--visual", action="store_true", help="the network that does not listen")
    return parser.parse_args()


if __name__ == "__main__":
    main()
