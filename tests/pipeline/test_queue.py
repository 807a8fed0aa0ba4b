"""Queued experiments run in temporary workspaces, and leave their results where others do."""

from __future__ import annotations

import json
import re
import shlex
import time
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from tests.pipeline.conftest import REPOSITORY, TINY_SAMPLE, TINY_WORLD, Run, git, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

STAGE = "pool"
SUMMARY = "reports/metrics.json"
WAIT_SECONDS = 600


@pytest.fixture(scope="module")
def queued(clone: Path, run: Run) -> dict[str, Any]:
    """The experiments that `dvc exp show` knows after two were queued and run, by their fusion."""
    shrink(clone, world=TINY_WORLD, sample=TINY_SAMPLE)
    run("dvc", "repro", STAGE)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "Keep the lock")
    for fusion in ("mbt", "add"):
        run("dvc", "exp", "run", "--queue", "-S", f"fusion={fusion}", STAGE)
    run("dvc", "queue", "start")
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        said = run("dvc", "queue", "status").stdout
        if not any(word in said for word in ("Queued", "Running")):
            break
        time.sleep(3)
    assert said.count("Success") == 2, said
    shown = json.loads(run("dvc", "exp", "show", "--json").stdout)
    found = [each["revs"][0] for entry in shown for each in entry["experiments"] or []]
    return {each["data"]["params"]["params.yaml"]["data"]["fusion"]: each for each in found}


def test_dvc_shows_the_metrics_of_both(queued: dict[str, Any], clone: Path) -> None:
    scores = [
        queued[fusion]["data"]["metrics"][SUMMARY]["data"]["av"]["cc"] for fusion in ("mbt", "add")
    ]
    scores.append(json.loads((clone / SUMMARY).read_text())["av"]["cc"])
    assert len(set(scores)) == 3


def test_the_table_of_experiments_fits_a_terminal(queued: dict[str, Any], run: Run) -> None:
    (recipe,) = re.findall(r"^\t(dvc exp show .*)$", (REPOSITORY / "Makefile").read_text(), re.M)
    shown = run(*shlex.split(recipe), "--no-pager").stdout
    assert max(map(len, shown.splitlines())) <= 120
    assert {"av.cc", "av.nss", "fusion"} <= set(shown.split()), shown
    for each in queued.values():
        assert each["name"] in shown


def test_the_main_repository_has_their_records_and_no_states(
    queued: dict[str, Any], clone: Path
) -> None:
    assert queued
    with closing(connect(clone / "mlflow.db")) as database:
        rows = database.execute("select value from params where key = 'network.fusion'").fetchall()
    assert {value for (value,) in rows} == {"add", "mbt", "ravf"}
    assert not list((clone / "data" / "checkpoints").iterdir())


def test_an_experiments_model_names_its_run(queued: dict[str, Any], clone: Path, run: Run) -> None:
    # The later stages have never run here: DVC has nothing of theirs to put in place, and says so.
    run("dvc", "exp", "apply", queued["mbt"]["name"], check=False)
    model = json.loads((clone / "data/models/av-split1/model.json").read_text())
    assert model["settings"]["fusion"] == "mbt"
    with closing(connect(clone / "mlflow.db")) as database:
        asked = "select status from runs where run_uuid = ?"
        assert database.execute(asked, [model["mlflow_run"]]).fetchall() == [("FINISHED",)]


def test_dvc_plots_losses_and_metrics_by_epoch(
    queued: dict[str, Any], clone: Path, run: Run
) -> None:
    assert queued
    plots = json.loads(run("dvc", "plots", "show", "--json").stdout)["data"]
    for name in ("AV, split 1", "AV, split 1: metrics"):
        (points,) = plots[name]
        assert {point["epoch"] for point in points["content"]["data"]["values"]} == {1, 2}
    assert clone.exists()
