"""One process does a piece of work at a time, and a dead one holds nothing up."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avrsp.errors import AvrspError
from avrsp.processes import only_one, temporary_folder

REUSED = """
import resource, sys
import numpy as np
from avrsp.processes import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(64 << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = [faults(), faults()][-1]
keep_freed_memory()
sys.stdout.write(f"{given_back} {[faults(), faults()][-1]}")
"""

HOLD = """
import sys, time
from pathlib import Path
from avrsp.processes import only_one, temporary_folder
path = Path(sys.argv[1])
with temporary_folder() as folder, only_one(path, 0, RuntimeError, print):
    (folder / "left").touch()
    path.with_name("held").touch()
    time.sleep(600)
"""


def held(who: str) -> AvrspError:
    return AvrspError(f"{who} has it")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds `work/lock`, and the same folder for temporary files."""
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "work" / "lock")]
    with subprocess.Popen(command, env=environment) as process:
        while not (tmp_path / "work" / "held").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield process
        process.kill()


def test_a_second_process_says_who_holds_the_lock(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    said: list[str] = []
    with (
        pytest.raises(AvrspError, match=f"process {holder.pid} on .* has it"),
        only_one(tmp_path / "work" / "lock", 0.3, held, said.append),
    ):
        pass
    assert said == [f"process {holder.pid} on {os.uname().nodename}"]


def test_a_killed_process_holds_nothing(
    tmp_path: Path, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len([*(tmp_path / "tmp").rglob("left")]) == 1
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    with temporary_folder(), only_one(tmp_path / "work" / "lock", 0, held, print):
        assert not [*(tmp_path / "tmp").rglob("left")]
        shutil.rmtree(tmp_path / "work")
    with only_one(tmp_path / "work" / "lock", 0, held, print):
        pass
    assert not [*(tmp_path / "tmp").iterdir()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another libc has no such setting")
def test_a_large_block_that_was_freed_is_used_again() -> None:
    small_pages = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", REUSED], capture_output=True, text=True, check=True, env=small_pages
    )
    given_back, kept = map(int, done.stdout.split())
    assert given_back > 10_000
    assert kept < 100
