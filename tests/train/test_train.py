"""A small training learns, stops when asked, and ends the same however often it was interrupted."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from avrsp.errors import AvrspError, StoreError
from avrsp.store.video_store import VideoStore
from avrsp.train import loop
from avrsp.train.clips import Batch
from avrsp.train.loop import Log, train
from avrsp.train.state import DivergenceError, Row, Training
from tests.train.small import Plain, loaders, network, recipe, trained, write_video, write_videos

ROOT = Path(__file__).parents[2]
CHILD = (sys.executable, "-m", "tests.train.test_train")


def assert_same(one: Mapping[str, Tensor], two: Mapping[str, Tensor]) -> None:
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stores")
    write_videos(place)
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
    history = train(network(audio=False), loaders(folder, chosen), chosen, log).history
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
    history = train(model, loaders(folder, chosen), chosen, log).history
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


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    """The stores, one of which is cut short."""
    place = tmp_path / "damaged"
    shutil.copytree(folder, place)
    store = place / "video0.zarr.zip"
    store.write_bytes(store.read_bytes()[:5000])
    return place


def test_a_damaged_store_ends_training_and_its_repair_leaves_no_trace(
    folder: Path, damaged: Path, tmp_path: Path, undisturbed: tuple[nn.Module, list[Row]]
) -> None:
    with pytest.raises(StoreError, match=r"(video 1 of 3|diem/video0).*training\.allow_missing"):
        trained(network(), damaged, tmp_path / "states", recipe())
    model, history = trained(network(), folder, tmp_path / "states", recipe())
    assert history == undisturbed[1]
    assert_same(model.state_dict(), undisturbed[0].state_dict())


def test_what_may_be_missing_is_said_once_and_noted(
    folder: Path, damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen, log = recipe(), Log("test", tmp_path / "states")
    found = train(Plain(), replace(loaders(damaged, chosen), allow_missing=True), chosen, log)
    said = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(said) == len(found.left_out) == 1
    assert "video0.zarr.zip: not a readable store" in said[0]
    assert len(found.history) == 2
    with pytest.raises(StoreError, match=r"was trained without .*; to train with them, remove"):
        train(Plain(), loaders(folder, chosen), chosen, log)
    for path in damaged.glob("*.zip"):
        path.write_bytes(b"")
    nothing = replace(loaders(damaged, chosen), allow_missing=True)
    with pytest.raises(StoreError, match="no clip could be read"):
        train(Plain(), nothing, chosen, Log("test", tmp_path / "others"))


def test_a_fault_of_the_computer_is_not_taken_for_damage(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = recipe()
    given = replace(loaders(folder, chosen), allow_missing=True)

    def failing(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "video0")

    monkeypatch.setattr(VideoStore, "density", failing)
    with pytest.raises(AvrspError, match=r"test: diem/video\d: video0: too many open files"):
        train(Plain(), given, chosen, Log("test", tmp_path))


def test_stores_do_not_each_hold_a_descriptor(tmp_path: Path) -> None:
    paths = [write_video(tmp_path, f"video{number}", number) for number in range(30)]
    before = len([*Path("/proc/self/fd").iterdir()])
    stores = [VideoStore(path) for path in paths]
    for store in stores:
        store.density(0)
        store.frames([0, 5])
    assert len([*Path("/proc/self/fd").iterdir()]) == before


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_bits(
    folder: Path, tmp_path: Path, undisturbed: tuple[nn.Module, list[Row]]
) -> None:
    rng = np.random.default_rng()
    states, out = tmp_path / "states", tmp_path / "weights.safetensors"
    for _ in range(2):
        before = {*states.glob("step-*.json")}
        child = subprocess.Popen([*CHILD, folder, states, out], cwd=ROOT)
        while {*states.glob("step-*.json")} <= before:
            assert child.poll() is None
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        child.kill()
        assert child.wait() == -signal.SIGKILL
    subprocess.run([*CHILD, folder, states, out], cwd=ROOT, check=True)
    assert_same(load_file(out), undisturbed[0].state_dict())


if __name__ == "__main__":  # the process that is killed
    torch.set_num_threads(1)
    loop.SAVE_SECONDS = 0.0
    stores, kept, result = map(Path, sys.argv[1:])
    save_file(trained(network(), stores, kept, recipe())[0].state_dict(), result)
