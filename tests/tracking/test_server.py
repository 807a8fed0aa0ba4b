"""A server that is away, vanishes and returns stops no run and has all of it in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from avrsp import paths
from avrsp.tracking import JOURNAL, Record, journal, recording, relog_missing, server
from avrsp.tracking.journal import Event
from avrsp.tracking.server import grouped
from tests.tracking.conftest import (
    SUBJECT,
    a_run,
    free_port,
    history,
    identity_in,
    runs,
    serving,
)


def test_a_resumed_run_knows_its_id_while_the_server_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt), recording(tmp_path, SUBJECT, paths.current()) as first:
        raise KeyboardInterrupt
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with recording(tmp_path, SUBJECT, paths.current()) as second:
        assert second.run_id == first.run_id is not None


def test_an_absent_server_stops_nothing_and_gets_the_run_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
        identity = a_run(tmp_path / "checkpoints", tmp_path / "out")
        (said,) = capsys.readouterr().err.splitlines()
    assert "does not take the record" in said
    assert runs(identity) == []
    relog_missing([tmp_path / "out" / JOURNAL], paths.root())
    assert [run.info.status for run in runs(identity)] == ["FINISHED"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_vanishes_and_returns_has_the_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("avrsp.tracking.FORWARD_SECONDS", 0.0)
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    with recording(tmp_path / "checkpoints", SUBJECT, paths.current()) as record:
        with serving(tmp_path, port):
            record.values(1, {"loss": 2.0})
            first = record.run_id
        record.values(2, {"loss": 1.5})
        with serving(tmp_path, port):
            record.values(3, {"loss": 1.0})
            record.deliver(tmp_path, ["weights.safetensors"])
            record.register("tests-av", {"validation_loss": 0.25})
            (run,) = runs(identity_in(tmp_path))
            assert run.info.run_id == record.run_id == first
            assert run.info.status == "FINISHED"
            assert history(run, "loss") == [(1, 2.0), (2, 1.5), (3, 1.0)]
            client = server._client(server.address(paths.root()))
            (version,) = client.search_model_versions(f"run_id = '{first}'")
            assert version.tags == {"validation_loss": "0.25"}
    (stored,) = (tmp_path / "artifacts").rglob("weights.safetensors")
    assert stored.read_bytes() == b"weights"


def test_a_server_that_stays_away_is_asked_ever_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes, asked = 0, []

    def away(*_: Path) -> str:
        asked.append(minutes)
        raise ConnectionError("refused")

    monkeypatch.setattr(server, "forward", away)
    monkeypatch.setattr("avrsp.tracking.time.monotonic", lambda: 60.0 * minutes)
    journal.begin(tmp_path / JOURNAL, SUBJECT)
    record = Record(tmp_path / JOURNAL, paths.root())
    for minutes in range(180):
        record.values(minutes, {"loss": 1.0})
    assert asked == [0, 1, 3, 7, 15, 31, 63, 95, 127, 159]
    assert len(journal.read(tmp_path / JOURNAL)) == 181


def test_values_that_wait_are_told_in_few_requests() -> None:
    values: list[Event] = [{"event": "values", "step": step} for step in range(45)]
    waiting: list[Event] = [{"event": "start"}, *values]
    groups = list(grouped([*waiting, {"event": "status"}]))
    assert [len(group) for group in groups] == [1, 20, 20, 5, 1]
    assert [event for group in groups for event in group][:-1] == waiting
