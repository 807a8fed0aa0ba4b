"""What was scored, as runs of their own: the stage `report` records them, `fusions` finds them.

DVC may take scores from its cache and run no command, so they are recorded from the files that it
left. The same scores of the same models are the same run, however often they are recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avrsp.files import sha256
from avrsp.params import Params
from avrsp.params.runs import TITLES
from avrsp.paths import PARAMS_FILE
from avrsp.tracking import journal, server
from avrsp.tracking.journal import Subject

if TYPE_CHECKING:
    from mlflow.entities import Run  # noqa: TID251 - the one place

NAMES: Final = {title: f"evaluate-{kind}" for kind, title in TITLES.items()}
"""Names of the runs by method."""

CHOSEN: Final = "fusion"
"""The parameter in which experiments that are compared may differ."""

ELSEWHERE: Final = {
    *(CHOSEN, "fusions", "ablations", "presets", "world", "data", "recordings", "reliance"),
    "tracking",
}
"""Keys of params.yaml that a score does not follow from, or follows from through the stores, which
the manifest's digest stands for."""

COMMIT: Final = "mlflow.source.git.commit"
TRAINED: Final = "trained."


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of one method, pooled over the splits.

    Attributes:
        method: "V" or "AV".
        fusion: How sound joins the picture; "none" for V.
        setting: All else that they follow from, by name: parameters, and the manifest's digest.
        scores: By `<dataset>/<quantity>`; what is not defined is missing.
        trained: By split, MLflow's id of the run that trained the model.
        commit: Of the code; empty outside git.
        run: MLflow's id of the evaluation; empty before it is recorded.
        time: When it was first recorded, in milliseconds.
    """

    method: str
    fusion: str
    setting: Mapping[str, str]
    scores: Mapping[str, float]
    trained: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    run: str = ""
    time: int = 0


def experiment(loaded: Params) -> str:
    """Return the experiment's name; read here and not in a stage, which it does not change."""
    return loaded.tracking.experiment


def pipeline(loaded: Params, folder: Path) -> str:
    """Return by what the stages of one set of parameters, those of a working copy, are gathered."""
    chosen = sha256(folder / PARAMS_FILE)[:8]
    return f"{loaded.preset} {loaded.fusion} {chosen}"


def setting(loaded: Params, manifest: str) -> dict[str, str]:
    """Return what scores follow from besides the fusion; `manifest` is the digest of that file."""
    shared = loaded.model_dump(mode="json", exclude=ELSEWHERE)
    own = loaded.active.model_dump(mode="json", exclude={"store", "ablation", "loading"})
    return dict(journal.flat({"manifest": manifest, **shared, **own}))


def waiting(root: Path) -> Path:
    """Return the folder, below the main repository, of records that MLflow does not have yet."""
    return root / "data" / "records"


def record(root: Path, evaluation: Evaluation, *, experiment: str, pipeline: str) -> None:
    """Record an evaluation in MLflow; while it does not answer, the record waits on disk."""
    name = NAMES[evaluation.method]
    content = json.dumps(
        [
            name,
            evaluation.fusion,
            evaluation.setting,
            evaluation.scores,
            evaluation.trained,
            evaluation.commit,
        ]
    )
    identity = hashlib.sha256(content.encode()).hexdigest()[:32]
    tags = {f"{TRAINED}{split}": run for split, run in evaluation.trained.items()}
    if evaluation.commit:
        tags[COMMIT] = evaluation.commit
    parameters = {CHOSEN: evaluation.fusion, **evaluation.setting}
    path = waiting(root) / f"{identity}.jsonl"
    journal.begin(path, Subject(experiment, pipeline, name, parameters, tags), identity)
    journal.append(path, event="values", series="epoch", step=0, values=dict(evaluation.scores))
    journal.append(path, event="status", status="FINISHED")
    send_waiting(root)


def record_report(
    root: Path, page: Path, told: Sequence[Evaluation], *, loaded: Params, pipeline: str
) -> None:
    """Give the parent run the parameters, the mean scores of what was `told`, and the report.

    The same page is recorded once; a later one takes its place.
    """
    parameters = {CHOSEN: loaded.fusion, **setting(loaded, "")}
    del parameters["manifest"]  # of the data, which may be made anew under the same parameters
    values = {
        f"{each.method}/{name.removeprefix('mean/')}": value
        for each in told
        for name, value in each.scores.items()
        if name.startswith("mean/") and not name.endswith(("_low", "_high"))
    }
    content = json.dumps([parameters, values, sha256(page)])
    identity = hashlib.sha256(content.encode()).hexdigest()[:32]
    tags = {COMMIT: told[0].commit} if told and told[0].commit else {}
    path = waiting(root) / f"{identity}.jsonl"
    journal.begin(path, Subject(experiment(loaded), pipeline, "report", {}, tags), identity)
    journal.append(
        path, event="parent", parameters=parameters, values=values, files=[str(page.resolve())]
    )
    journal.append(path, event="status", status="FINISHED")
    send_waiting(root)


def send_waiting(root: Path) -> None:
    """Send the records that wait, each of which is gone once MLflow has it."""
    for path in sorted(waiting(root).glob("*.jsonl")):
        if journal.is_whole(journal.read(path)):  # else another process has just sent it
            if server.forwarded(path, root, quietly=False) is None:
                return
            path.unlink(missing_ok=True)


def find(root: Path, experiment: str, method: str) -> list[Evaluation]:
    """Return the evaluations of a method that MLflow knows, newest first.

    Raises:
        AvrspError: MLflow does not answer.
    """
    return [_understood(method, run) for run in server.finished(root, experiment, NAMES[method])]


def _understood(method: str, run: Run) -> Evaluation:
    parameters, tags = dict(run.data.params), dict(run.data.tags)
    return Evaluation(
        method=method,
        fusion=parameters.pop(CHOSEN, ""),
        setting=parameters,
        scores=dict(run.data.metrics),
        trained={
            name.removeprefix(TRAINED): value
            for name, value in sorted(tags.items())
            if name.startswith(TRAINED)
        },
        commit=tags.get(COMMIT, ""),
        run=str(run.info.run_id),
        time=int(run.info.start_time),
    )
