"""A clone pushes its results to S3, another one pulls them and has nothing left to run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import s3
from tests.cluster.conftest import choose_motion, ran
from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, cloned, git, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

EXPERIMENT = "few-resamples"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Server]:
    s3.skip_without()
    with s3.running(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture(scope="module")
def pushed(server: s3.Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared repository of a clone that ran the chain and an experiment, and pushed both."""
    top = tmp_path_factory.mktemp("people")
    first, shared = cloned(top / "first"), top / "shared.git"
    choose_motion(first)
    shrink(first, world=TINY_WORLD, sample=TINY_SAMPLE)
    ran(first, "git", "init", "--quiet", "--bare", "--initial-branch", "main", str(shared))
    ran(first, "git", "remote", "add", "origin", str(shared))
    ran(first, "dvc", "remote", "add", "--default", "lab", f"s3://{s3.BUCKET}/dvc")
    ran(first, "dvc", "remote", "modify", "lab", "endpointurl", server.address)
    ran(first, "dvc", "repro")
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message", "Keep the lock and the remote")
    ran(first, "git", "push", "--quiet", "origin", "main")
    ran(first, "dvc", "push", **server.variables)
    run = ["dvc", "exp", "run", "-n", EXPERIMENT, "-S", "evaluation.resamples=50", "pool"]
    ran(first, *run)
    ran(first, "dvc", "exp", "push", "origin", EXPERIMENT, **server.variables)
    return shared


@pytest.fixture(scope="module")
def second(pushed: Path, server: s3.Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = tmp_path_factory.mktemp("people") / "second"
    ran(pushed, "git", "clone", "--quiet", str(pushed), str(clone))
    ran(clone, "dvc", "pull", **server.variables)
    return clone


def test_models_and_scores_come_and_raw_data_does_not(second: Path) -> None:
    for name in ("data/models/v-split1/weights.safetensors", "data/scores/v-split1.parquet"):
        assert (second / name).stat().st_size > 0
    assert (second / "reports/index.html").exists()
    assert not (second / "data/raw").exists()
    assert not [*(second / "data/store").rglob("*.zarr.zip")]


def test_nothing_is_left_to_run(second: Path) -> None:
    assert "Data and pipelines are up to date" in ran(second, "dvc", "repro")


def test_an_experiment_of_the_other_clone_comes(second: Path, server: s3.Server) -> None:
    ran(second, "dvc", "exp", "pull", "origin", EXPERIMENT, **server.variables)
    shown = json.loads(ran(second, "dvc", "exp", "show", "--json"))
    found = [each["revs"][0] for entry in shown for each in entry["experiments"] or []]
    (experiment,) = (each for each in found if each["name"] == EXPERIMENT)
    values = experiment["data"]["params"]["params.yaml"]["data"]
    assert values["evaluation"]["resamples"] == 50
    assert experiment["data"]["metrics"]["reports/metrics.json"]["data"]
