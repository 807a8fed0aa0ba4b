"""Processes that score beside each other give the rows that one gives, and wait for a file."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from avrsp import workers
from avrsp.evaluate.jobs import default_workers, map_job
from avrsp.evaluate.run import evaluate
from avrsp.processes import only_one
from avrsp.store.manifest import Verdict


def threads(_: int) -> int:
    return torch.get_num_threads()


def test_one_process_uses_one_thread_while_it_scores() -> None:
    torch.set_num_threads(3)
    try:
        assert list(workers.map_in_workers(threads, [1, 2], 1)) == [1, 1]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)


def test_processes_give_the_rows_and_faults_of_one(
    tmp_path: Path, three_videos: list[Verdict], capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "maps" / "avad" / "c.zarr.zip").write_bytes(b"text")
    stores = [tmp_path / "store" / "avad" / f"{each.video}.zarr.zip" for each in three_videos]
    jobs = [map_job(tmp_path / "maps", ("avad", each.stem[0], each), ("av", 1)) for each in stores]
    found: dict[int, Any] = {}
    for number in (1, 2):
        out = tmp_path / f"{number}.parquet"
        found[number] = (evaluate(jobs, out, ("avrsp",), workers=number), out.read_bytes())
    assert found[1] == found[2]
    assert "avad/c: " in found[2][0].faults[0]
    assert "2 processes, one thread each" in capfd.readouterr().err


def test_a_network_on_a_gpu_or_of_large_windows_uses_no_further_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "available_threads", lambda: 4)
    assert workers.network_workers("cuda", 8 * 96 * 128, 10) == 0
    assert workers.network_workers("cpu", 32 * 224 * 384, 10) == 0
    assert workers.network_workers("cpu", 8 * 96 * 128, 3) == 3
    monkeypatch.setattr(workers, "NETWORK_BYTES", 10**15)
    assert workers.network_workers("cpu", 8 * 96 * 128, 3) == 1


def test_little_work_starts_no_process(tmp_path: Path, three_videos: list[Verdict]) -> None:
    stores = [tmp_path / "store" / "avad" / f"{each.video}.zarr.zip" for each in three_videos]
    assert default_workers(stores, 1) == 1


def test_a_second_evaluation_into_one_file_waits_and_says_so(
    tmp_path: Path, three_videos: list[Verdict], capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.parquet"
    stores = [tmp_path / "store" / "avad" / f"{each.video}.zarr.zip" for each in three_videos]
    jobs = [map_job(tmp_path / "maps", ("avad", each.stem[0], each), ("av", 1)) for each in stores]
    first = threading.Thread(target=evaluate, args=(jobs, out, ("avrsp",)))
    with only_one(tmp_path / ".rows.parquet.lock", 0, RuntimeError, print):
        first.start()
        time.sleep(1)
        assert not out.exists()
        assert "is evaluating into it; waiting" in capfd.readouterr().err
    first.join(30)
    assert out.exists()
    assert not list(tmp_path.glob(".rows*"))
