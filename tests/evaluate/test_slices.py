"""Slices of a comparison: cuts that are cuts, thirds that are thirds, and what has sound."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from PIL import Image

from avrsp.cli import commands
from avrsp.errors import StoreError
from avrsp.evaluate.compare import ComparisonRules
from avrsp.evaluate.compare_slices import compare_slices
from avrsp.evaluate.score_table import write_rows
from avrsp.evaluate.slices import KINDS, divided, facts_of, frame_facts, is_cut
from avrsp.evaluate.summary import METRICS
from avrsp.media import decode
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store
from tests.conftest import CLIPS

RATE, COUNT, CUT_AT = 25.0, 75, 40
SIZE = (36, 64)


def pictures() -> np.ndarray:
    """A bright square that moves over a dark ground; from frame 40 on it stands on a light one."""
    found = np.full((COUNT, *SIZE, 3), 20, np.uint8)
    found[CUT_AT:] = 180
    for frame in range(COUNT):
        left = min(frame, CUT_AT - 10)
        found[frame, 10:20, left : left + 10] = 250
    return found


def write(folder: Path, video: str, *, sound: bool) -> Path:
    """Write a store; its gaze moves from the centre to a corner."""
    path = folder / "mine" / f"{video}.zarr.zip"
    place = np.linspace(0, 1, COUNT)
    points = np.column_stack([18 + 17 * place, 32 + 31 * place]).astype(np.int64)
    tone = 0.3 * np.sin(np.arange(int(COUNT / RATE * 22_050)) / 9)
    tone[: len(tone) // 2] = 0
    write_store(
        path,
        frames=pictures(),
        densities=np.full((COUNT, *SIZE), 9, np.uint8),
        fixations=[point[None] for point in points],
        waveform=(tone if sound else np.zeros(0)).astype(np.float32),
        attributes=StoreAttributes("mine", video, RATE, None, None, "", "", COUNT, COUNT),
        chunk=8,
    )
    return path


def test_what_is_known_of_a_frame(tmp_path: Path) -> None:
    facts = frame_facts(VideoStore(write(tmp_path, "a", sound=True)))
    seconds = np.arange(COUNT) / RATE
    expected = np.where(np.arange(COUNT) < CUT_AT, seconds, seconds - CUT_AT / RATE)
    np.testing.assert_allclose(facts["cut"], expected, atol=1e-9)
    assert np.flatnonzero(facts["motion"].isna()).tolist() == [0, CUT_AT]
    assert (facts["motion"][1:30] > 1).all()
    assert (facts["motion"][CUT_AT + 1 :] == 0).all()
    assert facts["centre"][0] < 0.05
    assert facts["centre"][COUNT - 1] > 0.95
    assert facts["centre"].is_monotonic_increasing
    silent, sounding = facts["sound"][: COUNT // 2 - 14], facts["sound"][COUNT // 2 - 11 :]
    assert not silent.any()
    assert sounding.all()
    assert not frame_facts(VideoStore(write(tmp_path, "b", sound=False)))["sound"].any()


def test_motion_is_no_cut_and_a_flash_is_told_from_its_surroundings() -> None:
    steady = np.full(50, 30.0)
    assert not is_cut(steady).any()
    steady[20] = 120
    assert np.flatnonzero(is_cut(steady)).tolist() == [20]
    quiet = np.zeros(50)
    quiet[30] = 10
    assert not is_cut(quiet).any()


def test_cuts_of_a_real_clip_are_those_that_ffmpeg_finds() -> None:
    grey = [
        np.asarray(Image.fromarray(each).convert("L"), np.float64)
        for each in decode.read_frames(CLIPS / "tears-of-steel.mp4", height=36, width=64)
    ]
    change = np.array([0.0, *(np.abs(b - a).mean() for a, b in itertools.pairwise(grey))])
    command = ["ffmpeg", "-i", str(CLIPS / "tears-of-steel.mp4"), "-an", "-f", "null", "-"]
    command[3:3] = ["-vf", r"select=gt(scene\,0.3),showinfo"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    theirs = [round(24 * float(each)) for each in re.findall(r"pts_time:([\d.]+)", said)]
    assert len(theirs) == 2
    assert np.flatnonzero(is_cut(change)).tolist() == theirs


def test_frames_are_divided_once_and_into_thirds(tmp_path: Path) -> None:
    for video in "ab":
        write(tmp_path, video, sound=video == "a")
    rows = pd.DataFrame({"dataset": "mine", "video": ["a", "b"]})
    facts = facts_of(rows, tmp_path)
    found = {kind: words.value_counts(dropna=False) for kind, _, words in divided(facts)}
    assert tuple(found) == KINDS
    assert all(counts.sum() == 2 * COUNT for counts in found.values())
    assert found["centre"].tolist() == pytest.approx([2 * COUNT / 3] * 3, abs=5)  # pixels tie
    assert found["cut"]["less than 0.5 s"] == 2 * 2 * 13
    assert found["sound"]["no sound"] > COUNT


def rows_of(method: str, gain: float) -> pd.DataFrame:
    """Rows that score `gain` more in the half second after a cut."""
    frame = np.arange(COUNT)
    near = (frame < 13) | ((frame >= CUT_AT) & (frame < CUT_AT + 13))
    parts = [
        pd.DataFrame(
            {"dataset": "mine", "split": "1", "video": video, "method": method}
            | {"protocol": "avrsp", "frame": frame, "fixations": 1}
            | {"predicted": True, "empty": False}
            | dict.fromkeys(METRICS, 0.5 + gain * near)
        )
        for video in "ab"
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for name, gain in (("one", 0.2), ("two", 0.0)):
        table = rows_of(name, gain)
        parts = [
            pa.Table.from_pandas(own, preserve_index=False) for _, own in table.groupby("video")
        ]
        write_rows(tmp_path / f"{name}.parquet", parts, parts[0].schema.remove_metadata())
        found.append(tmp_path / f"{name}.parquet")
    return found


def test_a_difference_is_found_in_the_slice_that_makes_it(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for video in "ab":
        write(tmp_path / "store", video, sound=video == "a")
    call = ["compare", *map(str, files), "--metric", "cc", "--slices", "store"]
    done = CliRunner().invoke(commands, [*call, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    slices = {(each["kind"], each["name"]): each for each in json.loads(done.output)["slices"]}
    near = slices["cut", "less than 0.5 s"]
    assert (near["difference"], near["first_score"], near["videos"]) == pytest.approx((0.2, 0.7, 2))
    assert slices["cut", "0.5 to 2.0 s"]["difference"] == 0
    assert slices["sound", "sound"]["videos"] == 1
    assert slices["sound", "no sound"]["videos"] == 2
    text = CliRunner().invoke(commands, call, catch_exceptions=False).output
    assert "one minus two, by cut: seconds since the last cut" in text
    assert all(f"by {kind}:" in text for kind in KINDS)


def test_other_stores_are_refused(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(StoreError, match=r"a\.zarr\.zip"):
        compare_slices(files, tmp_path, ComparisonRules(resamples=10, seed=0))
    for video in "ab":
        write(tmp_path, video, sound=False)
    short = rows_of("one", 0)
    short = short[short["frame"] < 70]
    parts = [pa.Table.from_pandas(own, preserve_index=False) for _, own in short.groupby("video")]
    for file in files:
        write_rows(file, parts, parts[0].schema.remove_metadata())
    with pytest.raises(StoreError, match=r"mine/a has 75 frames, its rows in .* 70"):
        compare_slices(files, tmp_path, ComparisonRules(resamples=10, seed=0))
