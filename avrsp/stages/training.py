"""What the training stages share: from a phase to its outs, its record and its metrics file.

Parameters that change no result, the number of loader processes and where runs are recorded, are
read here and not in the stages, so that DVC repeats no training for them.
"""

from __future__ import annotations

import subprocess

from avrsp import files, paths, tracking
from avrsp.data.manifest import check_stores, read_manifest
from avrsp.engine.phase import run_phase
from avrsp.engine.plan import Phase, Videos, digest
from avrsp.params import Params


def run(phase: Phase, loaded: Params, *, datasets: list[str], split: int) -> None:
    """Train `phase` on the training videos of a split and judge it by its validation videos.

    Writes `data/models/<run>/` and `reports/training/<name of the phase>.json`.
    """
    place = paths.manifest(loaded.preset)
    manifest, stores = read_manifest(place), paths.stores(loaded.preset)
    check_stores(manifest, stores)
    training = manifest.videos(datasets, split, "train")
    validation = manifest.videos(datasets, split, "validation")
    videos = Videos(stores, training, validation)
    identity = digest(phase, videos)
    states = paths.checkpoints() / identity[:16]
    facts = {
        **commit(),
        "digest": identity,
        "manifest": files.sha256(place),
        "videos.training": str(len(training)),
        "videos.validation": str(len(validation)),
    }
    with tracking.recording(states, subject(phase, loaded, facts)) as record:
        best = run_phase(
            phase,
            videos,
            workers=loaded.active.loading.workers,
            out=paths.workspace() / "data" / "models" / phase.run,
            states=states,
            record=record,
        )
    name = phase.name.replace(" ", "-")
    files.write_json(paths.workspace() / "reports" / "training" / f"{name}.json", best)


def subject(phase: Phase, loaded: Params, facts: dict[str, str]) -> tracking.Subject:
    """Return what the tracking server is told of a phase, under a parent for these parameters."""
    recipe = phase.recipe
    chosen = files.sha256(paths.workspace() / paths.PARAMS_FILE)[:8]
    return tracking.Subject(
        experiment=loaded.tracking.experiment,
        pipeline=f"{loaded.preset} {loaded.fusion} {chosen}",
        name=phase.name,
        parameters={
            "preset": loaded.preset,
            "seed": recipe.seed,
            "network": phase.settings,
            "clip": phase.clip.model_dump(),
            "train": recipe.train.model_dump(),
            "optimiser": recipe.optimiser.model_dump(),
            "loss": recipe.loss.model_dump(),
            "compute": phase.compute.model_dump(),
        },
        tags=facts,
    )


def commit() -> dict[str, str]:
    """Return the commit of the workspace, and whether files differ from it; nothing outside git."""
    said = [
        subprocess.run(["git", *command], capture_output=True, text=True, check=False)
        for command in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    if any(each.returncode for each in said):
        return {}
    head, changes = (each.stdout.strip() for each in said)
    return {"mlflow.source.git.commit": head, "git.dirty": str(bool(changes)).lower()}
