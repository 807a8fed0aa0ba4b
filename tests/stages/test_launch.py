"""A stage that starts itself anew in several processes, and ends as they do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from avrsp.errors import EXIT_INTERRUPTED, ParamsError
from avrsp.stages.launch import NODES, PROCESSES, launched

PROGRAM = """
import os, sys, time
from pathlib import Path
from avrsp.train.signals import noticing
from avrsp.errors import AvrspError, exits_cleanly
from avrsp.stages.launch import launched

@exits_cleanly
@launched
def main():
    rank, count = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if sys.argv[1] == "fail":
        raise AvrspError("this cannot be done")
    with noticing() as asked:
        Path(f"ready-{rank}-of-{count}").touch()
        while not asked():
            time.sleep(0.02)
    Path(f"saved-{rank}").touch()
    raise KeyboardInterrupt

main()
"""


def started(
    folder: Path, word: str, module: str = "program", processes: int = 2, **variables: str
) -> subprocess.Popen[str]:
    (folder / "program.py").write_text(PROGRAM)
    (folder / "tmp").mkdir()
    path = f"{folder}:{Path(__file__).parents[2]}"
    own = {PROCESSES: str(processes), "PYTHONPATH": path, "TMPDIR": str(folder / "tmp")}
    environment = {**os.environ, **own, **variables}
    return subprocess.Popen(
        [sys.executable, "-m", module, word],
        cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_every_process_save(tmp_path: Path, number: signal.Signals) -> None:
    process = started(tmp_path, "wait")
    while len([*tmp_path.glob("ready-?-of-2")]) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=150)
    assert process.returncode == EXIT_INTERRUPTED, said
    assert {path.name for path in tmp_path.glob("saved-*")} == {"saved-0", "saved-1"}
    assert "Traceback" not in said


PARENT = """
import signal, subprocess, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup would let the tests ignore it
shell = subprocess.Popen(["sh", "-c", " ".join([sys.executable, "-m program wait"]) + "; exit $?"])
shell.wait()
"""
"""What DVC is to a stage, with a shell between the two."""


def alive(folder: Path) -> list[str]:
    """Return the command lines of the processes that work in `folder`."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_stage_saves_and_ends_when_what_started_it_has_ended(
    tmp_path: Path, count: int, number: signal.Signals
) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    process = started(tmp_path, "wait", "parent", processes=count, DVC_STAGE="pretrain")
    wait_until(lambda: len([*tmp_path.glob("ready-*")]) == count)
    process.send_signal(number)
    wait_until(lambda: not alive(tmp_path))
    assert len([*tmp_path.glob("saved-*")]) == count
    assert not [*(tmp_path / "tmp").iterdir()]
    process.communicate()


@pytest.mark.slow
def test_no_rank_outlives_its_launcher(tmp_path: Path) -> None:
    process = started(tmp_path, "wait")
    wait_until(lambda: len([*tmp_path.glob("ready-?-of-2")]) == 2)
    process.kill()
    wait_until(lambda: not alive(tmp_path))
    assert {path.name for path in tmp_path.glob("saved-*")} == {"saved-0", "saved-1"}
    assert not [*(tmp_path / "tmp").iterdir()]
    process.communicate()


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_fault_is_said_without_the_launchers_traceback(tmp_path: Path) -> None:
    process = started(tmp_path, "fail")
    _, said = process.communicate(timeout=150)
    assert process.returncode == 1
    assert set(said.splitlines()) == {"avrsp: this cannot be done"}


def test_one_process_needs_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    for said in ("", "1"):
        monkeypatch.setenv(PROCESSES, said)
        launched(lambda: ran.append(1))()
    assert len(ran) == 2


@pytest.mark.parametrize("said", ["0", "many", "-1", "2.5"])
def test_a_wrong_number_of_processes_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(PROCESSES, said)
    with pytest.raises(ParamsError, match=f"AVRSP_PROCESSES: found '{said}'"):
        launched(lambda: None)()


SRUN = """#!/usr/bin/env bash
echo "$@" > step
while [[ $1 == --* ]]; do [[ $1 == --cpus-per-task ]] && shift; shift; done
nodes=()
for node in 1 2; do "$@" & nodes+=($!); done
trap 'kill -TERM "${nodes[@]}"' TERM
worst=0
for node in "${nodes[@]}"; do
  while kill -0 "$node" 2>/dev/null; do wait "$node"; done
  wait "$node"; code=$?
  (( code > worst )) && worst=$code
done
exit $worst
"""
"""Slurm with two nodes on this machine."""


def with_srun(folder: Path) -> dict[str, str]:
    """Return the environment of a job of Slurm with two nodes."""
    (folder / "bin").mkdir()
    (folder / "bin" / "srun").write_text(SRUN)
    (folder / "bin" / "srun").chmod(0o755)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {NODES: "2", "PATH": path, "SLURM_CPUS_PER_TASK": "16", "GLOO_SOCKET_IFNAME": "lo"}


@pytest.mark.slow
def test_every_process_of_every_node_saves(tmp_path: Path) -> None:
    process = started(tmp_path, "wait", processes=1, **with_srun(tmp_path))
    wait_until(lambda: len([*tmp_path.glob("ready-?-of-2")]) == 2)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=150)
    assert process.returncode == EXIT_INTERRUPTED, said
    assert {path.name for path in tmp_path.glob("saved-*")} == {"saved-0", "saved-1"}
    assert "Traceback" not in said
    options = (tmp_path / "step").read_text()
    assert options.startswith("--nodes=2 --ntasks-per-node=1 --kill-on-bad-exit=1")
    assert "--cpus-per-task 16" in options


@pytest.mark.slow
def test_a_fault_on_a_node_ends_the_stage(tmp_path: Path) -> None:
    process = started(tmp_path, "fail", processes=1, **with_srun(tmp_path))
    _, said = process.communicate(timeout=150)
    assert process.returncode == 1
    assert "avrsp: this cannot be done" in said.splitlines()  # a node may notice the other's end


def test_nodes_need_a_job_of_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(NODES, "2")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ParamsError, match="expected a job of Slurm"):
        launched(lambda: None)()
