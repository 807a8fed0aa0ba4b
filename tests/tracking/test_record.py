"""MLflow gets every run once, with what it read and left, whatever happened to us on the way."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avrsp import paths
from avrsp.tracking import JOURNAL, journal, recording, relog_missing, server
from tests.tracking.conftest import (
    SUBJECT,
    a_run,
    artifact,
    history,
    identity_in,
    runs,
)

PARAMS = Path(__file__).parents[2] / "params.yaml"


def test_a_run_is_kept_with_parameters_values_files_and_parent(tmp_path: Path, root: Path) -> None:
    (run,) = runs(a_run(tmp_path / "checkpoints", tmp_path / "out"))
    assert run.info.run_name == "finetune-av split 1"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"fusion": "ravf", "optimiser.factor": "0.5"}
    assert run.data.tags["manifest"] == "cafe"
    assert history(run, "loss") == [(1, 2.0), (2, 1.5)]
    assert artifact(run, "model.json").is_relative_to(root / "mlartifacts")
    assert artifact(run, "model.json").is_file()
    parent = server._client(server.address(paths.root())).get_run(
        run.data.tags["mlflow.parentRunId"]
    )
    assert parent.info.run_name == "sample ravf 12ab"
    assert not (tmp_path / "checkpoints" / JOURNAL).exists()


def test_a_run_says_what_it_read_and_with_what_it_was_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    (run,) = runs(a_run(tmp_path / "checkpoints", tmp_path / "out"))
    assert run.inputs is not None
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("diem", "ab12")
    assert json.loads(data.dataset.profile or "") == {"videos": 3, "frames": 120}
    assert [tag.value for tag in data.tags] == ["training"]
    assert run.data.tags["python"] == platform.python_version()
    assert artifact(run, "environment/requirements.lock").read_text().count("==") > 100
    assert f"pytest=={pytest.__version__}" in artifact(run, "environment/installed.txt").read_text()
    assert artifact(run, "note.txt").read_text() == "a note\n"


def test_updates_are_thinned_and_the_machine_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avrsp.tracking.machine.SAMPLE_SECONDS", 0.02)
    with recording(tmp_path, SUBJECT, paths.current()) as record:
        for update in range(1, 4):
            record.update(update, {"loss": 1.0 / update})
        time.sleep(0.3)
        record.end("FINISHED")
    (run,) = runs(identity_in(tmp_path))
    assert history(run, "update/loss") == [(1, 1.0)]
    steps = [step for step, _ in history(run, "system/cpu_utilization_percentage")]
    assert len(steps) > 1
    assert steps == list(range(len(steps)))
    assert 0 < run.data.metrics["system/system_memory_usage_percentage"] <= 100


def test_a_delivered_model_is_registered_once_with_its_values(tmp_path: Path) -> None:
    with recording(tmp_path, SUBJECT, paths.current()) as record:
        (tmp_path / "out").mkdir()
        record.deliver(tmp_path / "out", [])
        record.register("tests-av", {"validation_loss": 0.25}, {"fusion": "mbt"})
    path = tmp_path / "out" / JOURNAL
    client = server._client(server.address(paths.root()))
    client.delete_tag(str(record.run_id), server.FORWARDED)  # all is told twice
    relog_missing([path], paths.root())
    (version,) = client.search_model_versions(f"run_id = '{record.run_id}'")
    assert (version.name, version.tags) == (
        "tests-av",
        {"validation_loss": "0.25", "fusion": "mbt"},
    )
    assert version.source == client.get_run(str(record.run_id)).info.artifact_uri


def test_a_run_that_mlflow_lacks_is_written_anew_and_only_once(tmp_path: Path) -> None:
    identity = a_run(tmp_path / "checkpoints", tmp_path / "out")
    (run,) = runs(identity)
    server._client(server.address(paths.root())).delete_run(run.info.run_id)
    shutil.copytree(tmp_path / "out", tmp_path / "elsewhere")
    for _ in range(2):
        relog_missing([tmp_path / "elsewhere" / JOURNAL], paths.root())
    (again,) = runs(identity)
    assert again.info.run_id != run.info.run_id
    assert again.info.status == "FINISHED"
    assert again.info.end_time == run.info.end_time
    assert history(again, "loss") == [(1, 2.0), (2, 1.5)]


def test_a_resumed_run_goes_on_as_the_same_run(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        recording(tmp_path / "checkpoints", SUBJECT, paths.current()) as record,
    ):
        record.values(1, {"loss": 2.0})
        raise KeyboardInterrupt
    identity = identity_in(tmp_path / "checkpoints")
    assert [run.info.status for run in runs(identity)] == ["KILLED"]
    with (tmp_path / "checkpoints" / JOURNAL).open("a") as stream:
        stream.write('{"event": "val')  # what a SIGKILL leaves
    assert a_run(tmp_path / "checkpoints", tmp_path / "out") == identity
    (run,) = runs(identity)
    assert run.info.status == "FINISHED"
    assert history(run, "loss") == [(1, 2.0), (2, 1.5)]


def test_nothing_of_mlflow_is_imported_before_a_run_is_recorded() -> None:
    code = "import sys, avrsp.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_journal_has_an_identity_of_its_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        journal.begin(tmp_path / name, SUBJECT)
    first, second = (journal.read(tmp_path / name)[0]["identity"] for name in ("a", "b"))
    assert first != second


@pytest.mark.slow
def test_a_workspace_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "100% a?b&c#d"
    odd.mkdir()
    (odd / ".avrsp").touch()
    (odd / "params.yaml").write_bytes(PARAMS.read_bytes())
    monkeypatch.setenv("DVC_ROOT", str(odd))
    monkeypatch.chdir(odd)
    monkeypatch.setattr(server, "DATABASE_SECONDS", 240.0)
    (run,) = runs(a_run(odd / "checkpoints", odd / "out"))
    assert run.info.status == "FINISHED"
    assert artifact(run, "model.json").name == "model.json"
    assert (odd / "mlflow.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [odd.name]
