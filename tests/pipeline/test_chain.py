"""The whole chain on a small world, by the commands that people type."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from avrsp.files import SEAL
from tests.pipeline.conftest import Run, git, shrink
from tests.pipeline.recompute import disagreements, from_csv

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SETS = {"diem": 6, "coutrot1": 6, "coutrot2": 6, "avad": 6, "etmd": 6, "summe": 6}
WORLD = {
    "frames": [40, 44],
    "videos": SETS,
    "unheard": {"height": 180, "train": 3, "validation": 2, "test": 1},
}
SAMPLE = {
    "clip": {"length": 8},
    "encoder": {"width": 0.0625},
    "pretrain": {"epochs": 2},
    "finetune": {"epochs": 2},
}

AFTER_FUSION = (
    *("check", "finetune-av@1", "predict@av-1", "evaluate@av-1", "pool", "reliance", "report"),
)


@pytest.fixture(scope="module")
def finished(clone: Path, run: Run) -> Path:
    shrink(clone, world=WORLD, sample=SAMPLE)
    run("dvc", "repro")
    return clone


def test_reports_hold_finite_numbers_of_every_dataset(finished: Path) -> None:
    for name in ("v-split1", "av-split1", "centre-prior-split1"):
        summary = json.loads((finished / "reports" / "metrics" / f"{name}.json").read_text())
        assert sorted(summary["datasets"]) == sorted(SETS)
        assert all(scores["cc"] is not None for scores in summary["datasets"].values())
    page = (finished / "reports" / "index.html").read_text()
    assert "not run" not in page.split("<table", 1)[1].split("</table>", 1)[0]
    rows = pd.read_parquet(finished / "data" / "scores" / "av-split1.parquet")
    assert rows["cc"].between(-1, 1).all()


def test_results_that_are_read_again_have_a_digest_of_their_own(finished: Path) -> None:
    places = ("metrics/av-split1", "pooled/av", "pooled/centre-prior", "reliance")
    for place in places:
        assert SEAL in json.loads((finished / "reports" / f"{place}.json").read_text())


def test_every_number_of_the_tables_follows_from_the_rows_of_frames(finished: Path) -> None:
    assert not disagreements(finished)
    assert len(from_csv(finished, "table-i")) >= 5 * 3 * 4  # methods, datasets, metrics


def test_the_tutorial_runs(finished: Path, run: Run) -> None:
    """The notebook, from beginning to end, on what this chain has made."""
    notebook = finished / "docs" / "tutorial.ipynb"
    run("jupyter-execute", "--inplace", str(notebook))
    outputs = [
        output
        for cell in json.loads(notebook.read_text())["cells"]
        for output in cell.get("outputs", ())
    ]
    said = "".join("".join(output.get("text", ())) for output in outputs)
    assert "model     CC " in said
    assert "the sound moves " in said
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 4


def test_a_second_run_runs_nothing(finished: Path, run: Run) -> None:
    assert "Data and pipelines are up to date" in run("dvc", "repro").stdout
    assert run("dvc", "status").stdout == "Data and pipelines are up to date.\n"
    said = run("snakemake", "--cores", "all", "preprocess")
    assert "Nothing to be done" in said.stdout + said.stderr
    assert "profiles/default" in said.stdout + said.stderr
    assert finished.exists()


def test_dvc_shows_metrics_and_the_graph(finished: Path, run: Run) -> None:
    shown = run("dvc", "metrics", "show").stdout
    assert "metrics.json" in shown
    assert "av.cc" in shown
    assert not [
        each for each in shown.splitlines()[1:] if not each.startswith("reports/metrics.json")
    ]
    assert "finetune-av@1" in run("dvc", "dag").stdout
    run("dvc", "plots", "show", "--out", str(finished / "plots"))
    assert (finished / "plots" / "index.html").exists()


def test_a_wrong_fusion_fails_at_once_in_one_line(finished: Path, run: Run) -> None:
    git(finished, "add", "--all")
    git(finished, "commit", "--quiet", "--allow-empty", "--message", "Keep the lock")
    done = run("dvc", "exp", "run", "-S", "fusion=nonsense", check=False)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert said.count("avrsp: params.yaml: fusion: found 'nonsense', expected 'visual'") == 1
    assert "Traceback" not in said
    assert "preprocess" not in said.split("avrsp: params.yaml")[0]
    git(finished, "restore", "params.yaml")


def test_another_fusion_repeats_only_what_depends_on_it(finished: Path, run: Run) -> None:
    done = run("dvc", "exp", "run", "-S", "fusion=mbt")
    ran = {line for line in done.stdout.splitlines() if line.startswith("Running stage")}
    assert ran == {f"Running stage '{stage}':" for stage in AFTER_FUSION}
    assert "mbt" in (finished / "data" / "models" / "av-split1" / "model.json").read_text()


def test_a_store_that_is_gone_is_named_with_the_command_that_makes_it(
    finished: Path, run: Run
) -> None:
    listed = json.loads((finished / "data" / "videos" / "test-split1.json").read_text())
    name = listed["datasets"]["avad"]["videos"][0]["video"]
    gone = finished / "data" / "store" / "sample" / "avad" / f"{name}.zarr.zip"
    kept = gone.read_bytes()
    gone.unlink()
    done = run("python", "-m", "avrsp.stages.predict", "v", "--split", "1", check=False)
    assert done.returncode == 1
    assert gone.name in done.stderr
    assert "snakemake --cores all preprocess" in done.stderr
    assert "Traceback" not in done.stderr
    run("snakemake", "--cores", "all", "preprocess")
    assert gone.read_bytes() == kept
