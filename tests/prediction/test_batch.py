from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from avrsp.media.decode import frame_times, probe, read_frames, read_sound
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.overlay_style import MapsForm
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.wanted import OutputChoice
from avrsp.store.video_store import MapStore
from avrsp.types import InputSpec
from tests.conftest import CLIPS

Make = Callable[[str, str], Path]

BALL = "40+195*lt(hypot(X-8-2*N,Y-24),7)"
PICTURE = f"-f lavfi -i \"color=gray:size=64x48:rate=25:duration=1,geq=lum='{BALL}':cb=128:cr=128\""
TONE = "-f lavfi -i sine=frequency=441:duration=1"


class Bright(nn.Module):
    """Looks at what is bright in the last frame."""

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        return torch.sigmoid(frames[:, :, -1].float().mean(1) / 20 - 6)


@pytest.fixture
def predictor() -> Predictor:
    spec = InputSpec(8, 32, 64, audio=True)
    return Predictor(Bright(), spec, torch.device("cpu"), "float32", "stand-in")


def test_the_overlay_has_every_frame_and_the_sound(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    video, out = make_video("clip.mp4", f"{PICTURE} {TONE} -shortest"), tmp_path / "out"
    assert predict_videos([video], out, predictor, OutputChoice(maps="npz", json=True)) == []
    overlay = out / "clip.overlay.mp4"
    before, after = probe(video), probe(overlay)
    assert (after.width, after.height, after.rate) == (before.width, before.height, before.rate)
    np.testing.assert_allclose(frame_times(overlay), frame_times(video), atol=1e-4)
    np.testing.assert_array_equal(read_sound(overlay, rate=22_050), read_sound(video, rate=22_050))
    plain, painted = (list(read_frames(each, height=48, width=64)) for each in (video, overlay))
    for number in (0, 12, 24):  # the ball's place glows, the rest stays
        ball, rest = (slice(20, 28), slice(5 + 2 * number, 12 + 2 * number)), (slice(0, 8),)
        difference = painted[number].astype(int) - plain[number]
        assert difference[ball][..., 2].mean() < -40
        assert np.abs(difference[rest]).mean() < 4


def test_maps_in_each_form_follow_the_ball(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    video = make_video("clip.mp4", f"{PICTURE} -frames:v 20")
    forms: tuple[MapsForm, ...] = ("npz", "zarr", "png", "video")
    for form in forms:
        wanted = OutputChoice(overlay=False, maps=form, json=True)
        assert predict_videos([video], tmp_path / form, predictor, wanted) == []
    packed = np.load(tmp_path / "npz" / "clip.maps.npz")
    assert (packed["maps"].shape, packed["maps"].dtype) == ((20, 32, 64), np.float16)
    np.testing.assert_allclose(packed["times"], np.arange(20) / 25, atol=1e-6)
    np.testing.assert_array_equal(
        MapStore(tmp_path / "zarr" / "clip.maps.zarr.zip").maps(0, 20), packed["maps"]
    )
    pictures = sorted((tmp_path / "png" / "clip.maps").iterdir())
    assert [picture.name for picture in pictures] == [f"{n:06d}.png" for n in range(1, 21)]
    stacked = np.stack([np.asarray(Image.open(picture)) for picture in pictures])
    filmed = np.stack(list(read_frames(tmp_path / "video" / "clip.maps.mp4", height=32, width=64)))[
        ..., 0
    ]
    facts = json.loads((tmp_path / "npz" / "clip.json").read_text())["frames"]
    for number in (0, 7, 19):
        for each in (packed["maps"], stacked, filmed):
            columns = each[number].astype(float).max(0)
            assert np.argmax(columns > 0.9 * columns.max()) == pytest.approx(2 + 2 * number, abs=2)
        assert facts[number]["peak_x"] == pytest.approx(8 + 2 * number, abs=8)
        assert facts[number]["peak_y"] == pytest.approx(24, abs=8)
        assert 5 < facts[number]["entropy"] < 11


def test_what_is_done_is_left_and_what_changed_is_redone(
    make_video: Make, tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    video, out = make_video("clip.mp4", f"{PICTURE} -frames:v 3"), tmp_path / "out"
    packed = out / "clip.maps.npz"
    only_maps = OutputChoice(overlay=False)

    def redone(using: Predictor = predictor, wanted: OutputChoice = only_maps) -> bool:
        before = packed.stat().st_ino if packed.exists() else 0
        assert predict_videos([video], out, using, wanted) == []
        return packed.stat().st_ino != before

    assert redone()
    assert not redone()
    assert "done before" in capsys.readouterr().err
    assert redone(replace(predictor, digest="other weights"))
    assert redone(wanted=OutputChoice(side_by_side=True))
    assert probe(out / "clip.overlay.mp4").width == 128
    packed.unlink()
    assert redone()
    make_video("clip.mp4", f"{PICTURE} -frames:v 4")
    assert redone()
    record = out / "clip.prediction.json"
    record.write_text(record.read_text()[:20])
    assert redone()


def test_bad_videos_are_a_line_each_and_the_others_go_on(
    make_video: Make, tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video at all")
    good = make_video("good.mp4", f"{PICTURE} -frames:v 1")
    missing = tmp_path / "missing.mp4"
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    failed = predict_videos(
        [bad, missing, pipe, good], tmp_path / "out", predictor, OutputChoice(maps="none")
    )
    assert failed == [bad, missing, pipe]
    faults = [line for line in capsys.readouterr().err.splitlines() if line.startswith("avrsp: ")]
    assert [line.split(":")[1].strip() for line in faults] == [str(bad), str(missing), str(pipe)]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "good.overlay.mp4",
        "good.prediction.json",
    }


def test_where_no_video_can_be_used_no_folder_is_made(tmp_path: Path, predictor: Predictor) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video at all")
    there = tmp_path / "there"
    there.mkdir()
    for out in (tmp_path / "out", there):
        assert predict_videos([bad], out, predictor, OutputChoice()) == [bad]
    assert {path.name for path in tmp_path.iterdir()} == {"bad.mp4", "there"}


def test_an_interruption_leaves_only_what_it_goes_on_from(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    class Interrupted(Bright):
        calls = 0

        def forward(
            self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
        ) -> Tensor:
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return super().forward(frames, waveform, has_sound)

    video, out = make_video("clip.mp4", f"{PICTURE} {TONE}"), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        predict_videos([video], out, replace(predictor, model=Interrupted()), OutputChoice())
    assert [path.name for path in out.iterdir()] == [".clip.maps.part"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_mutation_of_a_file_does_harm(
    make_video: Make, tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_video("whole.mp4", f"{PICTURE} {TONE} -g 5").read_bytes()
    chance = random.Random(20)
    for number in range(100):
        video, out = tmp_path / f"{number}.mp4", tmp_path / "out" / str(number)
        content = bytearray(whole)
        for _ in range(chance.choice((1, 4, 40))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        kept = chance.choice((len(content), chance.randrange(len(content))))
        video.write_bytes(content[:kept])
        failed = predict_videos([video], out, predictor, OutputChoice())
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("avrsp")]
        if failed:
            assert len(said) == 1
            assert not out.exists()
        else:
            count = len(np.load(out / f"{number}.maps.npz")["maps"])
            assert len(frame_times(out / f"{number}.overlay.mp4")) == count
            assert count == 25 or said


@pytest.mark.slow
@pytest.mark.parametrize("video", sorted(CLIPS.glob("*.mp4")), ids=lambda path: path.stem)
def test_real_clips_keep_frames_times_and_sound(
    video: Path, tmp_path: Path, predictor: Predictor
) -> None:
    assert predict_videos([video], tmp_path, predictor, OutputChoice()) == []
    overlay = tmp_path / f"{video.stem}.overlay.mp4"
    before, after = frame_times(video), frame_times(overlay)
    np.testing.assert_allclose(after - after[0], before - before[0], atol=1e-3)
    assert probe(overlay).has_sound
    maps = np.load(tmp_path / f"{video.stem}.maps.npz")["maps"].astype(np.float32)
    assert len(maps) == len(before)
    assert np.isfinite(maps).all()
    assert (maps.max((1, 2)) > maps.min((1, 2))).all()
