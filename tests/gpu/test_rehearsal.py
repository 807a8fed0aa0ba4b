"""The script for GPUs runs to its end on a CPU, so that a GPU's time is not lost to a slip."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_script_runs_to_its_end_and_every_part_has_a_value(tmp_path: Path) -> None:
    script = ROOT / "tests" / "benchmarks" / "gpu.sh"
    limited = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(script), str(tmp_path), "--rehearse"],
        check=False,
        env=limited,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "gpu.json").read_text())["results"]
    assert {each["part"].partition(",")[0] for each in results} == {
        "training", "prediction", "file to overlay", "metrics", "loading"
    }  # fmt: skip
    assert all(each["value"] > 0 for each in results)
    assert (tmp_path / "gpu.md").read_text().count("\n| ") == len(results) + 1
    assert "<testsuite" in (tmp_path / "tests.xml").read_text()
