"""Damage that a run may leave out is told to DVC, repaired by the next run, and leaves no trace."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import yaml  # noqa: TID251 - a test writes parameters

from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, Run, git, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STORES = "data/store/sample"


@pytest.fixture(scope="module")
def finished(clone: Path, run: Run) -> Path:
    shrink(clone, world=TINY_WORLD, sample=TINY_SAMPLE)
    file = clone / "params.yaml"
    content = yaml.safe_load(file.read_text())
    content["training"]["allow_missing"] = content["evaluation"]["allow_missing"] = True
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    git(clone, "commit", "--quiet", "--all", "--message", "Allow what is missing")
    run("dvc", "repro", "evaluate@v-1")
    return clone


def of_role(folder: Path, role: str) -> str:
    """Return `<dataset>/<name>` of a video of the audio-visual sets that has a role."""
    datasets = json.loads((folder / STORES / "manifest.json").read_text())["datasets"]
    del datasets["dhf1k"]
    videos = [each for entry in datasets.values() for each in entry["videos"]]
    own = next(each for each in videos if each["roles"]["1"] == role)
    return f"{own['dataset']}/{own['video']}"


def damage(folder: Path, video: str, array: str) -> bytes:
    """Change a byte of every block of an array; return the store's former content."""
    store = folder / STORES / f"{video}.zarr.zip"
    whole = store.read_bytes()
    content = bytearray(whole)
    with zipfile.ZipFile(store) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith(f"{array}/c/"):
                content[entry.header_offset + 30 + len(entry.filename) + 9] ^= 1
    store.write_bytes(content)
    return whole


def results(folder: Path, *names: str) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


@pytest.mark.parametrize(
    ("stage", "role", "array", "result"),
    [
        ("finetune-v@1", "train", "frames", "data/models/v-split1/weights.safetensors"),
        ("evaluate@v-1", "test", "density", "data/scores/v-split1.parquet"),
    ],
)
def test_the_next_run_repairs_and_repeats(
    finished: Path, run: Run, stage: str, role: str, array: str, result: str
) -> None:
    before = results(finished, result)
    video = of_role(finished, role)
    whole = damage(finished, video, array)
    run("dvc", "repro", "--force", "--single-item", stage)
    assert results(finished, result) != before
    step = stage.partition("@")[0]
    listed = json.loads((finished / f"data/left-out/sample/{step}.json").read_text())
    assert listed == {"v-split1": [video]}
    said = json.loads(run("dvc", "status", "--json").stdout)
    assert "preprocess" in said, said
    done = run("dvc", "repro", "evaluate@v-1")
    assert f"{video}.zarr.zip: damaged, and left out by a stage" in done.stdout + done.stderr
    assert (finished / STORES / f"{video}.zarr.zip").read_bytes() == whole
    assert results(finished, result) == before
    assert "preprocess" not in json.loads(run("dvc", "status", "--json").stdout or "{}")
    assert "are up to date" in run("dvc", "repro", "evaluate@v-1").stdout


def test_a_store_that_a_person_repairs_is_noticed_too(finished: Path, run: Run) -> None:
    video = of_role(finished, "train")
    result = "data/models/v-split1/weights.safetensors"
    before, whole = results(finished, result), damage(finished, video, "frames")
    run("dvc", "repro", "--force", "--single-item", "finetune-v@1")
    assert results(finished, result) != before
    (finished / STORES / f"{video}.zarr.zip").write_bytes(whole)
    run("dvc", "repro", "evaluate@v-1")
    assert results(finished, result) == before


def test_without_leave_the_stage_fails_and_goes_on_after_the_repair(
    finished: Path, run: Run
) -> None:
    file = finished / "params.yaml"
    file.write_text(file.read_text().replace("allow_missing: true", "allow_missing: false"))
    video = of_role(finished, "test")
    whole = damage(finished, video, "density")
    done = run("dvc", "repro", "--force", "--single-item", "evaluate@v-1", check=False)
    assert done.returncode != 0
    assert "not everything could be used (1, named above)" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (finished / STORES / f"{video}.zarr.zip").write_bytes(whole)
    run("dvc", "repro", "evaluate@v-1")
    rows = json.loads((finished / "reports/metrics/v-split1.json").read_text())
    assert rows["faults"] == []
