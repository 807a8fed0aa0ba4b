"""The core installs and works in an environment without the extras."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = """
import importlib.util
absent = [each for each in ("dvc", "mlflow", "snakemake") if importlib.util.find_spec(each)]
assert absent == [], absent
import numpy as np
import avrsp
rng = np.random.default_rng(0)
density, fixated = rng.random((12, 16)), rng.random((12, 16)) > 0.9
assert abs(avrsp.metrics.cc(density, density) - 1) < 1e-9
assert avrsp.metrics.nss(density, fixated) is not None
assert "avrsp" in avrsp.models.names()
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_core_scores_a_map_in_an_environment_of_its_own(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    shutil.copytree(ROOT / "avrsp", source / "avrsp", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pins = ["--constraint", str(ROOT / "requirements.lock")]  # else the newest torch, for GPUs
    subprocess.run([*pip, *pins, str(source)], check=True)
    subprocess.run([python, "-c", PROGRAM], check=True, cwd=tmp_path)
    said = subprocess.run(
        [tmp_path / "venv" / "bin" / "avrsp", "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert "evaluate" in said
