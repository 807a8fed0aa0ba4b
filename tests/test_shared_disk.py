"""On a disk that hosts share, each removes what its own killed processes left, no other's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest

from avrsp import files
from avrsp.prediction.exports import write_png
from avrsp.processes import temporary_folder

KILLED = """
import os, signal, sys
from pathlib import Path

known = os.uname()
os.uname = lambda: type(known)((known.sysname, sys.argv[2] or known.nodename, *known[2:]))

from avrsp import files
from avrsp.prediction.exports import write_png
from avrsp.processes import temporary_folder

def maps():
    os.kill(os.getpid(), signal.SIGKILL)
    yield

top = Path(sys.argv[1])
with temporary_folder(), files.replacing(top / "result.txt"):
    write_png(top / "maps", maps(), None)
"""


@pytest.mark.parametrize(("host", "left"), [("", 0), ("other", 3)])
def test_only_a_process_of_this_host_is_known_to_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, left: int
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), host]
    done = subprocess.run(command, env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    assert done.returncode == -signal.SIGKILL
    before = {*tmp_path.iterdir()}
    assert len(before) == 3
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary_folder():
        files.write_text(tmp_path / "result.txt", "whole")
        write_png(tmp_path / "maps", cast("Any", []), cast("Any", None))
    assert len(before & {*tmp_path.iterdir()}) == left
    assert len({*tmp_path.iterdir()} - before) == 2
