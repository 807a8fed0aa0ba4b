"""The process that workers are forked from: heard of by no one, and no one's traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from avrsp import forkserver

INTERRUPTED = """
import os, signal, time
from avrsp import forkserver

if __name__ == "__main__":
    forkserver.start("slow")
    while not os.path.exists("begun"):
        time.sleep(0.01)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.killpg(0, signal.SIGINT)
    while not os.path.exists("imported"):
        time.sleep(0.01)
"""

SLOW = """
import time
open("begun", "w").close()
time.sleep(0.5)
open("imported", "w").close()
"""

POOLED = """
from avrsp import forkserver
from avrsp.errors import AvrspError

if __name__ == "__main__":
    forkserver.head_start("json")
    try:
        with forkserver.pool(1, ["json"]) as pool:
            print(pool.submit(abs, -1).result())
    except AvrspError as error:
        print(error)
"""


def ran(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(script)
    here = f"{folder}:{Path(__file__).parents[1]}"
    given = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": here, **variables}
    command = [sys.executable, str(path)]
    return subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, timeout=60,
        check=False, start_new_session=True,
    )  # fmt: skip


def test_ctrl_c_during_its_imports_is_not_heard(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    done = ran(INTERRUPTED, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_where_no_socket_can_be_made_a_line_says_so(tmp_path: Path) -> None:
    assert ran(POOLED, tmp_path).stdout == "1\n"
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    done = ran(POOLED, tmp_path, TMPDIR=str(deep))
    assert done.stderr == ""
    assert "AF_UNIX path too long" in done.stdout
    assert "let TMPDIR name a folder with a short path" in done.stdout


def test_with_one_thread_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(forkserver, "start", started.append)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    forkserver.head_start("json")
    assert started == []
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    forkserver.head_start("json")
    assert started == ["json"]
