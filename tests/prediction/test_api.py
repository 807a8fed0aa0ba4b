from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import avrsp
from avrsp.errors import RawDataError, WeightsError
from avrsp.media.decode import read_frames, read_sound
from avrsp.models import registry
from avrsp.models.saved import ModelConfig, save_model
from avrsp.prediction import predictor

Make = Callable[[str, str], Path]

CLIP = "-f lavfi -i testsrc2=size=64x32:rate=10:duration=1.2 -f lavfi -i sine=frequency=700:d=1.2"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained model that listens."""
    folder = tmp_path_factory.mktemp("model") / "av-split1"
    settings: dict[str, bool | int | float | str] = {"width": 0.125, "heads": 2, "fusion": "add"}
    torch.manual_seed(5)
    config = ModelConfig(
        model="avrsp",
        settings=settings,
        length=8,
        height=32,
        width=64,
        audio=True,
        run="av-split1",
        digest="untrained",
        mlflow_run=None,
    )
    save_model(folder, registry.build("avrsp", **settings), config)
    return folder


def test_a_file_and_its_frames_and_sound_give_the_same_maps(make_video: Make, model: Path) -> None:
    video = make_video("clip.mkv", f"{CLIP} -c:a pcm_s16le -ar 22050 -ac 1")
    times, maps = zip(*avrsp.predict(video, weights=model, device="cpu"), strict=True)
    np.testing.assert_allclose(times, np.arange(12) / 10, atol=1e-3)
    assert {each.shape for each in maps} == {(32, 64)}
    frames = np.stack(list(read_frames(video, height=32, width=64)))
    sound = read_sound(video, rate=22_050)
    again = avrsp.predict(frames, sound, 22_050, fps=10, weights=model, device="cpu")
    np.testing.assert_array_equal([each for _, each in again], maps)
    deaf = avrsp.predict(frames, fps=10, weights=model, device="cpu")
    assert not np.allclose([each for _, each in deaf], maps, atol=1e-6)


def test_larger_frames_and_stereo_sound_are_brought_to_the_networks_form(model: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, 90, 101, 3)).astype(np.uint8)
    stereo = np.random.default_rng(2).uniform(-0.5, 0.5, (4800, 2))
    maps = list(avrsp.predict(frames, stereo, 48_000, fps=30, weights=model, device="cpu"))
    assert [time for time, _ in maps] == pytest.approx([0, 1 / 30, 2 / 30])
    assert all(np.isfinite(each).all() and each.shape == (32, 64) for _, each in maps)


def test_wrong_arguments_are_refused_at_the_call(model: Path, tmp_path: Path) -> None:
    frames = np.zeros((2, 32, 64, 3), np.uint8)
    with pytest.raises(RawDataError, match=r"^video: .*expected frames T x H x W x 3"):
        avrsp.predict(frames[0], weights=model)
    with pytest.raises(RawDataError, match="waveform and sample_rate"):
        avrsp.predict(frames, np.zeros(9), weights=model)
    with pytest.raises(RawDataError, match="no such file"):
        avrsp.predict(tmp_path / "none.mp4", weights=model)


def test_the_newest_fine_tuned_model_is_the_default(workspace: Path, model: Path) -> None:
    with pytest.raises(WeightsError, match="make repro"):
        predictor.newest()
    models = workspace / "data" / "models"
    models.mkdir(parents=True)
    for age, name in enumerate(["pretrain", "av-split2", "av-split1", "v-split1"]):
        (models / name).symlink_to(model) if name == "av-split2" else (models / name).mkdir()
        weights = models / name / "weights.safetensors"
        weights.touch()
        os.utime(weights, (1e9 + age, 1e9 + age))
    assert predictor.newest() == models / "av-split1"
    (models / "av-split1" / "weights.safetensors").unlink()
    assert predictor.newest() == models / "av-split2"
    assert predictor.load(None, device="cpu").spec.length == 8


def test_importing_the_package_does_not_import_torch() -> None:
    media = "avrsp.media.reader, avrsp.media.encode"
    check = f"import sys, avrsp, {media}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
