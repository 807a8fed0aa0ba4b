"""A damaged line of a journal loses that line only, and never stops a training."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from avrsp import paths
from avrsp.tracking import JOURNAL, journal, recording
from tests.tracking.conftest import SUBJECT, a_run, history, identity_in, runs

LINES = 4


def write(path: Path) -> list[bytes]:
    journal.begin(path, SUBJECT)
    for step in range(1, LINES):
        journal.append(path, event="values", series="epoch", step=step, values={"loss": 1 / step})
    return path.read_bytes().splitlines(keepends=True)


def nuls(line: bytes) -> bytes:
    return bytes(len(line) - 1) + b"\n"


def cut(line: bytes) -> bytes:
    return line[: len(line) // 2] + b"\n"


def flipped(line: bytes) -> bytes:
    middle = len(line) // 2
    return line[:middle] + bytes([line[middle] ^ 4]) + line[middle + 1 :]


@pytest.mark.parametrize("number", range(LINES))
@pytest.mark.parametrize("harm", [nuls, cut, flipped, lambda _: b"[]\n", lambda _: b"\xff\n"])
def test_a_damaged_line_loses_itself_only(
    tmp_path: Path, number: int, harm: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / JOURNAL
    lines = write(path)
    whole = journal.read(path)
    lines[number] = harm(lines[number])
    path.write_bytes(b"".join(lines))
    found = journal.read(path)
    assert [found[place] == whole[place] for place in range(LINES)] == [
        place != number for place in range(LINES)
    ]
    journal.append(path, event="status", status="RUNNING")
    assert len(journal.read(path)) == LINES + 1


def test_nul_bytes_at_the_end_or_before_a_line_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    write(path)
    whole = journal.read(path)
    path.write_bytes(path.read_bytes() + bytes(300))
    journal.append(path, event="status", status="RUNNING")
    assert journal.read(path)[:LINES] == whole
    assert len(journal.read(path)) == LINES + 1


def test_no_mutation_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avrsp.tracking.server.forwarded", lambda *_, **__: None)
    monkeypatch.setattr("avrsp.tracking.SystemMonitor", lambda _: None)
    monkeypatch.setattr("avrsp.tracking.machine.described", lambda _: ({}, {}))
    path, rng = tmp_path / JOURNAL, random.Random(0)
    whole = b"".join(write(path))
    for _ in range(200):
        content = bytearray(whole)
        start = rng.randrange(len(content))
        content[start : start + rng.choice([1, 1, 30, 5000])] = rng.randbytes(rng.choice([0, 1, 9]))
        path.write_bytes(content)
        with recording(tmp_path, SUBJECT, paths.current()) as record:
            record.values(9, {"loss": 0.5})
        events = journal.read(path)
        assert journal.is_whole(events)
        assert events[-1]["values"] == {"loss": 0.5} or events[-2]["values"] == {"loss": 0.5}


def test_a_run_whose_first_line_was_damaged_goes_on_as_the_same_run(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        recording(tmp_path / "checkpoints", SUBJECT, paths.current()) as record,
    ):
        record.values(1, {"loss": 2.0})
        raise KeyboardInterrupt
    identity = identity_in(tmp_path / "checkpoints")
    path = tmp_path / "checkpoints" / JOURNAL
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([nuls(first), *others]))
    assert a_run(tmp_path / "checkpoints", tmp_path / "out") == identity
    (run,) = runs(identity)
    assert run.info.status == "FINISHED"
    assert history(run, "loss") == [(1, 2.0), (2, 1.5)]
