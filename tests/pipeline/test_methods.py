"""The pipeline of the compared methods, some of them, on a tiny world: from training to tables."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, Run, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PIPELINE = "workflow/methods/dvc.yaml"


def test_methods_are_trained_scored_let_hear_and_shown(clone: Path, run: Run) -> None:
    shrink(clone, world=TINY_WORLD, sample=TINY_SAMPLE)
    run("dvc", "repro", "pool", "reliance")
    lists = clone / "workflow" / "methods"
    shutil.copy(lists / "all.yaml", lists / "chosen.yaml")
    wanted = [f"{PIPELINE}:{name}" for name in ("score@vinet-s-v-1", "reliance@stavis-av")]
    run("dvc", "repro", *wanted)
    run("python", "-m", "avrsp.stages.methods")
    home, reports = clone / "data" / "methods", clone / "reports" / "methods"
    for name in ("vinet-s-v", "stavis-v", "stavis-av"):
        facts = json.loads((home / name / "models" / f"{name}-split1" / "model.json").read_text())
        assert f"{facts['model']}-{'av' if facts['audio'] else 'v'}" == name
        assert facts["mlflow_run"]
        assert (reports / "training" / f"{name}-split1.json").is_file()
    assert not (home / "tased-v").exists()
    with (reports / "tables" / "table-i.csv").open() as lines:
        table = {(row["group"], row["method"]): row for row in csv.DictReader(lines)}
    for method in ("AVRSP(V)", "AVRSP(AV)", "ViNet-S(V)", "STAViS(V)", "STAViS(AV)"):
        row = table["this run", method]
        assert 0 < float(row["etmd_auc_judd"]) < 1
        assert row["source"] == "trained here"
    with (reports / "tables" / "hearing.csv").open() as lines:
        assert [row["Network"] for row in csv.DictReader(lines)] == ["AVRSP(AV)", "STAViS(AV)"]
    means = json.loads((reports / "metrics.json").read_text())
    assert means.keys() == {"vinet-s-v", "stavis-v", "stavis-av"}
    done = run("dvc", "repro", *wanted, "--dry")
    assert "Running stage" not in done.stdout  # all of it is up to date
