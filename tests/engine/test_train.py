"""A small training learns, stops when asked, and ends the same however often it was interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from avrsp import zoo
from avrsp.data.clips import Batch, ClipLoader, Clips
from avrsp.data.sampling import EpochBatches, EvenClips, RandomClips
from avrsp.data.store import StoreAttributes, VideoStore, write_store
from avrsp.engine import train as loop
from avrsp.engine.state import DivergenceError, Recipe, Row, Training
from avrsp.engine.train import Loaders, Log, train
from avrsp.errors import StoreError
from avrsp.params import LossParams, OptimiserParams, TrainParams
from avrsp.types import InputSpec

SPEC = InputSpec(length=8, height=32, width=64, audio=True)
COUNT = 12


def write_video(folder: Path, name: str, seed: int) -> Path:
    """Write a video in which a bright square moves, and people look at it."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 80, (COUNT, 32, 64, 3), dtype=np.uint8)
    densities = np.zeros((COUNT, 64, 128), np.uint8)
    row, column = rng.integers(4, 20), rng.integers(4, 50)
    for frame in range(COUNT):
        noise[frame, row : row + 6, column + frame // 2 : column + frame // 2 + 6] = 255
        top, left = 2 * row, 2 * (column + frame // 2)
        densities[frame, top : top + 12, left : left + 12] = 255
    path = folder / f"{name}.zarr.zip"
    write_store(
        path,
        frames=noise,
        densities=densities,
        fixations=[np.zeros((0, 2), np.int16)] * COUNT,
        waveform=rng.uniform(-0.5, 0.5, 882 * COUNT).astype(np.float32),
        attributes=StoreAttributes("diem", name, 25.0, 22_050, 1, "", "", COUNT, COUNT),
        chunk=4,
    )
    return path


def recipe(*, epochs: int = 2) -> Recipe:
    return Recipe(
        train=TrainParams(
            epochs=epochs,
            clips_per_video=2,
            validation_clips=2,
            batch=2,
            accumulate=1,
            lr=3e-3,
            flip=True,
        ),
        optimiser=OptimiserParams(weight_decay=1e-5, factor=0.5, patience=0),
        loss=LossParams(kl=1.0, cc=-0.1, sim=-0.1),
        seed=7,
        precision="float32",
    )


def loaders(folder: Path, chosen: Recipe) -> Loaders:
    stores = [VideoStore(path) for path in sorted(folder.glob("*.zarr.zip"))]
    clips, batch = chosen.train.clips_per_video, chosen.train.batch
    learnt = Clips(stores[:-1], SPEC, RandomClips(chosen.seed, chosen.train.flip))
    judged = Clips(stores[-1:], SPEC, EvenClips(clips))
    batches = EpochBatches(len(stores) - 1, clips, batch, chosen.seed)
    return Loaders(
        ClipLoader(learnt, batches, workers=0, pin=False),
        ClipLoader(judged, EpochBatches(1, clips, batch, None), workers=0, pin=False),
    )


def network(*, audio: bool = True) -> nn.Module:
    torch.manual_seed(0)
    return zoo.build("avrsp", audio=audio, width=0.0625)


class Plain(nn.Module):
    """One convolution: enough to be trained, and without batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv3d(3, 1, 3, padding=1)

    def forward(self, frames: Tensor, *_: Tensor) -> Tensor:
        maps: Tensor = self.conv(frames)
        return torch.sigmoid(maps[:, 0].mean(1))


def trained(
    model: nn.Module, folder: Path, states: Path, chosen: Recipe
) -> tuple[nn.Module, list[Row]]:
    history = train(model, loaders(folder, chosen), chosen, Log("test", states, lambda *_: None))
    return model, history


def assert_same(one: Mapping[str, Tensor], two: Mapping[str, Tensor]) -> None:
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stores")
    for number in range(4):
        write_video(place, f"video{number}", number)
    return place


@pytest.fixture(scope="module")
def undisturbed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[nn.Module, list[Row]]:
    return trained(network(), folder, tmp_path_factory.mktemp("states"), recipe())


def test_the_loss_falls(folder: Path, tmp_path: Path) -> None:
    heard: list[int] = []
    chosen = recipe(epochs=5)
    log = Log("test", tmp_path, lambda epoch, _: heard.append(epoch))
    history = train(network(audio=False), loaders(folder, chosen), chosen, log)
    assert history[-1]["train_loss"] < 0.8 * history[0]["train_loss"]
    assert heard == [*range(1, 6)]
    assert [row["epoch"] for row in history] == heard


def test_the_best_weights_remain_and_a_plateau_lowers_the_rate(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = iter([3.0, 1.0, 2.0, 4.0])
    monkeypatch.setattr(loop, "validate", lambda *_: {"loss": next(coming)})
    chosen, model = recipe(epochs=4), Plain()
    after: list[Tensor] = []
    log = Log("test", tmp_path, lambda *_: after.append(model.conv.weight.detach().clone()))
    history = train(model, loaders(folder, chosen), chosen, log)
    assert torch.equal(model.conv.weight, after[1])
    assert [row["lr"] for row in history] == [3e-3, 3e-3, 3e-3, 1.5e-3]


def test_a_stopped_training_resumes_to_the_same_bits(
    folder: Path,
    tmp_path: Path,
    undisturbed: tuple[nn.Module, list[Row]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    updates = 0
    update = Training.update

    def interrupting(training: Training, batches: list[Batch]) -> None:
        nonlocal updates
        update(training, batches)
        updates += 1
        if updates in {2, 4}:
            signal.raise_signal(signal.SIGTERM if updates == 2 else signal.SIGINT)

    monkeypatch.setattr(Training, "update", interrupting)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            trained(network(), folder, tmp_path, recipe())
    model, history = trained(network(), folder, tmp_path, recipe())
    assert updates == 6  # none was made twice
    assert history == undisturbed[1]
    assert_same(model.state_dict(), undisturbed[0].state_dict())


def test_a_finished_training_is_not_repeated(folder: Path, tmp_path: Path) -> None:
    model, history = trained(Plain(), folder, tmp_path, recipe(epochs=1))
    again, same = trained(Plain(), folder, tmp_path, recipe(epochs=1))
    assert same == history
    assert_same(again.state_dict(), model.state_dict())


def test_a_diverging_training_saves_the_names_of_its_clips(folder: Path, tmp_path: Path) -> None:
    model = Plain()
    nn.init.constant_(model.conv.weight, torch.nan)
    with pytest.raises(DivergenceError, match=r"the loss is nan at epoch 1, update 1"):
        trained(model, folder, tmp_path, recipe())
    assert len(json.loads((tmp_path / "diverged.json").read_text())) == 2


def test_a_lost_store_is_reported_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "video0.zarr.zip").write_bytes(b"")
    _, history = trained(Plain(), tmp_path, tmp_path / "states", recipe())
    said = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(said) == 1
    assert len(history) == 2
    for path in tmp_path.glob("*.zip"):
        path.write_bytes(b"")
    with pytest.raises(StoreError, match="no clip could be read"):
        trained(Plain(), tmp_path, tmp_path / "others", recipe())


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_bits(
    folder: Path, tmp_path: Path, undisturbed: tuple[nn.Module, list[Row]]
) -> None:
    rng = np.random.default_rng()
    states, out = tmp_path / "states", tmp_path / "weights.safetensors"
    for _ in range(2):
        before = {*states.glob("step-*.json")}
        child = subprocess.Popen([sys.executable, __file__, folder, states, out])
        while {*states.glob("step-*.json")} <= before:
            assert child.poll() is None
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        child.kill()
        assert child.wait() == -signal.SIGKILL
    subprocess.run([sys.executable, __file__, folder, states, out], check=True)
    assert_same(load_file(out), undisturbed[0].state_dict())


if __name__ == "__main__":  # the process that is killed
    torch.set_num_threads(1)
    loop.SAVE_SECONDS = 0.0
    stores, kept, result = map(Path, sys.argv[1:])
    save_file(trained(network(), stores, kept, recipe())[0].state_dict(), result)
