"""What a person looks at: variants side by side, contact sheet, mean map, and facts as a table."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from avrsp.errors import ParamsError
from avrsp.media.decode import probe, read_frames
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.frame_facts import describe
from avrsp.prediction.overlay_style import OverlayStyle
from avrsp.prediction.predictor import GENERATED, Predictor
from avrsp.prediction.wanted import OutputChoice
from avrsp.types import InputSpec

Make = Callable[[str, str], Path]

TONE = "-f lavfi -i sine=frequency=441:duration=1"
CLIP = f"-f lavfi -i color=gray:size=160x120:rate=10:duration=1 {TONE}"


class Ear(nn.Module):
    """Looks left where it is silent and right where it is loud."""

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        height, width = frames.shape[-2:]
        found = torch.full((len(frames), height, width), 0.01)
        loud = waveform is not None and float(waveform.abs().mean()) > 1e-3
        left = (5 if loud else 1) * width // 8
        found[..., height // 3 : 2 * height // 3, left : left + width // 4] = 1
        return found


@pytest.fixture
def predictor() -> Predictor:
    spec = InputSpec(8, 24, 32, audio=True)
    return Predictor(Ear(), spec, torch.device("cpu"), "float32", "stand-in", name="ear")


def coloured(picture: np.ndarray, columns: slice) -> bool:
    """Whether colour lies over the middle rows of a grey picture."""
    part = picture[40:80, columns].astype(int)
    return bool((part.max(2) - part.min(2)).mean() > 10)


def test_with_and_without_the_sound_stand_side_by_side(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    video, out = make_video("clip.mkv", CLIP), tmp_path / "out"
    wanted = OutputChoice(without_sound=True, csv=True)
    assert predict_videos([video], out, predictor, wanted) == []
    assert probe(out / "clip.overlay.mp4").width == 320
    frame = list(read_frames(out / "clip.overlay.mp4", height=120, width=320))[5]
    looked = [coloured(frame, slice(left, left + 80)) for left in (0, 80, 160, 240)]
    assert looked == [False, True, True, False]
    heard, silent = (
        np.load(out / f"clip{each}.maps.npz")["maps"] for each in ("", ".without-sound")
    )
    assert heard[5, :, 16:].sum() > 5 * heard[5, :, :16].sum()
    assert silent[5, :, :16].sum() > 5 * silent[5, :, 16:].sum()
    record = json.loads((out / "clip.prediction.json").read_text())
    assert [each["hears"] for each in record["models"]] == [True, False]
    assert (out / "clip.without-sound.csv").exists()


def test_models_stand_side_by_side(make_video: Make, tmp_path: Path, predictor: Predictor) -> None:
    video, out = make_video("clip.mkv", CLIP), tmp_path / "out"
    deaf = replace(predictor, spec=InputSpec(8, 48, 64, audio=False), name="deaf", digest="other")
    wanted = OutputChoice(side_by_side=True)
    assert predict_videos([video], out, predictor, wanted, others=[deaf]) == []
    assert probe(out / "clip.overlay.mp4").width == 480
    frame = list(read_frames(out / "clip.overlay.mp4", height=120, width=480))[5]
    looked = [coloured(frame, slice(left, left + 80)) for left in range(0, 480, 80)]
    assert looked == [False, False, False, True, True, False]
    assert np.load(out / "clip.deaf.maps.npz")["maps"].shape == (10, 48, 64)
    with pytest.raises(ParamsError, match="deaf takes no sound"):
        predict_videos([video], out, deaf, OutputChoice(without_sound=True))


def test_a_mark_says_that_weights_know_generated_videos_only(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    video = make_video("clip.mkv", CLIP)
    corner = {}
    for name, learnt in (("sample", (GENERATED,)), ("real", ("dhf1k",))):
        own = replace(predictor, learnt_from=learnt)
        assert predict_videos([video], tmp_path / name, own, OutputChoice()) == []
        frame = next(read_frames(tmp_path / name / "clip.overlay.mp4", height=120, width=160))
        corner[name] = float(np.abs(frame[104:, :90].astype(int) - 128).mean())
        record = json.loads((tmp_path / name / "clip.prediction.json").read_text())
        assert record["models"][0]["learnt_from"] == list(learnt)
        assert record["models"][0]["generated_only"] == (name == "sample")
    assert corner["sample"] > 40
    assert corner["real"] < 8


def test_a_contact_sheet_and_a_mean_map(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    longer = CLIP.replace("duration=1", "duration=3")
    silent = "volume=volume=0:enable='lt(t,1.5)'"
    video, out = make_video("clip.mkv", f'{longer} -af "{silent}"'), tmp_path / "out"
    style = OverlayStyle(colormap="viridis", opacity=1.0)
    wanted = OutputChoice(overlay=False, maps="none", sheet=True, mean=True, style=style)
    assert predict_videos([video], out, predictor, wanted) == []
    with Image.open(out / "clip.sheet.png") as sheet:
        assert sheet.size == (4 * 160, 3 * 140)  # in rows of four
    with Image.open(out / "clip.mean.png") as picture:
        mean = np.asarray(picture.convert("RGB"))
    assert mean.shape == (120, 160, 3)
    assert coloured(mean, slice(20, 60))
    assert coloured(mean, slice(100, 140))  # first here, then there
    assert {path.name for path in out.iterdir()} == {
        "clip.sheet.png",
        "clip.mean.png",
        "clip.prediction.json",
    }


def test_facts_are_those_of_the_map() -> None:
    saliency = np.zeros((12, 16))
    saliency[2, 3] = 3
    saliency[10, 11] = 1
    facts = asdict(describe(saliency, 24, 64, frame=7, time=0.28))
    assert (facts["frame"], facts["time"]) == (7, 0.28)
    assert facts["peak"] == pytest.approx(0.75 * 192)
    assert (facts["peak_x"], facts["peak_y"]) == (3.5 * 4, 2.5 * 2)
    centre = 0.75 * 14 + 0.25 * 46, 0.75 * 5 + 0.25 * 21
    assert (facts["centre_x"], facts["centre_y"]) == pytest.approx(centre)
    distances = [math.dist(centre, point) for point in ((14, 5), (46, 21))]
    expected = math.sqrt(0.75 * distances[0] ** 2 + 0.25 * distances[1] ** 2)
    assert facts["spread"] == pytest.approx(expected, abs=0.01)
    entropy = -0.75 * math.log2(0.75) - 0.25 * math.log2(0.25)
    assert facts["entropy"] == pytest.approx(entropy, abs=1e-4)
    assert describe(np.zeros((12, 16)), 24, 64).entropy == pytest.approx(math.log2(192), abs=1e-4)


def test_the_table_and_the_json_say_the_same(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    video, out = make_video("clip.mkv", CLIP), tmp_path / "out"
    wanted = OutputChoice(overlay=False, maps="none", csv=True, json=True)
    assert predict_videos([video], out, predictor, wanted) == []
    with (out / "clip.csv").open() as file:
        rows = [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    said = json.loads((out / "clip.json").read_text())
    assert (said["height"], said["width"]) == (120, 160)
    assert rows == said["frames"]
    assert [row["frame"] for row in rows] == list(range(10))
    assert rows[5]["peak_x"] > 80


def test_the_documentation_names_every_key(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    video, out = make_video("clip.mkv", CLIP), tmp_path / "out"
    wanted = OutputChoice(overlay=False, csv=True)
    assert predict_videos([video], out, predictor, wanted) == []
    text = (Path(__file__).parents[2] / "docs" / "predict.md").read_text()
    record = json.loads((out / "clip.prediction.json").read_text())
    described = text.partition("## What the record says")[2].partition("\n## ")[0]
    rows = {row.split("`")[1] for row in described.splitlines() if row.startswith("| `")}
    assert rows == {*record}
    named = {*record["models"][0], *record["files"][0], *record["video"]}
    assert not {key for key in named if f"`{key}`" not in described}
    columns = (out / "clip.csv").read_text().splitlines()[0].split(",")
    assert not {column for column in columns if f"`{column}`" not in text}
    maps = np.load(out / "clip.maps.npz")
    assert not {key for key in maps.files if f"`{key}`" not in text}
