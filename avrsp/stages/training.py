"""What the training stages share: from a phase to its outs, its record and its metrics file.

Parameters that change no result, the number of loader processes and where runs are recorded, are
read here and not in the stages, so that DVC repeats no training for them.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from avrsp import files, paths, processes, tracking
from avrsp.errors import AvrspError
from avrsp.models import encoders
from avrsp.models.saved import CONFIG, read_config
from avrsp.params import Params, PresetName
from avrsp.stages import left_out
from avrsp.stages import videos as lists
from avrsp.stages.checkout import commit_tags
from avrsp.stages.left_out import Step
from avrsp.tracking import evaluations
from avrsp.train.phase import encoder_starts, run_phase
from avrsp.train.plan_phase import Phase, Videos, phase_digest
from avrsp.train.ranks import joined

FOLDERS = ("data/models", "reports/training")
"""Of the main pipeline's trained models, and of what each training ended with."""


def run(  # noqa: PLR0913 - what differs between the runs
    phase: Phase,
    loaded: Params,
    *,
    listed: Path,
    datasets: list[str],
    split: int | str,
    step: Step,
    folders: tuple[str, str] = FOLDERS,
) -> None:
    """Train `phase` on a split's training videos in the list `listed`, judge it by the others.

    Writes `data/models/<run>/` and `reports/training/<name of the phase>.json`, or into other
    `folders` in place of these two, and notes for `step` what was left out. Started several times
    by `torchrun`, all processes train one network, and the main one writes and records. Where no
    video is left for validation, those that are learnt from judge, and that is said.
    """
    here = paths.current()
    known, stores = lists.read(listed, loaded)
    training = known.videos(datasets, split, "train")
    validation = known.videos(datasets, split, "validation")
    if training and not validation:
        say_no_validation(phase.name, datasets)
    videos = Videos(stores, training, validation or training)
    identity = phase_digest(phase, videos)
    states = here.checkpoints() / identity[:16]
    out = here.folder / folders[0] / phase.run
    facts = {
        **commit_tags(),
        "digest": identity,
        "videos": files.sha256(listed),
        "videos.training": str(len(training)),
        "videos.validation": str(len(validation)),
    }
    recorded = replace(subject(phase, loaded, facts), datasets=[*inputs(videos)])
    with joined(phase.compute.device) as ranks, contextlib.ExitStack() as stack:
        record = None
        if ranks.main:
            stack.enter_context(alone(phase.name, states))
            record = stack.enter_context(tracking.recording(states, recorded, here))
        best = run_phase(
            phase,
            videos,
            workers=loaded.active.loading.workers,
            out=out,
            states=states,
            record=record,
            ranks=ranks,
            allow_missing=loaded.training.allow_missing,
        )
        if record:
            model = read_config(out / CONFIG)
            left_out.note(loaded.preset, step, phase.run, model.left_out)
            tags = {
                "fusion": str(model.settings.get("fusion", "none")) if model.audio else "none",
                "learnt_from": ", ".join(model.learnt_from),
            }
            record.register(f"{recorded.experiment}-{loaded.preset}-{phase.run}", best, tags)
            name = f"{phase.name.replace(' ', '-')}.json"
            files.write_json(here.folder / folders[1] / name, best)


def say_no_validation(name: str, datasets: Iterable[str]) -> None:
    """Say that the training videos judge the epochs, for want of others."""
    sys.stderr.write(
        f"{name}: {', '.join(datasets)} have too few videos for a validation part; the training "
        "videos judge the epochs themselves, which says nothing about other videos\n"
    )


def learnt_from(preset: PresetName, datasets: Iterable[str]) -> tuple[str, ...]:
    """Return what a model's description says that it was trained on."""
    return ("generated world",) if preset == "sample" else tuple(datasets)


LOCK_SECONDS = 120.0
"""How long a stage waits for another one that trains the same, which may be about to end."""


def alone(name: str, states: Path) -> AbstractContextManager[None]:
    """Hold the lock of a training's states, which the system releases however a process ends."""
    return processes.only_one(
        states / "lock",
        LOCK_SECONDS,
        held=lambda who: AvrspError(
            f"{name}: {who} trains this already; stop it or wait for it, and run the same command "
            "again"
        ),
        say=lambda who: sys.stderr.write(f"{name}: waiting for {who}, which trains this already\n"),
    )


def subject(phase: Phase, loaded: Params, facts: dict[str, str]) -> tracking.Subject:
    """Return what the tracking server records of a phase, under a parent for these parameters."""
    recipe = phase.recipe
    return tracking.Subject(
        experiment=loaded.tracking.experiment,
        pipeline=evaluations.pipeline(loaded, paths.workspace()),
        name=phase.name,
        parameters={
            "preset": loaded.preset,
            "seed": recipe.seed,
            "model": phase.entry.name,
            "network": dict(phase.settings),
            "encoders": encoders.encoder_words(encoder_starts(phase)),
            "clip": phase.clip.model_dump(),
            "train": recipe.train.model_dump(),
            "optimiser": recipe.optimiser.model_dump(),
            "loss": recipe.loss.model_dump(),
            "compute": phase.compute.model_dump(),
        },
        tags=facts,
    )


def inputs(videos: Videos) -> Iterator[tracking.Dataset]:
    """Yield each dataset that is learnt from or judged by, known by the digests of its stores."""
    for role, verdicts in (("training", videos.training), ("validation", videos.validation)):
        for name in sorted({verdict.dataset for verdict in verdicts}):
            own = [verdict for verdict in verdicts if verdict.dataset == name]
            digests = "".join(sorted(verdict.digest for verdict in own))
            yield tracking.Dataset(
                name,
                role,
                digest=hashlib.sha256(digests.encode()).hexdigest()[:36],
                source=str(videos.folder / name),
                counts={"videos": len(own), "frames": sum(verdict.frames for verdict in own)},
            )
