"""The training stages, from parameters and stores to models, summaries and MLflow runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml  # noqa: TID251 - a test writes parameters of its own

from avrsp import models, paths
from avrsp.models import recipe
from avrsp.models.saved import load_model
from avrsp.stages import train
from avrsp.stages import videos as lists
from avrsp.store.manifest import DatasetEntry, Manifest, Role, Verdict, verdict_path, write_record
from avrsp.store.members import entries_digest
from avrsp.store.video_store import StoreAttributes, write_store
from avrsp.tracking import JOURNAL, server

COUNT = 10
ROLES: tuple[Role, ...] = ("train", "train", "validation", "test")


@pytest.fixture
def small(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with tiny stores, a tiny network and one epoch a phase."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settle(workspace)
    return workspace


def settle(workspace: Path) -> None:
    """Write the parameters and the stores of such a workspace."""
    values: dict[str, Any] = yaml.safe_load((workspace / "params.yaml").read_text())
    values["audio_visual_sets"] = ["diem"]
    values["fusion"] = "mbt"
    sample = values["presets"]["sample"]
    sample["clip"] = {"length": 8, "height": 32, "width": 64}
    sample["encoder"]["width"] = 0.0625
    sample["loading"]["workers"] = 0
    for phase in ("pretrain", "finetune"):
        sample[phase].update(epochs=1, clips_per_video=1, validation_clips=1, batch=2)
    (workspace / "params.yaml").write_text(yaml.safe_dump(values))
    folder, rng = workspace / "data" / "store" / "sample", np.random.default_rng(0)
    entries = {}
    for dataset in ("dhf1k", "diem"):
        videos = [write_video(folder, dataset, number, rng) for number in range(len(ROLES))]
        entries[dataset] = DatasetEntry(present=True, reason=None, videos=videos)
    manifest = Manifest(preset="sample", datasets=entries)
    write_record(folder / "manifest.json", manifest)
    listed = workspace / "data" / "videos"
    lists.write(manifest, ["dhf1k"], 1, {"learn": listed / "pretrain.json"})
    names = {kind: listed / f"{kind}-split1.json" for kind in ("learn", "test")}
    lists.write(manifest, ["diem"], 1, names)


def write_video(folder: Path, dataset: str, number: int, rng: np.random.Generator) -> Verdict:
    name = f"video{number}"
    write_store(
        folder / dataset / f"{name}.zarr.zip",
        frames=rng.integers(0, 256, (COUNT, 32, 64, 3), dtype=np.uint8),
        densities=rng.integers(0, 256, (COUNT, 48, 96), dtype=np.uint8),
        fixations=[np.zeros((0, 2), np.int16)] * COUNT,
        waveform=rng.uniform(-1, 1, 882 * COUNT).astype(np.float32),
        attributes=StoreAttributes(dataset, name, 25.0, 22_050, 1, "", "", COUNT, COUNT),
        chunk=4,
    )
    verdict = Verdict(
        dataset=dataset, video=name, kept=True, reason=None, notes=[], frames=COUNT, fps=25.0,
        height=48, width=96, has_sound=True, digest=f"{dataset}{name}",
        entries=entries_digest(folder / dataset / f"{name}.zarr.zip"),
        roles={"1": ROLES[number]},
    )  # fmt: skip
    write_record(verdict_path(folder, dataset, name), verdict)
    return verdict


def run_training(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["train", *arguments])
    train.main()


@pytest.mark.slow
def test_the_stages_deliver_models_that_follow_from_each_other(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training(monkeypatch, "pretrain")
    run_training(monkeypatch, "v", "--split", "1")
    run_training(monkeypatch, "av", "--split", "1")
    models = small / "data" / "models"
    runs = {run: load_model(models / run)[2] for run in ("pretrain", "v-split1", "av-split1")}
    assert [config.audio for config in runs.values()] == [False, False, True]
    assert runs["av-split1"].settings["fusion"] == "mbt"
    assert not list((small / "data" / "checkpoints").iterdir())
    for name in ("pretrain", "v-split1", "av-split1"):
        best = json.loads((small / "reports" / "training" / f"{name}.json").read_text())
        assert best["validation_loss"] > 0
    said = capsys.readouterr().err
    assert "v-split1: starts from pretrain\n" in said
    assert "av-split1: starts from pretrain; new: listen.audio" in said
    client = server._client(server.address(paths.root()))
    for run, config in runs.items():
        assert config.mlflow_run is not None
        kept = client.get_run(config.mlflow_run)
        assert kept.info.status == "FINISHED"
        assert kept.data.params["network.width"] == "0.0625"
        assert set(kept.data.metrics) >= {"train_loss", "validation_loss", "clips_per_second"}
        assert kept.data.tags["digest"] == config.digest
        assert kept.inputs is not None
        inputs = {(each.dataset.name, each.tags[0].value) for each in kept.inputs.dataset_inputs}
        dataset = "dhf1k" if run == "pretrain" else "diem"
        assert inputs == {(dataset, "training"), (dataset, "validation")}
        assert kept.data.metrics["update/lr"] == 1e-3
        (version,) = client.search_model_versions(f"run_id = '{config.mlflow_run}'")
        assert version.name == f"avrsp-sample-{run}"
        assert version.tags["fusion"] == ("mbt" if config.audio else "none")
        assert float(version.tags["validation_loss"]) == kept.data.metrics["validation_loss"]
        assert (models / run / JOURNAL).is_file()


TRAINED: dict[str, tuple[str, str | None, list[str]]] = {
    "stavis": ("stavis", None, ["pretrain", "v", "av"]),
    "tased": ("tased", None, ["pretrain", "v", "av"]),
    "unisal": ("unisal", None, ["pretrain", "v"]),
    "vinet": ("vinet", None, ["pretrain", "v", "av"]),
    "vinet with attention": ("vinet", "av-bilinear-transformer", ["pretrain", "av"]),
    "vinet with tokens": ("vinet", "av-concat-transformer", ["pretrain", "av"]),
    "vinet-s": ("vinet-s", None, ["pretrain", "v"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_each_method_is_trained_by_its_own_recipe(
    name: str, small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, variant, runs = TRAINED[name]
    entry, values = models.spec(model), yaml.safe_load((small / "params.yaml").read_text())
    values |= {"model": model, "variant": variant}
    values["presets"]["sample"]["clip"] = {"length": 8, "height": 64, "width": 64}
    values["presets"]["sample"]["encoder"]["width"] = 0.125
    (small / "params.yaml").write_text(yaml.safe_dump(values))
    brief = {"epochs": 1, "clips_per_video": 1, "batch": 2, "accumulate": 1}
    monkeypatch.setattr(recipe.MethodRecipe, "train", shortened(brief))
    for run in runs:
        run_training(monkeypatch, run, *([] if run == "pretrain" else ["--split", "1"]))
        trained = small / "data" / "models" / (run if run == "pretrain" else f"{run}-split1")
        if run == "av" and not entry.audio_visual:
            assert (trained / "absent.txt").is_file()
            continue
        network, spec = models.load(trained)
        assert spec.audio == (run == "av")
        assert type(network) is type(models.build(model, **load_model(trained)[2].settings))
        (row,) = json.loads((trained / "history.json").read_text())
        assert np.isfinite([row["train_loss"], row["validation_loss"]]).all()
    said = capsys.readouterr().err
    if "v" in runs:
        assert "v-split1: starts from pretrain" in said
    if runs[-1] == "av" and entry.audio_visual:
        assert f"av-split1: starts from {'v-split1' if model == 'stavis' else 'pretrain'}" in said


def shortened(brief: dict[str, int]) -> Any:
    """Return `MethodRecipe.train`, so that each phase is as short as it can be."""
    whole = recipe.MethodRecipe.train

    def train(self: recipe.MethodRecipe, *given: Any) -> Any:
        return whole(self, *given).model_copy(update=brief)

    return train


def test_a_lost_store_ends_in_one_line(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (small / "data" / "store" / "sample" / "dhf1k" / "video0.zarr.zip").unlink()
    with pytest.raises(SystemExit):
        run_training(monkeypatch, "pretrain")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("run: snakemake --cores all preprocess")


def test_one_of_the_runs_must_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in ([], ["v"], ["audio", "--split", "1"], ["ablation", "nonsense"]):
        with pytest.raises(SystemExit):
            run_training(monkeypatch, *arguments)
