"""A preprocessing that was killed goes on by itself; one that lives is left alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from avrsp.convert import snakemake_lock
from tests.pipeline.conftest import Run, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WORLD: dict[str, Any] = {
    "height": 96,
    "width": 128,
    "frames": [20, 26],
    "videos": {"diem": 3, "coutrot1": 3, "coutrot2": 3, "avad": 3, "etmd": 3, "summe": 3},
    "unheard": {"height": 72, "train": 2, "validation": 1, "test": 1},
}
SCRIPT = "workflow/scripts/preprocess.py"


@pytest.fixture(scope="module")
def small(clone: Path) -> Path:
    shrink(clone, world=WORLD, sample={"clip": {"length": 8, "height": 32, "width": 32}})
    return clone


def started(folder: Path, *command: str, **variables: str) -> subprocess.Popen[bytes]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder), **variables}
    with (folder / "said.txt").open("wb") as log:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def at_work(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in `folder`."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(holds: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def jobs(folder: Path) -> list[Path]:
    return [*folder.glob("logs/world/*.log"), *folder.glob("logs/store/*/*.log")]


def kill_all(folder: Path, process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_snakemake(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Kill Snakemake alone: its jobs must notice."""
    owner = json.loads((folder / ".snakemake" / "owner.json").read_text())
    os.kill(owner["process"], signal.SIGKILL)


def kill_starter(_: Path, process: subprocess.Popen[bytes]) -> None:
    process.kill()


def ask_starter(_: Path, process: subprocess.Popen[bytes]) -> None:
    process.terminate()


def hang_up(_: Path, process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGHUP)


@pytest.mark.parametrize("end", [kill_all, kill_snakemake, kill_starter, ask_starter, hang_up])
def test_it_goes_on_by_itself(
    small: Path, run: Run, end: Callable[[Path, subprocess.Popen[bytes]], None]
) -> None:
    run("rm", "-rf", "data/raw", "data/store", "logs", ".snakemake")
    with started(small, sys.executable, SCRIPT, DVC_STAGE="preprocess") as process:
        wait_until(lambda: jobs(small))
        end(small, process)
        process.wait()
        wait_until(lambda: not at_work(small))
    done = run(sys.executable, SCRIPT)
    assert "Traceback" not in done.stdout + done.stderr
    assert (small / "data/store/sample/manifest.json").exists()
    assert not [*(small / "data").rglob(".tmp-*")]
    assert not snakemake_lock.is_locked(small)


def test_a_living_one_is_left_alone(small: Path, run: Run) -> None:
    run("rm", "-rf", "data/raw", "data/store", "logs", ".snakemake")
    with started(small, "snakemake", "--cores", "1", "preprocess") as process:
        wait_until(lambda: jobs(small))
        done = run(sys.executable, SCRIPT, check=False)
        assert done.returncode == 1
        lines = (done.stdout + done.stderr).splitlines()
        assert lines == [line for line in lines if f"process {process.pid} on" in line]
        assert snakemake_lock.is_locked(small)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    run(sys.executable, SCRIPT)
