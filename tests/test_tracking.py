"""MLflow gets every run once, whatever happened to the server or to us on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from avrsp.tracking import JOURNAL, Subject, journal, recording, relog_missing, server

if TYPE_CHECKING:
    from mlflow.entities import Run  # noqa: TID251 - a test may look at what was recorded

SUBJECT = Subject(
    experiment="tests",
    pipeline="sample ravf 12ab",
    name="finetune-av split 1",
    parameters={"fusion": "ravf", "optimiser": {"factor": 0.5}},
    tags={"manifest": "cafe", "mlflow.source.git.commit": "f00"},
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One root, whose database takes seconds to create, for all tests of this file."""
    return tmp_path_factory.mktemp("root")


@pytest.fixture(autouse=True)
def _here(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def runs(identity: str) -> list[Run]:
    with server._muted():
        client = server._client(server.address())
        experiment = client.get_experiment_by_name("tests")
        assert experiment is not None
        found = client.search_runs(
            [experiment.experiment_id], f"tags.`avrsp.record` = '{identity}'"
        )
    return list(found)


def identity_in(folder: Path) -> str:
    return str(journal.read(folder / JOURNAL)[0]["identity"])


def history(run: Run, name: str) -> list[tuple[int, float]]:
    found = server._client(server.address()).get_metric_history(run.info.run_id, name)
    return [(metric.step, metric.value) for metric in found]


def a_run(checkpoints: Path, out: Path) -> str:
    """Record a run of two epochs and return its identity."""
    out.mkdir(parents=True)
    (out / "model.json").write_text("{}")
    with recording(checkpoints, SUBJECT) as record:
        record.values(1, {"loss": 2.0})
        record.values(2, {"loss": 1.5})
        record.deliver(out, ["model.json"])
    return identity_in(out)


def test_a_run_is_kept_with_parameters_values_files_and_parent(tmp_path: Path, root: Path) -> None:
    (run,) = runs(a_run(tmp_path / "checkpoints", tmp_path / "out"))
    assert run.info.run_name == "finetune-av split 1"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"fusion": "ravf", "optimiser.factor": "0.5"}
    assert run.data.tags["manifest"] == "cafe"
    assert history(run, "loss") == [(1, 2.0), (2, 1.5)]
    assert run.info.artifact_uri is not None
    assert run.info.artifact_uri.startswith((root / "mlartifacts").as_uri())
    assert Path(run.info.artifact_uri.removeprefix("file://"), "model.json").is_file()
    parent = server._client(server.address()).get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.info.run_name == "sample ravf 12ab"
    assert not (tmp_path / "checkpoints" / JOURNAL).exists()


def test_a_run_that_mlflow_lacks_is_written_anew_and_only_once(tmp_path: Path) -> None:
    identity = a_run(tmp_path / "checkpoints", tmp_path / "out")
    (run,) = runs(identity)
    server._client(server.address()).delete_run(run.info.run_id)
    shutil.copytree(tmp_path / "out", tmp_path / "elsewhere")
    for _ in range(2):
        relog_missing([tmp_path / "elsewhere" / JOURNAL])
    (again,) = runs(identity)
    assert again.info.run_id != run.info.run_id
    assert again.info.status == "FINISHED"
    assert again.info.end_time == run.info.end_time
    assert history(again, "loss") == [(1, 2.0), (2, 1.5)]


def test_a_resumed_run_goes_on_as_the_same_run(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        recording(tmp_path / "checkpoints", SUBJECT) as record,
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


def test_an_absent_server_stops_nothing_and_gets_the_run_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
        identity = a_run(tmp_path / "checkpoints", tmp_path / "out")
        said = capsys.readouterr().err.splitlines()
    assert len(said) == 2  # at the start and at the end
    assert all("does not take the record" in line for line in said)
    assert runs(identity) == []
    relog_missing([tmp_path / "out" / JOURNAL])
    assert [run.info.status for run in runs(identity)] == ["FINISHED"]


@pytest.mark.slow
def test_a_server_that_vanishes_and_returns_has_the_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("avrsp.tracking.RETRY_SECONDS", 0.0)
    with recording(tmp_path / "checkpoints", SUBJECT) as record:
        with serving(tmp_path, port):
            record.values(1, {"loss": 2.0})
            first = record.run_id
        record.values(2, {"loss": 1.5})
        with serving(tmp_path, port):
            record.values(3, {"loss": 1.0})
            record.deliver(tmp_path, [])
            (run,) = runs(identity_in(tmp_path))
            assert run.info.run_id == record.run_id == first
            assert run.info.status == "FINISHED"
            assert history(run, "loss") == [(1, 2.0), (2, 1.5), (3, 1.0)]


@contextlib.contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    """Run a real tracking server on loopback."""
    place = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), *place]
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            while not answers(port):
                assert process.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.2)
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def test_nothing_of_mlflow_is_imported_before_a_run_is_recorded() -> None:
    code = "import sys, avrsp.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
