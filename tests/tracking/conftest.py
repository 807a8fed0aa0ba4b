"""A root with a database of its own, and what was recorded there."""

from __future__ import annotations

import contextlib
import os
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

from avrsp import paths
from avrsp.tracking import JOURNAL, Dataset, Subject, journal, recording, server

if TYPE_CHECKING:
    from mlflow.entities import Run  # noqa: TID251 - a test may look at what was recorded

SUBJECT = Subject(
    experiment="tests",
    pipeline="sample ravf 12ab",
    name="finetune-av split 1",
    parameters={"fusion": "ravf", "optimiser": {"factor": 0.5}},
    tags={"manifest": "cafe", "mlflow.source.git.commit": "f00"},
    datasets=(Dataset("diem", "training", "ab12", "data/store", {"videos": 3, "frames": 120}),),
    texts={"note.txt": "a note\n"},
)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One root, whose database takes seconds to create, for all tests of this folder."""
    return tmp_path_factory.mktemp("root")


@pytest.fixture(autouse=True)
def _here(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def runs(identity: str, name: str = "tests") -> list[Run]:
    with server._muted():
        client = server._client(server.address(paths.root()))
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
        found = client.search_runs(
            [experiment.experiment_id], f"tags.`avrsp.record` = '{identity}'"
        )
    return list(found)


def identity_in(folder: Path) -> str:
    return str(journal.read(folder / JOURNAL)[0]["identity"])


def history(run: Run, name: str) -> list[tuple[int, float]]:
    found = server._client(server.address(paths.root())).get_metric_history(run.info.run_id, name)
    return [(metric.step, metric.value) for metric in found]


def artifact(run: Run, name: str) -> Path:
    assert run.info.artifact_uri is not None
    return Path(run.info.artifact_uri.removeprefix("file://"), name)


def a_run(checkpoints: Path, out: Path) -> str:
    """Record a run of two epochs and return its identity."""
    out.mkdir(parents=True)
    (out / "model.json").write_text("{}")
    with recording(checkpoints, SUBJECT, paths.current()) as record:
        record.values(1, {"loss": 2.0})
        record.values(2, {"loss": 1.5})
        record.deliver(out, ["model.json"])
    return identity_in(out)


@contextlib.contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    """Run a real tracking server on loopback."""
    place = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--workers", "1"]
    kept = ["--artifacts-destination", str(folder / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), *place, *kept]
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
