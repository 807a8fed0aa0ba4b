"""A phase leaves a model that loads, a history, and no state; the next one starts from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grimp
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from avrsp import models
from avrsp.errors import ParamsError, StoreError, WeightsError
from avrsp.files import PACKAGE
from avrsp.models.saved import load_model
from avrsp.params import (
    ClipParams,
    ComputeParams,
    EncoderParams,
    FusionName,
    LossParams,
    NetworkParams,
    OptimiserParams,
    TrainParams,
)
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import StoreAttributes, write_store
from avrsp.train.phase import build_network, run_phase
from avrsp.train.plan_phase import CODE, Phase, Videos, phase_digest, settings_for
from avrsp.train.state import Recipe

COUNT = 9
RECIPE = Recipe(
    train=TrainParams(
        epochs=1,
        clips_per_video=1,
        validation_clips=1,
        batch=2,
        accumulate=1,
        lr=1e-3,
        decay="plateau",
        flip=True,
    ),
    optimiser=OptimiserParams(weight_decay=1e-5, factor=0.5, patience=5),
    loss=LossParams(kl=1.0, cc=-0.1, sim=-0.1),
    seed=7,
    precision="float32",
)
CLIP = ClipParams(length=8, height=32, width=64)
STARTS = dict.fromkeys(("s3d", "soundnet", "resnet3d", "mobilenet"))
ENCODER = EncoderParams(width=0.0625, momentum=0.1, from_scratch=True, **STARTS)


def settings(fusion: FusionName | None) -> dict[str, Any]:
    network = NetworkParams(synergy=True, gate=True, pairs=3, blocks=1, heads=8)
    entry = models.spec("avrsp")
    return settings_for(entry, fusion, clip=CLIP, network=network, encoder=ENCODER)


PHASE = Phase(
    name="pretrain",
    run="pretrain",
    entry=models.spec("avrsp"),
    settings=settings(None),
    clip=CLIP,
    encoder=ENCODER,
    recipe=RECIPE,
    compute=ComputeParams(
        device="cpu", precision="float32", compile=False, checkpointing=False, windows=4
    ),
    start=None,
    learnt_from=("dhf1k",),
)


# A change here changes no weights: how things are said, written, found or interrupted.
WITHOUT_EFFECT = {
    "avrsp.errors", "avrsp.files", "avrsp.params", "avrsp.params.field_types",
    "avrsp.params.learning", "avrsp.params.runs", "avrsp.params.sections", "avrsp.paths",
    "avrsp.processes",
}  # fmt: skip


class Listener:
    """A recorder that only remembers."""

    run_id: str | None = "f00"

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.updates: list[int] = []
        self.files: list[str] = []

    def values(self, step: int, values: Mapping[str, float]) -> None:
        assert values["epoch"] == step
        self.steps.append(step)

    def update(self, step: int, values: Mapping[str, float]) -> None:
        assert set(values) == {"loss", "lr", "clips_per_second"}
        assert values["clips_per_second"] > 0
        self.updates.append(step)

    def deliver(self, folder: Path, names: Sequence[str]) -> None:
        assert all((folder / name).is_file() for name in names)
        self.files += names


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    folder, rng = tmp_path_factory.mktemp("stores"), np.random.default_rng(0)
    verdicts = []
    for name in "abc":
        write_store(
            folder / "diem" / f"{name}.zarr.zip",
            frames=rng.integers(0, 256, (COUNT, 32, 64, 3), dtype=np.uint8),
            densities=rng.integers(0, 256, (COUNT, 48, 96), dtype=np.uint8),
            fixations=[np.zeros((0, 2), np.int16)] * COUNT,
            waveform=np.zeros(882 * COUNT, np.float32),
            attributes=StoreAttributes("diem", name, 25.0, 22_050, 1, "", "", COUNT, COUNT),
            chunk=4,
        )
        verdict = Verdict(
            dataset="diem", video=name, kept=True, reason=None, notes=[], frames=COUNT, fps=25.0,
            height=48, width=96, has_sound=True, digest=name, roles={"1": "train"},
        )  # fmt: skip
        verdicts.append(verdict)
    return Videos(folder, verdicts[:2], verdicts[2:])


def done(phase: Phase, videos: Videos, folder: Path) -> tuple[Path, Listener]:
    out, record = folder / phase.run, Listener()
    states = folder / "states" / phase.run
    best = run_phase(phase, videos, workers=0, out=out, states=states, record=record)
    assert best["epoch"] == 1
    assert not states.exists()
    return out, record


def test_a_phase_delivers_and_the_next_one_starts_from_it(
    videos: Videos, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, record = done(PHASE, videos, tmp_path)
    assert record.files == ["weights.safetensors", "model.json", "history.json"]
    assert set(record.steps) == {1}
    assert record.updates == [*range(1, len(record.updates) + 1)]
    assert record.updates
    assert [row["epoch"] for row in json.loads((first / "history.json").read_text())] == [1]
    deaf, spec, config = load_model(first)
    assert not spec.audio
    assert (config.run, config.mlflow_run, config.digest) == (
        "pretrain", "f00", phase_digest(PHASE, videos),
    )  # fmt: skip
    still = replace(RECIPE, train=RECIPE.train.model_copy(update={"lr": 1e-30}))
    phase = replace(
        PHASE, name="finetune-av", run="av", settings=settings("ravf"), start=first, recipe=still
    )
    phase = replace(phase, learnt_from=("diem", "dhf1k"))
    second, _ = done(phase, videos, tmp_path)
    assert "starts from pretrain; new: listen.audio, listen.contrast" in capsys.readouterr().err
    listening, spec, config = load_model(second)
    assert config.learnt_from == ("dhf1k", "diem")
    assert config.encoders == {"encoder": None, "listen.soundnet": None}
    assert spec.audio
    expected = dict(deaf.named_parameters())
    for name, parameter in listening.named_parameters():
        if name in expected:
            np.testing.assert_allclose(parameter.detach(), expected[name].detach(), atol=1e-6)


def test_imported_encoders_are_what_a_phase_starts_from(tmp_path: Path) -> None:
    phase = replace(PHASE, settings=settings("ravf"))
    files = {"encoder": tmp_path / "s3d.safetensors", "listen.soundnet": tmp_path / "ears"}
    for seed, (part, path) in enumerate(files.items()):
        seeded = replace(phase, recipe=replace(RECIPE, seed=seed))
        save_file(build_network(seeded).get_submodule(part).state_dict(), path)
    named: dict[str, Any] = {"s3d": str(files["encoder"]), "from_scratch": False}
    named["soundnet"] = str(files["listen.soundnet"])
    model = build_network(replace(phase, encoder=phase.encoder.model_copy(update=named)))
    for part, path in files.items():
        for name, tensor in load_file(path).items():
            assert torch.equal(model.get_submodule(part).state_dict()[name], tensor)


@pytest.mark.parametrize("name", ["stavis", "unisal"])
def test_encoders_of_other_networks_start_from_their_files(name: str, tmp_path: Path) -> None:
    entry = models.spec(name)
    encoder = entry.encoders[0]
    settings = entry.chosen({"width": 0.125}, audio=False)
    network = models.build(name, **settings).get_submodule(encoder.part)
    save_file(network.state_dict(), tmp_path / "file.safetensors")
    named = {"from_scratch": False, encoder.key: "file.safetensors"}
    phase = replace(
        PHASE, entry=entry, settings=settings, root=tmp_path,
        encoder=ENCODER.model_copy(update=named),
    )  # fmt: skip
    started = build_network(phase).get_submodule(encoder.part).state_dict()
    for key, tensor in network.state_dict().items():
        assert torch.equal(started[key], tensor)
    lost = replace(phase, encoder=ENCODER.model_copy(update={"from_scratch": False}))
    with pytest.raises(ParamsError, match=rf"encoder\.{encoder.key}: found null, expected weights"):
        build_network(lost)


def test_a_missing_start_or_role_is_said(videos: Videos, tmp_path: Path) -> None:
    alone = replace(videos, validation=[])
    with pytest.raises(StoreError, match="no video has the role validation"):
        done(PHASE, alone, tmp_path)
    with pytest.raises(WeightsError, match="no such file"):
        done(replace(PHASE, start=tmp_path / "nowhere"), videos, tmp_path)


def test_encoders_do_not_start_from_random_numbers_by_accident(
    videos: Videos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = {"from_scratch": False, "s3d": "data/weights/s3d-kylemin.safetensors"}
    phase = replace(PHASE, encoder=ENCODER.model_copy(update=wanted))
    with pytest.raises(ParamsError, match=r"found no data/weights.*import-weights.*from_scratch"):
        done(phase, videos, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_bf16_is_not_trained_on_a_cpu(videos: Videos, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"compute\.precision: found bf16"):
        done(replace(PHASE, recipe=replace(RECIPE, precision="bf16")), videos, tmp_path)


def test_the_digest_depends_on_parameters_and_data(videos: Videos) -> None:
    other = [
        (replace(PHASE, settings=settings("add")), videos),
        (replace(PHASE, recipe=replace(RECIPE, seed=8)), videos),
        (PHASE, replace(videos, training=videos.training[:1])),
    ]
    assert len({phase_digest(PHASE, videos), *(phase_digest(*each) for each in other)}) == 4
    assert phase_digest(PHASE, videos) == phase_digest(replace(PHASE), videos)


def test_the_digest_covers_all_code_that_trains() -> None:
    graph = grimp.build_graph("avrsp", cache_dir=None)
    named = {
        path
        for place in CODE
        for path in ((PACKAGE / place).rglob("*.py") if "." not in place else [PACKAGE / place])
    }
    for module in {"avrsp.train.phase", *graph.find_upstream_modules("avrsp.train.phase")}:
        path = PACKAGE.joinpath(*module.split(".")[1:])
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        empty = "import" not in source.read_text()
        assert source in named or module in WITHOUT_EFFECT or empty, module
