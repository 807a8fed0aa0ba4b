"""MLflow with its runs in PostgreSQL and its files on S3, each of which goes away for a while."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from avrsp import paths
from avrsp.tracking import JOURNAL, journal, recording, relog_missing, server
from tests.cluster import postgres, s3
from tests.cluster.slurm import wait_until
from tests.tracking.conftest import SUBJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = 30
TRAINING = f"""
import sys, time
from dataclasses import replace
from pathlib import Path
import avrsp.tracking as tracking
from avrsp.paths import Workspace
from tests.tracking.conftest import SUBJECT

tracking.FORWARD_SECONDS = 0.0
here = Path(sys.argv[1])
subject = replace(SUBJECT, name=here.name)
with tracking.recording(here / "states", subject, Workspace(here, here)) as record:
    for step in range(1, {STEPS} + 1):
        record.values(step, {{"loss": 1 / step}})
        (here / "step").write_text(str(step))
        time.sleep(0.5)
    (here / "weights.safetensors").write_text(here.name * 1000)
    record.deliver(here, ["weights.safetensors"])
    record.register(f"tests-{{here.name}}", {{"validation_loss": 0.25}})
"""


@dataclass
class Tracking:
    """A tracking server, which can be stopped and started, with its database and its S3."""

    folder: Path
    database: postgres.Database
    storage: s3.Server
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(self.port)]
        places = ["--backend-store-uri", self.database.address, "--workers", "1"]
        kept = ["--artifacts-destination", f"s3://{s3.BUCKET}/mlflow"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *places, *kept], stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.storage.variables},
            )  # fmt: skip
        wait_until(self.answers, 120, lambda: (self.folder / "server.log").read_text()[-3000:])

    def answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{self.address}/health", timeout=1) as reply,
        ):
            return bool(reply.status == 200)
        return False

    def stop(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    s3.skip_without()
    if postgres.programs() is None:
        pytest.skip("no PostgreSQL here, or not root: make cluster-tools")
    folder = tmp_path_factory.mktemp("tracking")
    with postgres.running() as database, s3.running(folder) as storage:
        found = Tracking(folder, database, storage, s3.free_port())
        found.start()
        try:
            yield found
        finally:
            found.stop()


@pytest.fixture(autouse=True)
def _here(tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".avrsp").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.address)


def runs(name: str) -> list[Any]:
    with server._muted():
        client = server._client(server.address(paths.root()))
        experiment = client.get_experiment_by_name("tests")
        assert experiment is not None
        wanted = f"attributes.run_name = '{name}'"
        return [*client.search_runs([experiment.experiment_id], wanted)]


def finished(here: Path) -> Any:
    """Send what still waits, as the report does, until the server has all of it; return the run."""

    def whole() -> bool:
        relog_missing([here / JOURNAL], paths.root())
        return [run.info.status for run in runs(here.name)] == ["FINISHED"]

    wait_until(whole, 200)
    (run,) = runs(here.name)
    return run


def test_nothing_is_lost_while_the_server_and_its_database_go_away(
    tracking: Tracking, tmp_path: Path
) -> None:
    people = [tmp_path / name for name in ("first", "second")]
    with contextlib.ExitStack() as stack:
        trainings = []
        for here in people:
            here.mkdir()
            log = stack.enter_context((here / "said.txt").open("w"))
            command = [sys.executable, "-c", TRAINING, str(here)]
            at = Path(__file__).parents[2]
            trainings.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=at))

        def both_at(step: int) -> bool:
            found = [here / "step" for here in people]
            return all(path.exists() and int(path.read_text() or 0) >= step for path in found)

        wait_until(lambda: both_at(4), 120)
        tracking.stop()
        wait_until(lambda: both_at(8), 120)
        tracking.start()
        tracking.database.stop()
        wait_until(lambda: both_at(14), 120)
        tracking.database.start()
        codes = [training.wait(timeout=300) for training in trainings]
    said = [(here / "said.txt").read_text() for here in people]
    assert codes == [0, 0], said
    client = server._client(server.address(paths.root()))
    for here in people:
        run = finished(here)
        history = client.get_metric_history(run.info.run_id, "loss")
        assert {metric.step: metric.value for metric in history} == {
            step: 1 / step for step in range(1, STEPS + 1)
        }
        kept = client.download_artifacts(run.info.run_id, "weights.safetensors", str(tmp_path))
        assert Path(kept).read_text() == here.name * 1000
        assert len(client.search_model_versions(f"name = 'tests-{here.name}'")) == 1


def test_a_deleted_experiment_is_restored_by_the_command_that_is_named(
    tracking: Tracking, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = server._client(server.address(paths.root()))
    found = client.get_experiment_by_name("tests") or client.get_experiment(
        client.create_experiment("tests")
    )
    client.delete_experiment(found.experiment_id)
    with recording(tmp_path / "states", SUBJECT, paths.current()) as record:
        record.values(1, {"loss": 1.0})
        record.deliver(tmp_path / "out", [])
    said = capsys.readouterr().err
    (command,) = set(re.findall(r"restore it: ([^,;]*--experiment-id \d+)", said))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(shlex.split(command), check=True, env=environment, capture_output=True)
    relog_missing([tmp_path / "out" / JOURNAL], paths.root())
    identity = journal.read(tmp_path / "out" / JOURNAL)[0]["identity"]
    kept = client.search_runs([found.experiment_id], f"tags.`avrsp.record` = '{identity}'")
    assert [run.info.status for run in kept] == ["FINISHED"]


def test_runs_go_to_the_server_from_a_workspace_that_was_moved(tmp_path: Path) -> None:
    """Files lie on S3, so no path of a workspace is part of an experiment."""
    states = tmp_path / "old" / "states"
    with recording(states, SUBJECT, paths.current()) as record:
        record.values(1, {"loss": 1.0})
        (tmp_path / "old" / "weights.safetensors").write_bytes(b"weights")
        (tmp_path / "old").rename(tmp_path / "new")
        record._path = tmp_path / "new" / "states" / JOURNAL
        record.deliver(tmp_path / "new", ["weights.safetensors"])
    client = server._client(server.address(paths.root()))
    assert record.run_id is not None
    names = [each.path for each in client.list_artifacts(record.run_id)]
    assert "weights.safetensors" in names
