from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import avrsp
from avrsp.errors import RawDataError, WeightsError
from avrsp.media.decode import read_frames, read_sound
from avrsp.models.saved import CONFIG, read_config, save_model
from avrsp.prediction import predictor
from tests.prediction.untrained import untrained

Make = Callable[[str, str], Path]

CLIP = "-f lavfi -i testsrc2=size=64x32:rate=10:duration=1.2 -f lavfi -i sine=frequency=700:d=1.2"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained model that takes sound."""
    folder = tmp_path_factory.mktemp("model") / "av-split1"
    return untrained(folder, 8, width=0.125, heads=2, fusion="add")


def test_a_file_and_its_frames_and_sound_give_the_same_maps(make_video: Make, model: Path) -> None:
    video = make_video("clip.mkv", f"{CLIP} -c:a pcm_s16le -ar 22050 -ac 1")
    of_pictures: Any = np.float32(99)
    found = avrsp.predict(video, fps=of_pictures, weights=model, device="cpu")
    times, maps = zip(*found, strict=True)
    np.testing.assert_allclose(times, np.arange(12) / 10, atol=1e-3)
    assert {each.shape for each in maps} == {(32, 64)}
    frames = np.stack(list(read_frames(video, height=32, width=64)))
    sound = read_sound(video, rate=22_050)
    again = avrsp.predict(frames, sound, 22_050, fps=10, weights=model, device="cpu")
    np.testing.assert_array_equal([each for _, each in again], maps)
    rate: Any = np.float32(30)  # any number will do, and the file knows its own rate
    once_more = avrsp.predict(video, fps=rate, weights=model, device="cpu")
    np.testing.assert_array_equal(next(once_more)[1], maps[0])
    silent = avrsp.predict(frames, fps=10, weights=model, device="cpu")
    assert not np.allclose([each for _, each in silent], maps, atol=1e-6)


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


def test_the_default_is_a_model_of_real_videos_if_there_is_one(tmp_path: Path, model: Path) -> None:
    def has(name: str, age: int, learnt_from: tuple[str, ...], *, audio: bool) -> None:
        config = read_config(model / CONFIG)
        own = config.model_copy(update={"learnt_from": learnt_from, "audio": audio})
        network, _ = avrsp.models.load(model)
        save_model(tmp_path / name, network, own)
        os.utime(tmp_path / name / CONFIG, (1e9 + age, 1e9 + age))

    with pytest.raises(WeightsError, match="avrsp fetch-weights unisal"):
        predictor.best(tmp_path)
    has("v-split1", 9, ("generated world",), audio=False)
    with pytest.raises(WeightsError, match="holds no trained model"):
        predictor.best(tmp_path)
    for name, age, learnt_from, audio in (
        ("av-split1", 1, ("generated world",), True),
        ("av-split2", 2, ("generated world",), True),
        ("unisal-v-weights_best", 0, ("dhf1k", "salicon"), False),
        ("stavis-av", 4, ("diem",), True),
        ("vinet-v", 7, ("dhf1k",), False),
    ):
        has(name, age, learnt_from, audio=audio)
        expected = "stavis-av" if name == "vinet-v" else name
        assert predictor.best(tmp_path) == tmp_path / expected
    (tmp_path / "stavis-av" / CONFIG).write_text("{}")
    assert predictor.best(tmp_path) == tmp_path / "vinet-v"


def test_weights_of_a_generated_world_are_named_so(model: Path) -> None:
    loaded = predictor.load(model, device="cpu")
    for learnt_from, said in ((("generated world",), True), (("dhf1k",), False), ((), False)):
        remark = predictor.remark(replace(loaded, learnt_from=learnt_from))
        assert (remark is not None and "avrsp fetch-weights unisal" in remark) == said


def test_predicting_imports_no_library_that_its_results_do_not_need() -> None:
    slow = "{'matplotlib.figure', 'zarr', 'pandas', 'scipy.stats', 'mlflow', 'librosa'}"
    code = (
        "import sys, avrsp.cli, avrsp.prediction.batch, avrsp.prediction.predictor\n"
        f"sys.stdout.write(' '.join({slow} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout


def test_importing_the_package_does_not_import_torch() -> None:
    media = "avrsp.media.reader, avrsp.media.encode"
    check = f"import sys, avrsp, {media}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
