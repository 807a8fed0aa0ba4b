from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from avrsp.errors import RawDataError
from avrsp.media.probe import Media, probe
from avrsp.prediction.areas import Box, read_boxes
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.wanted import OutputChoice
from avrsp.types import InputSpec

CLIP = "-f lavfi -i color=black:size=64x48:rate=10:duration=1"


@pytest.fixture
def media(make_video: Callable[[str, str], Path]) -> Media:
    return probe(make_video("clip.mkv", CLIP))


class Left(nn.Module):
    """Looks at the left quarter, three times as much as elsewhere."""

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        found = torch.full((len(frames), frames.shape[-2], frames.shape[-1]), 0.25)
        found[..., : frames.shape[-1] // 4] = 0.75
        return found


def test_the_share_of_a_box_is_the_mass_in_it(media: Media) -> None:
    mass = np.random.default_rng(3).random((12, 16))  # a pixel of the map is 4 x 4 of the video
    mass /= mass.sum()
    assert Box("all", -9, -9, 99, 99).share(mass, media) == pytest.approx(1)
    whole = Box("part", 8, 12, 16, 20)
    assert whole.share(mass, media) == pytest.approx(mass[3:8, 2:6].sum())
    assert whole.even(media) == pytest.approx(16 * 20 / (64 * 48))
    halves = [Box("half", 8, 12, 6, 20), Box("half", 14, 12, 10, 20)]
    assert sum(each.share(mass, media) for each in halves) == pytest.approx(
        whole.share(mass, media)
    )


def test_boxes_over_time_are_written_and_drawn(
    make_video: Callable[[str, str], Path], tmp_path: Path
) -> None:
    video, boxes, out = make_video("clip.mkv", CLIP), tmp_path / "boxes.csv", tmp_path / "out"
    boxes.write_text(
        "box,x,y,width,height,video,start,end\n"
        "face,0,0,16,48,,,\n"
        "hand,0,0,16,48,,,0.5\n"
        "hand,32,0,16,48,clip,0.5,\n"
        "other,0,0,9,9,walk.mp4,,\n"
    )
    predictor = Predictor(
        Left(), InputSpec(8, 12, 16, audio=False), torch.device("cpu"), "float32", "stand-in"
    )
    wanted = OutputChoice(overlay=False, maps="none", aoi=boxes)
    assert predict_videos([video], out, predictor, wanted) == []
    with (out / "clip.aoi.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["frame", "time", "box", "share", "even"]
    shares = {name: [] for name in ("face", "hand")}  # type: dict[str, list[float]]
    for row in rows:
        shares[row["box"]].append(float(row["share"]))
        assert float(row["even"]) == pytest.approx(0.25)
    assert shares["face"] == pytest.approx([0.5] * 10)
    assert shares["hand"] == pytest.approx([0.5] * 5 + [1 / 6] * 5, abs=1e-5)
    with Image.open(out / "clip.aoi.png") as drawn:
        assert drawn.size[0] > 400
    before = (out / "clip.aoi.csv").stat().st_ino
    assert predict_videos([video], out, predictor, wanted) == []
    assert (out / "clip.aoi.csv").stat().st_ino == before
    boxes.write_text(boxes.read_text().replace("face,0", "face,1"))
    assert predict_videos([video], out, predictor, wanted) == []
    assert (out / "clip.aoi.csv").stat().st_ino != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected box, x, y, width, height"),
        ("box,x,y,w,h\nface,1,1,1,1\n", "expected box, x, y, width, height"),
        ("box,x,y,width,height\n", "holds no box"),
        ("box,x,y,width,height\nface,1,1,ten,1\n", "line 2: width: found 'ten'"),
        ("box,x,y,width,height\nface,1,nan,1,1\n", "line 2: y: found 'nan'"),
        ("box,x,y,width,height\nface,1,1,0,1\n", "line 2: found width 0"),
        ("box,x,y,width,height\n,1,1,1,1\n", "line 2: the box has no name"),
        ("box,x,y,width,height\nface,1,1\n", "line 2: width: found None"),
    ],
)
def test_a_bad_file_of_boxes_is_named_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    with pytest.raises(RawDataError, match=said):
        read_boxes(path)


def test_a_box_outside_of_the_picture_is_a_line(
    make_video: Callable[[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, boxes = make_video("clip.mkv", CLIP), tmp_path / "boxes.csv"
    boxes.write_text("box,x,y,width,height\nface,64,0,10,10\n")
    predictor = Predictor(
        Left(), InputSpec(8, 12, 16, audio=False), torch.device("cpu"), "float32", "stand-in"
    )
    wanted = OutputChoice(aoi=boxes)
    assert predict_videos([video], tmp_path / "out", predictor, wanted) == [video]
    assert "box face lies outside of the picture" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
