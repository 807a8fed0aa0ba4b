from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import loadmat

from avrsp.params import WorldParams
from avrsp.sample.plan import plan

SEED = 7


def probe(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    return {stream["codec_type"]: stream for stream in streams}


def test_dhf1k_is_xvid_with_mp3_at_30_frames_a_second(raw: Path, tiny: WorldParams) -> None:
    for video in [video for video in plan(tiny, SEED) if video.dataset == "dhf1k"]:
        streams = probe(raw / "dhf1k" / "video" / f"{video.video}.AVI")
        picture, sound = streams["video"], streams["audio"]
        assert (picture["codec_name"], picture["codec_tag_string"]) == ("mpeg4", "XVID")
        assert (picture["width"], picture["height"]) == (96, 54)
        assert Fraction(picture["avg_frame_rate"]) == 30
        assert int(picture["nb_read_frames"]) == video.frames
        assert sound["codec_name"] == "mp3"


def test_dhf1k_annotations_have_four_digits_and_tests_have_none(
    raw: Path, tiny: WorldParams
) -> None:
    frames = {video.video: video.frames for video in plan(tiny, SEED) if video.dataset == "dhf1k"}
    root = raw / "dhf1k" / "annotation"
    assert sorted(path.name for path in root.iterdir()) == ["0001", "0601"]
    for video in ("001", "601"):
        folder = root / f"0{video}"
        assert len(list((folder / "maps").glob("*.png"))) == frames[video]
        blurred = np.asarray(Image.open(folder / "maps" / "0001.png"))
        binary = np.asarray(Image.open(folder / "fixation" / "0001.png"))
        points = loadmat(folder / "fixation" / "maps" / "0001.mat")["I"]
        assert blurred.shape == binary.shape == points.shape == (54, 96)
        assert blurred.max() == 255
        assert np.array_equal(binary, points * 255)
        assert points.any()
