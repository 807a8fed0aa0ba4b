"""The workflow on a real Slurm of two nodes: conversion, time limits, experiments, dying nodes."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import PAUSE, choose_motion, environment, ran
from tests.cluster.slurm import Slurm, variables, wait_until
from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, cloned, git, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

EPOCHS = 60
# pretrain trains on two videos: one step an epoch
LONG = {"epochs": EPOCHS, "clips_per_video": 1, "validation_clips": 1}
"""As many steps, which `PAUSE` can hold up."""

WEIGHTS = "data/models/pretrain/weights.safetensors"
MANIFEST = "data/store/sample/manifest.json"
SIGNALS_EARLY = 31
"""Seconds by which Slurm may signal before a limit: it looks at limits twice a minute."""


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


@pytest.fixture
def pause(tmp_path: Path) -> Path:
    """The file that holds training up, not yet there."""
    return tmp_path / "pause"


def submitted(cluster: Slurm, clone: Path, *words: str, **more: str) -> str:
    """Submit the job script; return the job's number."""
    given = {**variables(cluster.here), **more}
    return ran(clone, "sbatch", "--parsable", *words, **given).split()[-1]


def log_of(clone: Path, job: str) -> str:
    path = clone / f"slurm-{job}.log"
    return path.read_text() if path.exists() else ""


FFMPEG = """#!/bin/sh
# Once a store and its verdict are there, waits for as long as the file of that name is.
while [ -e {hold} ] && ls {stores}/*/*.json >/dev/null 2>&1; do sleep 0.2; done
exec {program} "$@"
"""


@contextlib.contextmanager
def converting(cluster: Slurm, place: Path, hold: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the conversion on the cluster; it waits in the middle for as long as `hold` is there."""
    program, stores = shutil.which("ffmpeg"), place / "data/store/sample"
    wrapped = hold.parent / "bin" / "ffmpeg"
    wrapped.parent.mkdir()
    wrapped.write_text(FFMPEG.format(hold=hold, stores=stores, program=program))
    wrapped.chmod(0o755)
    given = environment(place, **variables(cluster.here))
    given["PATH"] = f"{wrapped.parent}:{given['PATH']}"
    command = ["snakemake", "--profile", "profiles/slurm", "preprocess"]
    command += ["--slurm-init-seconds-before-status-checks", "1"]  # jobs of seconds, not hours
    command += ["--slurm-status-command", "squeue"]  # this Slurm keeps no accounts
    with (place / "said.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=place, env=given, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def stores_in(place: Path) -> dict[str, int]:
    """Return when each store that is done was written: after it comes its verdict."""
    found = place.glob("data/store/sample/*/[!.]*.json")
    stores = [path.with_suffix(".zarr.zip") for path in found]
    return {f"{path.parent.name}/{path.name}": path.stat().st_mtime_ns for path in stores}


def test_conversion_goes_on_when_a_node_dies(
    cluster: Slurm, place: Path, other: Path, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    with converting(cluster, place, hold) as process:
        said = (place / "said.txt").read_text
        wait_until(lambda: process.poll() is not None or at_work(cluster, place), 600, said)
        node = at_work(cluster, place)
        assert node, said()
        cluster.kill_node(node)
        done = stores_in(place)
        hold.unlink()
        cluster.start_node(node)
        assert process.wait(timeout=900) == 0, said()[-6000:]
    assert (place / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes()
    after = stores_in(place)
    assert 0 < len(done) < len(after)
    assert done.items() <= after.items()  # what was done was not done again
    jobs = cluster.jobs()
    (failed,) = (job for job in jobs if job["JobState"] == "NODE_FAIL")
    assert "parts" in failed["StdOut"]
    good = [job for job in jobs if job["JobState"] == "COMPLETED"]
    asked = {rule: [asked_for(job) for job in good if rule in job["StdOut"]] for rule in RULES}
    assert asked["world"] == 7 * [("01:00:00", "2000M")]
    assert asked["parts"] == [("02:00:00", "14000M")]  # of seven datasets, in one job
    assert asked["manifest"] == [("00:30:00", "1000M")]
    assert asked["summaries"] == [("00:10:00", "7000M")]
    assert len(good) == 7 + 1 + 1 + 1
    assert "Traceback" not in said()


RULES = ("world", "parts", "summaries", "manifest")
"""What jobs of Slurm are named by: rules and groups of them."""


def asked_for(job: dict[str, str]) -> tuple[str, str]:
    """Return a job's time limit and memory."""
    return job["TimeLimit"], job["MinMemoryNode"]


def at_work(cluster: Slurm, place: Path) -> str:
    """Return the node on which videos are converted; an empty text before a store is there."""
    if not stores_in(place):
        return ""
    running = (job for job in cluster.jobs() if job["JobState"] == "RUNNING")
    found = (job["NodeList"] for job in running if "parts" in job["StdOut"])
    return next(found, "")


def test_a_training_outlives_two_time_limits(
    cluster: Slurm, converted: Path, other: Path, pause: Path
) -> None:
    expected, seconds = trained(other, 1)
    forget_training(converted)
    minutes = math.ceil((seconds + SIGNALS_EARLY) / 60)
    limits = [f"--time={minutes}", "--signal=B:USR1@1"]
    script = [*limits, "workflow/slurm/repro.sbatch", "pretrain"]
    pause.write_text(str(3 * minutes))
    job = submitted(cluster, converted, *script, **{PAUSE: str(pause)})

    def trace() -> str:
        return log_of(converted, job)

    def resumed() -> bool:
        return trace().count("going on from epoch") >= 2 or cluster.has_ended(job)

    wait_until(resumed, 900, trace)
    pause.unlink()
    ended, said = cluster.wait(job, 300), trace()
    assert ended["JobState"] == "COMPLETED", said[-6000:]
    assert int(ended["Restarts"]) >= 2, said
    assert said.count("saved before the time limit") == int(ended["Restarts"])
    assert said.count("going on from epoch") >= 2
    assert (converted / WEIGHTS).read_bytes() == expected


def test_two_nodes_equal_two_processes_though_one_dies(
    cluster: Slurm, converted: Path, other: Path, pause: Path
) -> None:
    expected, _ = trained(other, 2)
    forget_training(converted)
    (converted / ".dvc/tmp/rwlock").write_text("")  # as a kill may leave it
    # Slurm 22.05 loses count of GPUs that are no devices when a node dies.
    script = ["--nodes=2", "--gpus-per-node=0", "workflow/slurm/repro.sbatch", "pretrain"]
    pause.write_text("3")
    job = submitted(cluster, converted, *script, **{PAUSE: str(pause)})

    def trace() -> str:
        return log_of(converted, job)

    wait_until(lambda: f"epoch 3 of {EPOCHS}" in trace() or cluster.has_ended(job), 300, trace)
    assert cluster.job(job)["NodeList"] == "n[1-2]"
    cluster.kill_node("n2")
    pause.unlink()
    cluster.start_node("n2")
    ended = cluster.wait(job, 600)
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
