"""Workspaces of seeds: what differs from the main one, and how a command runs in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from avrsp import files, params, paths
from avrsp.errors import StoreError
from avrsp.params import Params
from avrsp.report.fusion_claim import RESULTS
from avrsp.stages.fusion_claim import keep
from avrsp.stages.fusion_training import trainings
from avrsp.stages.seed_workspace import prepared

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in (paths.MARKER, paths.PARAMS_FILE):
        shutil.copy2(ROOT / name, tmp_path)
    return tmp_path


def leaves(loaded: Params) -> dict[str, object]:
    def walk(tree: object, key: str) -> dict[str, object]:
        if not isinstance(tree, dict):
            return {key: tree}
        return {name: value for part, own in tree.items() for name, value in
                walk(own, f"{key}.{part}".lstrip(".")).items()}  # fmt: skip

    return walk(loaded.model_dump(mode="json"), "")


def test_nothing_but_seed_and_world_differs_from_the_main_run(workspace: Path) -> None:
    home = prepared(workspace, "late", 3)
    assert home == workspace / "data" / "fusions" / "late" / "3"
    main, own = (leaves(params.load(each / paths.PARAMS_FILE)) for each in (workspace, home))
    differing = {key for key in main if main[key] != own[key]}
    assert differing == {"seed", "world.viewers.latency"} | {
        f"world.kinds.{kind}" for kind in ("sounding", "silent", "distracting")
    }
    assert own["world.viewers.latency"] == main["fusions.worlds.late.latency"]
    assert own["world.kinds.distracting"] == main["fusions.worlds.late.kinds.distracting"]


def test_a_command_finds_the_workspace_of_its_seed(workspace: Path) -> None:
    said = "import os; from avrsp import paths; print(paths.workspace(), paths.root())"
    program = [sys.executable, "-m", "avrsp.stages.seed_workspace", "often", "7"]
    done = subprocess.run(
        [*program, sys.executable, "-c", said],
        cwd=workspace,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DVC_ROOT": str(workspace)},
        capture_output=True,
        text=True,
        check=True,
    )
    home = str(workspace / "data" / "fusions" / "often" / "7")
    assert done.stdout.split() == [home, home]


def test_of_trainings_the_best_epoch_counts(tmp_path: Path) -> None:
    for rate, losses in (("0.001", (0.9, 0.4, 0.6)), ("0.0005", (0.8, 0.7, 0.5))):
        place = tmp_path / rate / "ravf"
        place.mkdir(parents=True)
        rows = [
            {"epoch": epoch, "validation_loss": loss, "validation_cc": 1 - loss, "train_loss": 0}
            for epoch, loss in enumerate(losses, start=1)
        ]
        (place / "history.json").write_text(json.dumps(rows))
    found = {each["rate"]: each for each in trainings(tmp_path)}
    assert found[0.001]["validation_loss"] == 0.4
    assert found[0.001]["epoch"] == 2
    assert found[0.0005]["folder"] == "0.0005"


def test_what_is_not_there_is_said_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="dvc repro workflow/fusions"):
        trainings(tmp_path)
    with pytest.raises(StoreError, match="dvc repro workflow/fusions"):
        keep(tmp_path / "made", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_cut_history_is_said_in_one_line(tmp_path: Path) -> None:
    place = tmp_path / "0.001" / "ravf"
    place.mkdir(parents=True)
    (place / "history.json").write_text('[{"epoch": 1, "validation_lo')
    with pytest.raises(StoreError, match=r"history\.json: cannot be read"):
        trainings(tmp_path)


@pytest.mark.parametrize(
    ("rates", "name"), [((0.001, 0.002), "often"), ((0.001,), "often-one-rate")]
)
def test_what_is_kept_takes_the_place_of_an_earlier_reference(
    tmp_path: Path, rates: tuple[float, ...], name: str
) -> None:
    made, kept = tmp_path / "often", tmp_path / "reference"
    for folder in (made, kept / name, kept / f".tmp-{name}"):
        folder.mkdir(parents=True)
        (folder / f"{folder.parent.name}.csv").touch()
    content = {"trained": [{"tried": [{"rate": rate} for rate in rates]}] * 2}
    files.write_json(made / RESULTS, files.sealed(content))
    keep(made, kept)
    assert [each.name for each in kept.iterdir()] == [name]
    assert {each.name for each in (kept / name).iterdir()} == {each.name for each in made.iterdir()}
