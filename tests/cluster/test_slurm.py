"""The workflow on a real Slurm of two nodes: conversion, time limits, experiments, dying nodes."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import PAUSE, choose_motion, environment, ran
from tests.cluster.slurm import Slurm, variables, wait_until
from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, cloned, git, shrink

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        not os.environ.get("AVRSP_SLURM"),
        reason="a Slurm of two nodes takes a quarter of an hour; `make test-slurm` starts it",
    ),
]

EPOCHS = 100
# pretrain trains on two videos: one step an epoch
LONG = {"epochs": EPOCHS, "clips_per_video": 1, "validation_clips": 1}
"""As many steps, each of which takes as long as `PAUSE` says."""

WEIGHTS = "data/models/pretrain/weights.safetensors"
MANIFEST = "data/store/sample/manifest.json"
START_SECONDS = 15
"""From a job's start to training's first step, on a machine without other work."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a tiny world and a network that waits in each step, not yet converted."""
    clone = cloned(tmp_path_factory.mktemp("place"))
    choose_motion(clone)
    shrink(clone, world=TINY_WORLD, sample={**TINY_SAMPLE, "pretrain": LONG})
    return clone


@pytest.fixture(scope="module")
def other(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the same, in which the same commands run without a cluster."""
    clone = tmp_path_factory.mktemp("expected") / "clone"
    shutil.copytree(place, clone)
    ran(clone, "dvc", "repro", "preprocess")
    return clone


@pytest.fixture
def converted(place: Path, other: Path) -> Path:
    """The clone that runs on the cluster, with the stores of the other one if it has none."""
    if not (place / MANIFEST).exists():
        subprocess.run(["cp", "-a", f"{other}/.", str(place)], check=True)
    return place


def trained(clone: Path, processes: int) -> tuple[bytes, float]:
    """Return the weights that so many processes end with, and the seconds that they take."""
    forget_training(clone)
    begin = time.monotonic()
    ran(clone, "dvc", "repro", "pretrain", AVRSP_PROCESSES=str(processes))
    return (clone / WEIGHTS).read_bytes(), time.monotonic() - begin


def forget_training(clone: Path) -> None:
    """Leave nothing from which DVC or a training could go on."""
    for name in ("data/models", "data/checkpoints", ".dvc/cache", "reports/training"):
        shutil.rmtree(clone / name, ignore_errors=True)


def submitted(cluster: Slurm, clone: Path, *words: str, pause: float = 0) -> str:
    """Submit the job script; return the job's number."""
    given = {**variables(cluster.here), PAUSE: str(pause)}
    return ran(clone, "sbatch", "--parsable", *words, **given).split()[-1]


def log_of(clone: Path, job: str) -> str:
    path = clone / f"slurm-{job}.log"
    return path.read_text() if path.exists() else ""


def test_conversion_goes_on_when_a_node_dies(cluster: Slurm, place: Path, other: Path) -> None:
    given = environment(place, **variables(cluster.here))
    command = ["snakemake", "--profile", "profiles/slurm", "preprocess"]
    command += ["--slurm-init-seconds-before-status-checks", "5"]  # jobs of seconds, not hours
    command += ["--slurm-status-command", "squeue"]  # this Slurm keeps no accounts
    with (place / "said.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=place, env=given, stdout=log, stderr=log)
        wait_until(lambda: process.poll() is not None or at_work(cluster, place), 600)
        node = at_work(cluster, place)
        assert node, (place / "said.txt").read_text()
        cluster.kill_node(node)
        wait_until(lambda: node in down(cluster), 120, cluster.trace)
        cluster.start_node(node)
        code = process.wait(timeout=900)
    said = (place / "said.txt").read_text()
    assert code == 0, said[-6000:]
    assert (place / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes()
    jobs = cluster.jobs()
    again = [job for job in jobs if int(job["Restarts"]) or job["JobState"] in UNFINISHED]
    assert again, said
    done = [job for job in jobs if job["JobState"] == "COMPLETED"]
    assert {"02:00:00", "01:00:00"} <= {job["TimeLimit"] for job in done}  # of store and of world
    assert {"2000M", "500M"} <= {job["MinMemoryNode"] for job in done}
    assert "Traceback" not in said


UNFINISHED = {"NODE_FAIL", "FAILED"}


def at_work(cluster: Slurm, place: Path) -> str:
    """Return a node on which videos are converted; an empty text where there is none."""
    if not [*place.glob("logs/store/*/*.log")]:
        return ""
    running = (job for job in cluster.jobs() if job["JobState"] == "RUNNING")
    found = (job["NodeList"] for job in running if "parts" in job["StdOut"])
    return next(found, "")


def down(cluster: Slurm) -> str:
    return cluster.say("sinfo", "--noheader", "--Node", "--states=down", "--format=%N")


def test_a_training_outlives_two_time_limits(cluster: Slurm, converted: Path, other: Path) -> None:
    expected, seconds = trained(other, 1)
    forget_training(converted)
    minutes = math.ceil(seconds / START_SECONDS)
    limits = [f"--time={minutes}", "--signal=B:USR1@1"]
    script = [*limits, "workflow/slurm/repro.sbatch", "pretrain"]
    job = submitted(cluster, converted, *script, pause=2.2 * 60 * minutes / EPOCHS)
    ended = cluster.wait(job, 1200)
    said = log_of(converted, job)
    assert ended["JobState"] == "COMPLETED", said[-6000:]
    assert int(ended["Restarts"]) >= 2, said
    assert said.count("saved before the time limit") == int(ended["Restarts"])
    assert said.count("going on from epoch") >= 2
    assert (converted / WEIGHTS).read_bytes() == expected


def test_two_nodes_equal_two_processes_though_one_dies(
    cluster: Slurm, converted: Path, other: Path
) -> None:
    expected, _ = trained(other, 2)
    forget_training(converted)
    # Slurm 22.05 loses count of GPUs that are no devices when a node dies.
    script = ["--nodes=2", "--gpus-per-node=0", "workflow/slurm/repro.sbatch", "pretrain"]
    job = submitted(cluster, converted, *script, pause=0.5)

    def trace() -> str:
        return log_of(converted, job)

    wait_until(lambda: f"epoch 10 of {EPOCHS}" in trace(), 400, trace)
    assert cluster.job(job)["NodeList"] == "n[1-2]"
    cluster.kill_node("n2")
    wait_until(lambda: "n2" in down(cluster), 120, cluster.trace)
    cluster.start_node("n2")
    ended = cluster.wait(job, 900)
    assert ended["JobState"] == "COMPLETED", trace()[-6000:]
    assert int(ended["Restarts"]) >= 1
    assert "going on from epoch" in trace()
    assert (converted / WEIGHTS).read_bytes() == expected


def test_experiments_run_side_by_side(cluster: Slurm, converted: Path) -> None:
    ran(converted, "dvc", "repro", "pretrain")
    git(converted, "add", "--all")
    git(converted, "commit", "--quiet", "--allow-empty", "--message", "Keep the lock")
    jobs = {
        rate: submitted(
            cluster, converted, "workflow/slurm/repro.sbatch",
            "exp", "run", "--temp", "-S", f"presets.sample.finetune.lr={rate}", "finetune-v@1",
        )
        for rate in ("0.002", "0.003")
    }  # fmt: skip
    for job in jobs.values():
        ended = cluster.wait(job, 900)
        assert ended["JobState"] == "COMPLETED", log_of(converted, job)[-6000:]
    assert {cluster.job(job)["NodeList"] for job in jobs.values()} == {"n1", "n2"}
    shown: list[dict[str, Any]] = json.loads(ran(converted, "dvc", "exp", "show", "--json"))
    found = [each["revs"][0] for entry in shown for each in entry["experiments"] or []]
    values = [each["data"]["params"]["params.yaml"]["data"] for each in found]
    rates = {str(each["presets"]["sample"]["finetune"]["lr"]) for each in values}
    assert rates == {*jobs}
