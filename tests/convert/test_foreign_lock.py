"""The lock of a preprocessing on another machine is never removed; the line says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "workflow/scripts/preprocess.py"


@pytest.mark.parametrize("host", ["another-host", os.uname().nodename])
def test_whose_process_may_live_keeps_its_lock(host: str, tmp_path: Path) -> None:
    lock = tmp_path / ".snakemake" / "locks" / "0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    started = Path(f"/proc/{os.getpid()}").stat().st_ctime
    owner = {"host": host, "process": os.getpid(), "started": started}
    (tmp_path / ".snakemake" / "owner.json").write_text(json.dumps(owner))
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    done = subprocess.run(
        [sys.executable, SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"Snakemake (process {os.getpid()} on {host}) works in this folder" in line
    assert line.endswith("if it has ended on another machine: snakemake --unlock")
    assert lock.exists()
