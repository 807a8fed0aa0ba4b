"""Train one run: the pretraining, V or AV of a split, an ablation, or a compared method.

V does not read `fusion`, so that another fusion does not repeat its training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from avrsp import models, params, paths
from avrsp.errors import exits_cleanly
from avrsp.models.recipe import MethodRecipe, PhaseName
from avrsp.models.registry import ModelSpec
from avrsp.params import FusionName, Params, TrainParams
from avrsp.params.ablations import ABLATIONS, Ablation
from avrsp.params.ablations import DATASETS as ABLATION_SETS
from avrsp.params.ablations import SPLIT as ABLATION_SPLIT
from avrsp.params.runs import AUDIO_VISUAL, PRETRAINING, VISUAL, Kind, run_name
from avrsp.progress import timed
from avrsp.stages import absent, training
from avrsp.stages import videos as lists
from avrsp.stages.launch import launched
from avrsp.stages.left_out import Step
from avrsp.stages.networks import Network, networks, visual
from avrsp.stages.places import METHODS, data_of
from avrsp.train.plan_phase import Phase, settings_for
from avrsp.train.state import Recipe

ABLATION_FOLDERS: Final = ("data/ablations/models", "reports/ablations/training")
METHOD_PRETRAINING: Final = (f"data/{METHODS}/pretraining", f"reports/{METHODS}/training")


@exits_cleanly
@launched
@timed
def main() -> None:
    """Write `data/models/<run>/` and `reports/training/<run>.json`, or likewise of another run."""
    wanted = arguments()
    loaded = params.load(paths.params_file())
    if wanted.run == PRETRAINING:
        pretrain(loaded)
    elif wanted.run == "ablation":
        ablate(loaded, wanted.name)
    elif wanted.run == "method-pretraining":
        pretrain_method(loaded, wanted.model)
    elif wanted.run == "method":
        train_method(loaded, networks()[wanted.name], wanted.split)
    else:
        finetune(loaded, wanted.run, wanted.split)


def arguments() -> argparse.Namespace:
    """Read which run to train."""
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.train")
    runs = parser.add_subparsers(dest="run", required=True)
    runs.add_parser(PRETRAINING, help="the visual network on the pretraining set")
    for kind, network in ((VISUAL, "without sound"), (AUDIO_VISUAL, "with sound")):
        run = runs.add_parser(kind, help=f"the network {network} on the audio-visual sets")
        run.add_argument("--split", required=True, help="a name in `splits` of params.yaml")
    ablation = runs.add_parser("ablation", help="a network of Tables III to V")
    ablation.add_argument("name", choices=ABLATIONS)
    first = runs.add_parser("method-pretraining", help="what networks of a method start from")
    first.add_argument("model", choices=models.names())
    method = runs.add_parser("method", help="a compared method on the audio-visual sets")
    method.add_argument("name", choices=networks())
    method.add_argument("--split", required=True, help="a name in `splits` of params.yaml")
    return parser.parse_args()


def pretrain(
    loaded: Params, run: str = PRETRAINING, folders: tuple[str, str] = training.FOLDERS
) -> None:
    """Train the visual network on the pretraining set."""
    entry = models.spec(loaded.model)
    schedule = _numbers(loaded, entry.recipe, "pretrain")
    datasets = [loaded.pretraining_set]
    phase = _phase(loaded, run, entry, schedule, datasets)
    step: Step = "pretrain" if run == PRETRAINING else "compared-pretrain"
    training.run(
        phase,
        loaded,
        listed=lists.pretraining(),
        datasets=datasets,
        split=lists.PRETRAINING_SPLIT,
        step=step,
        folders=folders,
    )


def pretrain_method(loaded: Params, model: str) -> None:
    """Train what all networks of a compared method start from, into `data/methods/pretraining`."""
    chosen = loaded.model_copy(update={"model": model, "variant": None, "settings": {}})
    pretrain(chosen, model, METHOD_PRETRAINING)


def train_method(loaded: Params, network: Network, split: str) -> None:
    """Train a compared method on the audio-visual sets, into `data/methods/<name>/models`."""
    folders = f"data/{METHODS}/{network.name}/models", METHOD_PRETRAINING[1]
    seeing = visual(network).name
    starts = {
        PRETRAINING: paths.workspace() / METHOD_PRETRAINING[0] / network.model,
        VISUAL: data_of(seeing) / "models" / run_name(seeing, split),
    }
    run = FineTuning(run_name(network.name, split), starts, folders, "compared-train")
    finetune_run(network.chosen(loaded), network.kind, split, run)


def finetune(loaded: Params, kind: Kind, split: str) -> None:
    """Train V or AV on the audio-visual sets; say so where the network has no AV."""
    entry, run, here = models.spec(loaded.model), run_name(kind, split), paths.workspace()
    if kind == AUDIO_VISUAL and not entry.audio_visual:
        why = f"{entry.name} takes no sound: there is no {run}"
        sys.stdout.write(f"{why}\n")
        summary = here / "reports" / "training" / f"{run}.json"
        absent.write(why, [here / "data" / "models" / run, summary])
        return
    models_here = here / "data" / "models"
    seeing = models_here / run_name(VISUAL, split)
    starts = {PRETRAINING: models_here / PRETRAINING, VISUAL: seeing}
    step: Step = "finetune-av" if kind == AUDIO_VISUAL else "finetune-v"
    finetune_run(loaded, kind, split, FineTuning(run, starts, training.FOLDERS, step))


class FineTuning(NamedTuple):
    """A run on the audio-visual sets: its name, what it may start from, where its results go.

    Attributes:
        starts: Folder of the network by what a recipe says that training follows.
        step: By what name DVC is told which videos it left out.
    """

    name: str
    starts: Mapping[str, Path]
    folders: tuple[str, str]
    step: Step


def _numbers(loaded: Params, recipe: MethodRecipe, phase: PhaseName) -> TrainParams:
    given: TrainParams = getattr(loaded.active, phase)
    return recipe.train(loaded.preset, phase, given, loaded.training.recipe)


def finetune_run(loaded: Params, kind: Kind, split: str, run: FineTuning) -> None:
    """Train a network of the chosen model on the audio-visual sets, with the chosen fusion."""
    entry, datasets = models.spec(loaded.model), loaded.audio_visual_sets
    recipe = entry.recipe_for(audio=kind == AUDIO_VISUAL)
    schedule = _numbers(loaded, recipe, "finetune")
    fusion = loaded.fusion if kind == AUDIO_VISUAL else None
    start = run.starts[recipe.follows]
    phase = _phase(loaded, run.name, entry, schedule, datasets, fusion=fusion, start=start)
    training.run(
        phase,
        loaded,
        listed=lists.of_split(lists.LEARN, split),
        datasets=[*datasets],
        split=split,
        step=run.step,
        folders=run.folders,
    )


def ablate(loaded: Params, name: str) -> None:
    """Train a network of Tables III to V, from the pretraining that all of them share."""
    chosen, entry = ABLATIONS[name], models.spec("avrsp")
    epochs = loaded.training.recipe.epochs or loaded.active.ablation.epochs
    numbers = _numbers(loaded, entry.recipe, "finetune")
    schedule = numbers.model_copy(update={"epochs": epochs})
    phase = _phase(
        loaded,
        name,
        entry,
        schedule,
        ABLATION_SETS,
        fusion=chosen.fusion,
        start=paths.workspace() / "data" / "models" / PRETRAINING,
        ablation=chosen,
    )
    training.run(
        phase,
        loaded,
        listed=lists.of_ablation(lists.LEARN, name),
        datasets=[*ABLATION_SETS],
        split=ABLATION_SPLIT,
        step="networks-train",
        folders=ABLATION_FOLDERS,
    )


def _phase(  # noqa: PLR0913 - what differs between the runs
    loaded: Params,
    run: str,
    entry: ModelSpec,
    schedule: TrainParams,
    datasets: Iterable[str],
    *,
    fusion: FusionName | None = None,
    start: Path | None = None,
    ablation: Ablation | None = None,
) -> Phase:
    preset, network = loaded.active, loaded.network
    left_behind = () if fusion is None else entry.visual_only
    variant, own = loaded.variant, loaded.settings
    if ablation is not None:
        parts = {"synergy": ablation.synergy, "gate": ablation.gate, "pairs": ablation.pairs}
        network, variant, own = network.model_copy(update=parts), None, {}
    return Phase(
        name=run,
        run=run,
        entry=entry,
        settings=settings_for(
            entry,
            fusion,
            clip=preset.clip,
            network=network,
            encoder=preset.encoder,
            variant=variant if fusion else None,
            own=own,
        ),
        clip=preset.clip,
        encoder=preset.encoder,
        recipe=Recipe(
            train=schedule,
            optimiser=loaded.optimiser,
            loss=loaded.loss,
            seed=loaded.seed,
            precision=preset.compute.precision,
            method=entry.recipe_for(audio=fusion is not None),
        ),
        compute=preset.compute,
        start=start,
        reset=ablation.reset(loaded.network.pairs) if ablation else left_behind,
        learnt_from=training.learnt_from(loaded.preset, datasets),
        root=paths.root(),
    )


if __name__ == "__main__":
    main()
