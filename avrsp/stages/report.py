"""The stage `report`: tables, figures and the page, from whatever the stages before it left."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from avrsp import forkserver

if __name__ == "__main__":  # its workers' process imports what follows while this one does
    forkserver.head_start("avrsp.report.build_report", "avrsp.tracking.evaluations")

from avrsp import datasets, params, paths, tracking
from avrsp.errors import cleaned, exits_cleanly
from avrsp.evaluate.summary import read_summary
from avrsp.params import Params
from avrsp.progress import timed
from avrsp.report.about import About
from avrsp.report.build_report import write_report
from avrsp.report.compared import ComparedPlaces
from avrsp.report.drawing import drawing_elsewhere
from avrsp.report.inputs import Inputs, ReportPlaces, gather
from avrsp.report.names import HEARING, KINDS, run_name
from avrsp.stages import left_out
from avrsp.stages.checkout import commit, repository
from avrsp.stages.places import METHODS
from avrsp.stages.stores import converted
from avrsp.store.blocks import available_threads
from avrsp.tracking import evaluations
from avrsp.tracking.evaluations import Evaluation


@exits_cleanly
@timed
def main() -> None:
    """Write `reports/index.html`, `reports/tables/` and `reports/figures/`.

    Training runs that DVC took from its cache, so that MLflow never saw them, are logged again, and
    MLflow is told the scores, by which `avrsp.stages.fusions` compares experiments.

    Raises:
        ParamsError: A parameter is missing, unknown or wrong.
        StoreError: A result is there but is not what it should be, or something could not be shown
            and that is not allowed.
    """
    loaded = params.load(paths.params_file())
    datasets.register_named(loaded, paths.current().root)
    places = places_of(loaded)
    if loaded.data.stores is not None:
        converted(loaded)
    found = gather(places, about(loaded))
    with drawing_elsewhere(available_threads()):
        faults = write_report(paths.workspace() / "reports", found)
    tracking.relog_missing(sorted(places.models.glob(f"*/{tracking.JOURNAL}")), paths.root())
    tell(loaded, [*scored(loaded, found)], paths.workspace() / "reports" / "index.html")
    for fault in faults:
        sys.stderr.write(f"avrsp: {cleaned(fault)}\n")
    entries = found.manifest.datasets.values() if found.manifest else ()
    kept = [each for entry in entries for each in entry.videos if each.kept]
    left_out.note_damaged(loaded.preset, "report", "report", kept, faults)
    left_out.refuse_faults(faults, allowed=loaded.evaluation.allow_missing)


def tell(loaded: Params, found: Sequence[Evaluation], page: Path) -> None:
    """Tell MLflow the scores, each as a run, and all of them with the page in the parent run."""
    root, experiment = paths.root(), evaluations.experiment(loaded)
    pipeline = evaluations.pipeline(loaded, paths.workspace())
    for each in found:
        evaluations.record(root, each, experiment=experiment, pipeline=pipeline)
    evaluations.record_report(root, page, found, loaded=loaded, pipeline=pipeline)


def places_of(loaded: Params) -> ReportPlaces:
    """Return where the pipelines of the chosen preset leave their results."""
    data, reports = paths.workspace() / "data", paths.workspace() / "reports"
    return ReportPlaces(
        manifest=paths.current().manifest(loaded.preset),
        stores=paths.current().stores(loaded.preset),
        models=data / "models",
        maps=data / "maps",
        scores=data / "scores",
        others=data / "others",
        metrics=reports / "metrics",
        reliance=data / "reliance",
        sounds=reports / "reliance.json",
        pooled=reports / "pooled",
        ablations=reports / "ablations" / "metrics",
        compared=ComparedPlaces(
            models=data / METHODS,
            metrics=reports / METHODS / "metrics",
            pooled=reports / METHODS / "pooled",
            reliance=reports / METHODS / "reliance",
        ),
    )


def scored(loaded: Params, found: Inputs) -> Iterator[Evaluation]:
    """Yield what was scored of V and AV, as far as it was run."""
    for method in KINDS:
        path = found.places.pooled / f"{method.lower()}.json"
        if path.exists():
            runs = {split: run_name(method, split) for split in loaded.splits}
            yield Evaluation(
                method=method,
                fusion=loaded.fusion if method == HEARING else "none",
                setting=evaluations.setting(loaded, found.manifest_digest),
                scores=read_summary(path).numbers(),
                trained={
                    str(split): str(found.models.get(run, {}).get("mlflow_run") or "not recorded")
                    for split, run in runs.items()
                },
                commit=found.about.commit,
            )


def about(loaded: Params) -> About:
    """Return what the parameters say, and the commit."""
    return About(
        preset=loaded.preset,
        fusion=loaded.fusion,
        splits=tuple(loaded.splits),
        seed=loaded.seed,
        protocol=loaded.evaluation.protocol,
        datasets=tuple(sorted(loaded.audio_visual_sets)),
        commit=commit(),
        code=repository(),
    )


if __name__ == "__main__":
    main()
