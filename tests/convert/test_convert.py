from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy.io import savemat

from avrsp.convert.convert_video import Layout, convert
from avrsp.datasets.dataset_registry import ListedVideo, spec
from avrsp.errors import RawDataError
from avrsp.store.video_store import VideoStore
from tests.raw_videos import HEIGHT, LISTED, RATE, WIDTH, Convert, MirrorFiles, encode_avi


def test_a_whole_video_of_the_mirror(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    verdict = converted()
    assert verdict.kept
    assert verdict.notes == []
    assert (verdict.frames, verdict.height, verdict.width) == (LISTED, HEIGHT, WIDTH)
    assert (verdict.fps, verdict.has_sound) == (RATE, True)
    assert store.frames([0]).shape == (1, 16, 24, 3)
    assert [int(frame.mean()) for frame in store.frames(range(LISTED))] == [
        20 * number for number in range(1, LISTED + 1)
    ]
    for number in range(1, LISTED + 1):
        assert store.fixations(number - 1).tolist() == [[number, 2 * number]]
        peak = np.unravel_index(store.density(number - 1).argmax(), (HEIGHT, WIDTH))
        assert np.abs(np.subtract(peak, (number, 2 * number))).max() <= 1
    assert len(store.waveform) == np.ceil(LISTED / RATE * 22_050)
    np.testing.assert_allclose(store.waveform, 0.5 * np.sin(np.arange(5_292) * 0.1), atol=1e-4)
    assert store.attributes.sound_rate_native == 22_050
    assert store.attributes.code == "c0de"


def test_converting_twice_makes_the_same_bytes(mirror: MirrorFiles, converted: Convert) -> None:
    assert converted().digest == converted().digest
    mirror.density(3).write_bytes(mirror.density(4).read_bytes())
    first = converted()
    assert first.digest != "" != converted(frames=LISTED + 1).digest


def test_raw_files_that_are_not_those_of_the_former_store_are_told(
    mirror: MirrorFiles, converted: Convert, capsys: pytest.CaptureFixture[str]
) -> None:
    converted()
    converted()
    assert "former store" not in capsys.readouterr().err
    picture = mirror.frame(3)
    content, times = picture.read_bytes(), picture.stat()
    places = (place for place in range(len(content) - 3, 0, -1) if content[place] not in {254, 255})
    changed = bytearray(content)
    changed[next(places)] ^= 1  # which its format does not notice
    picture.write_bytes(changed)
    os.utime(picture, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert converted().kept
    assert "diem/a: its raw files are not those that its former store" in capsys.readouterr().err


@pytest.mark.parametrize("missing", [1, 2])
def test_a_few_frames_too_few_are_trimmed_and_noted(
    mirror: MirrorFiles, converted: Convert, store: VideoStore, missing: int
) -> None:
    for number in range(LISTED, LISTED - missing, -1):
        mirror.frame(number).unlink()
    verdict = converted()
    left = LISTED - missing
    assert verdict.notes == [f"{left} frames; the sheet lists 6, {left} are used"]
    assert len(store) == len(store.densities(0, 99)) == left
    assert (store.attributes.listed, store.attributes.used) == (6, left)


def test_a_frame_too_many_is_left_out(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    mirror.write(LISTED + 1)
    assert "7 frames, 7 density maps, 7 fixation maps" in converted().notes[0]
    assert len(store) == LISTED


@pytest.mark.parametrize("kind", [MirrorFiles.frame, MirrorFiles.density, MirrorFiles.fixation])
def test_a_gap_sets_the_video_aside(
    mirror: MirrorFiles, converted: Convert, kind: Callable[[MirrorFiles, int], Path]
) -> None:
    kind(mirror, 3).unlink()
    verdict = converted()
    assert not verdict.kept
    assert verdict.reason is not None
    assert verdict.reason.startswith("2 ")
    assert verdict.reason.endswith("maps; the sheet lists 6") or "2 frames;" in verdict.reason


def test_a_video_that_is_not_there_is_set_aside_and_its_old_store_removed(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    assert converted().kept
    for number in range(1, LISTED + 1):
        mirror.frame(number).unlink()
    assert converted().reason == "0 frames; the sheet lists 6"
    assert not store.path.exists()


def test_a_video_whose_credit_cannot_be_read_is_set_aside(
    mirror: MirrorFiles, row: ListedVideo, layout: Layout, tmp_path: Path
) -> None:
    def unreadable(folder: Path, video: str) -> str:
        raise RawDataError(f"{folder.name}/{video}.json: expected JSON")

    dataset = replace(spec("diem"), credit=unreadable)
    verdict = convert(dataset, row, mirror.raw, tmp_path / "a.zarr.zip", layout)
    assert (verdict.kept, verdict.reason) == (False, "raw/a.json: expected JSON")


def test_empty_maps_and_missing_sound_are_noted(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    black = np.zeros((HEIGHT, WIDTH), np.uint8)
    Image.fromarray(black).save(mirror.density(2))
    savemat(mirror.fixation(2), {"eyeMap": black})
    savemat(mirror.fixation(5), {"eyeMap": black})
    mirror.wav.unlink()
    verdict = converted()
    assert verdict.kept
    assert not verdict.has_sound
    assert verdict.notes == [
        "1 empty density maps",
        "2 frames without a fixation",
        "no sound file",
    ]
    assert len(store.waveform) == 0
    assert store.fixations(1).shape == (0, 2)


def test_fixation_maps_of_another_size_are_moved(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    for number in range(1, LISTED + 1):
        twice = np.zeros((2 * HEIGHT, 2 * WIDTH), np.uint8)
        twice[2 * number, 4 * number + 1] = 1
        savemat(mirror.fixation(number), {"eyeMap": twice})
    assert "moved" in converted().notes[0]
    assert store.fixations(4).tolist() == [[5, 10]]


def test_other_rates_are_resampled_and_channels_averaged(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    time = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 440 * time)
    soundfile.write(mirror.wav, np.stack([0.8 * tone, 0.2 * tone], axis=1), 48_000)
    assert converted().has_sound
    assert store.attributes.sound_rate_native == 48_000
    assert store.attributes.sound_channels_native == 2
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(5_292) / 22_050)
    np.testing.assert_allclose(store.waveform[200:], expected[200:], atol=0.01)


def test_silent_and_short_tracks_are_noted(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    soundfile.write(mirror.wav, np.zeros(1_000), 22_050)
    assert converted().notes == [
        "sound lasts 0.05 s, the picture 0.24 s: padded with silence",
        "the sound track is silent",
    ]
    assert store.waveform.shape == (np.ceil(LISTED / RATE * 22_050),)
    soundfile.write(mirror.wav, np.full(1_000, 0.5), 22_050)
    converted()
    assert store.path.exists()
    assert VideoStore(store.path).waveform[[999, 1_000]].tolist() == [0.5, 0.0]


def test_sound_longer_than_the_picture_is_cut_and_noted(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    soundfile.write(mirror.wav, np.full(22_050, 0.5), 22_050)
    assert converted().notes == ["sound lasts 1.00 s, the picture 0.24 s: cut"]
    assert store.waveform.tolist() == [0.5] * 5_292


def test_six_channels_are_mixed_down(
    mirror: MirrorFiles, converted: Convert, store: VideoStore
) -> None:
    soundfile.write(mirror.wav, np.tile([0.6, 0.6, 0, 0, 0, 0], (5_400, 1)), 22_050)
    assert converted().notes == []
    assert store.attributes.sound_channels_native == 6
    np.testing.assert_allclose(store.waveform, 0.2, atol=1e-4)


def test_frames_of_another_size_than_the_maps_are_noted(
    mirror: MirrorFiles, converted: Convert
) -> None:
    for number in range(1, LISTED + 1):
        Image.new("RGB", (33, 21)).save(mirror.frame(number))
    assert converted().notes == ["frames of (21, 33), density maps of (24, 40) pixels"]


def test_a_whole_video_of_dhf1k_has_no_sound(dhf1k: Path, converted: Convert) -> None:
    verdict = converted("dhf1k", video="005", fps=30.0)
    assert verdict.kept
    assert not verdict.has_sound
    assert verdict.notes == ["6 frames without a fixation"]
    store = VideoStore(dhf1k.parent / "store" / "005.zarr.zip")
    assert [int(store.density(n)[0, 0]) for n in range(LISTED)] == [30, 60, 90, 120, 150, 180]
    assert store.frames([5]).std() > 20


@pytest.mark.parametrize(("frames", "kept"), [(5, True), (8, True), (3, False), (9, False)])
def test_frames_of_a_video_file_are_counted_by_decoding(
    dhf1k: Path, converted: Convert, frames: int, kept: bool
) -> None:
    encode_avi(dhf1k / "dhf1k/video/005.AVI", frames)
    verdict = converted("dhf1k", video="005", fps=30.0)
    assert verdict.kept == kept
    said = verdict.notes[0] if kept else verdict.reason
    assert said is not None
    assert said.startswith(f"{frames} frames; the sheet lists 6")
