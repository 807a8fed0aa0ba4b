"""Scores wait for a server that is away, and what they mean survives the way to MLflow and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from avrsp import params, paths
from avrsp.tracking import evaluations
from avrsp.tracking.evaluations import Evaluation
from tests.tracking.conftest import artifact, free_port, runs

TOLD = Evaluation(
    method="AV",
    fusion="mbt",
    setting={"manifest": "cafe", "seed": "7"},
    scores={"diem/cc": 0.5},
    trained={"1": "a-run", "2": "another"},
    commit="f00",
)


def test_scores_wait_for_a_server_and_arrive_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = paths.root()
    waiting = evaluations.waiting(root)
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
        evaluations.record(root, TOLD, experiment="tests", pipeline="sample mbt 12ab")
        (said,) = capsys.readouterr().err.splitlines()
    assert "is sent later" in said
    assert len([*waiting.iterdir()]) == 1
    evaluations.send_waiting(root)
    assert [*waiting.iterdir()] == []
    evaluations.record(root, TOLD, experiment="tests", pipeline="sample mbt 12ab")
    (found,) = evaluations.find(paths.root(), "tests", "AV")
    assert found.run
    assert found.time
    known = (found.method, found.fusion, found.setting, found.scores, found.trained, found.commit)
    assert known == (
        *(TOLD.method, TOLD.fusion, TOLD.setting, TOLD.scores, TOLD.trained, TOLD.commit),
    )


def test_the_parent_has_parameters_scores_and_the_report(
    workspace: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(root))  # where MLflow's database lies already
    page, loaded = workspace / "index.html", params.load(workspace / "params.yaml")
    told = replace(TOLD, scores={"mean/cc": 0.5, "mean/cc_low": 0.4, "diem/cc": 0.6})
    name = evaluations.pipeline(loaded, workspace)
    for content in ("first", "second", "second"):
        page.write_text(content)
        evaluations.record_report(root, page, [told], loaded=loaded, pipeline=name)
    assert [*evaluations.waiting(root).iterdir()] == []
    (parent,) = runs(name, loaded.tracking.experiment)
    assert parent.data.params["fusion"] == loaded.fusion
    assert parent.data.params["seed"] == str(loaded.seed)
    assert "manifest" not in parent.data.params
    assert parent.data.metrics == {"AV/cc": 0.5}
    assert artifact(parent, "report/index.html").read_text() == "second"


def test_scores_do_not_follow_from_what_other_pipelines_are_told(workspace: Path) -> None:
    loaded = params.load(workspace / "params.yaml")
    other = loaded.model_copy(
        update={
            "fusions": loaded.fusions.model_copy(update={"rates": [0.1]}),
            "recordings": {"mine": "elsewhere"},
            "ablations": ["v"],
        }
    )
    assert evaluations.setting(other, "cafe") == evaluations.setting(loaded, "cafe")
    seeded = loaded.model_copy(update={"seed": loaded.seed + 1})
    assert evaluations.setting(seeded, "cafe") != evaluations.setting(loaded, "cafe")


def test_nothing_is_found_where_nothing_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert evaluations.find(paths.root(), "tests", "AV") == []
    assert [*tmp_path.iterdir()] == []  # looking creates no database
