"""No server, address or database, whatever it does, stops a run, and no password is shown."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from avrsp import paths
from avrsp.errors import AvrspError
from avrsp.tracking import JOURNAL, journal, relog_missing, server
from tests.tracking.conftest import SUBJECT, a_run, free_port, runs

PASSWORD = "s3cr3t-w0rd"


class Misbehaving(BaseHTTPRequestHandler):
    """Answers every request wrongly, in the way that its server's `kind` says."""

    def do_GET(self) -> None:
        kind, over = self.server.kind, self.server.over  # type: ignore[attr-defined]
        if kind in {"429", "503"}:
            self.answer(int(kind), b"", **{"Retry-After": "3600"})
        elif kind == "hang":
            over.wait()
        elif kind == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            while not over.wait(0.2):
                self.wfile.write(b" ")
        elif kind == "circle":
            self.answer(302, b"", Location=self.path)
        else:
            self.answer(200, {"odd": b'{"runs": 7, "experiment": []}', "none": b""}.get(kind, b"{"))

    do_POST = do_GET  # noqa: N815 - its name for http.server

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def misbehaving(kind: str) -> Iterator[int]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    http.daemon_threads, http.handle_error = True, lambda *_: None  # type: ignore[method-assign]
    http.kind, http.over = kind, threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield http.server_port
    finally:
        http.over.set()  # type: ignore[attr-defined]
        http.shutdown()
        thread.join()
        http.server_close()
        if server._working:
            server._working.join()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["429", "503", "hang", "drip", "circle", "odd", "none", "cut"])
@pytest.mark.slow
def test_a_run_goes_on_whatever_a_server_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "SERVER_SECONDS", 1.0)
    with misbehaving(kind) as port, monkeypatch.context() as away:
        away.setenv(server.ADDRESS, f"http://user:{PASSWORD}@127.0.0.1:{port}")
        identity = a_run(tmp_path / "checkpoints", tmp_path / "out")
        (line,) = capsys.readouterr().err.splitlines()
    assert f"avrsp: http://127.0.0.1:{port} does not take the record (" in line
    assert PASSWORD not in line + (tmp_path / "out" / JOURNAL).read_text()
    relog_missing([tmp_path / "out" / JOURNAL], paths.root())
    assert [run.info.status for run in runs(identity)] == ["FINISHED"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "uri",
    [
        "http://[::1",
        "http://",
        "http:/host",
        "nonsense",
        "nonsense://a:{0}@b",
        "http://user:{0}@127.0.0.1:999999",
        "http://user:{0}@127.0.0.1:port",
        "http://user:{0}/x@127.0.0.1:1",
        "sqlite:////proc/nowhere/all.db",
        "postgresql://user:{0}@127.0.0.1:1/db",
        "mysql+pymysql://user:{0}@127.0.0.1:1/db",
        "file:///proc/nowhere/all",
        "databricks://{0}",
        "\x1b[31mred",
    ],
)
def test_an_odd_address_is_one_line_with_the_way_out(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(server.ADDRESS, uri.format(PASSWORD))
    # MLflow tries a database for minutes, which the next test would wait for
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 0)
    monkeypatch.chdir(tmp_path)
    journal.begin(tmp_path / JOURNAL, SUBJECT)
    assert server.forwarded(tmp_path / JOURNAL, paths.root(), quietly=False) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert "start it, or correct MLFLOW_TRACKING_URI" in line
    assert PASSWORD not in line or "databricks" in uri
    assert "\x1b" not in line
    with pytest.raises(AvrspError, match="does not answer"):
        server.finished(paths.root(), "tests", "evaluate-v")


def test_a_deleted_experiment_is_named_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run(tmp_path / "checkpoints", tmp_path / "out")
    client = server._client(server.address(paths.root()))
    found = client.get_experiment_by_name("tests")
    assert found is not None
    client.delete_experiment(found.experiment_id)
    try:
        identity = a_run(tmp_path / "others", tmp_path / "next")
        (line,) = capsys.readouterr().err.splitlines()
        assert f"mlflow experiments restore --experiment-id {found.experiment_id}" in line
    finally:
        client.restore_experiment(found.experiment_id)
    relog_missing([tmp_path / "next" / JOURNAL], paths.root())
    assert len(runs(identity)) == 1


@pytest.mark.slow
def test_a_copied_workspace_never_writes_into_the_old_one(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run(tmp_path / "checkpoints", tmp_path / "out")
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(root / "mlflow.db", copy / "mlflow.db")
    (copy / "data").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(copy))
    before = {*(root / "mlartifacts").rglob("*")}
    a_run(tmp_path / "others", tmp_path / "next")
    (line,) = capsys.readouterr().err.splitlines()
    assert f"keeps its files in {root / 'mlartifacts'}" in line
    assert f"mv {copy / 'mlflow.db'}" in line
    assert {*(root / "mlartifacts").rglob("*")} == before
    (copy / "mlflow.db").rename(copy / "mlflow.db.moved")
    call = "import sys; from pathlib import Path; from avrsp import tracking as t; t.relog_missing"
    command = [
        sys.executable,
        "-c",
        f"{call}([Path(sys.argv[1])], Path(sys.argv[2]))",
        str(tmp_path / "next" / JOURNAL),
        str(copy),
    ]
    subprocess.run(
        command, check=True, cwd=Path(__file__).parents[2]
    )  # MLflow keeps databases open
    assert [path.name for path in (copy / "mlartifacts").rglob("model.json")] == ["model.json"]


def test_what_listens_but_is_no_server_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SERVER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        monkeypatch.setenv(server.ADDRESS, f"http://127.0.0.1:{silent.getsockname()[1]}")
        a_run(tmp_path / "checkpoints", tmp_path / "out")
    if server._working:
        server._working.join()
