"""What the world wrote, read with libraries that know nothing of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, wavfile

from avrsp.datasets import spec
from avrsp.datasets.dataset_registry import ListedVideo
from avrsp.params import WorldParams
from avrsp.sample.layouts import UNENDED, UNEVEN, EncodedSound, Recording, fold_lists, write_mirror
from avrsp.sample.plan import PlannedVideo, plan, sheet
from avrsp.sample.scene import compose, frame_size
from avrsp.sample.synthesis import track
from avrsp.sample.writers import write_dataset

SEED = 7
MIRROR = ("coutrot2", "avad")


@pytest.fixture(scope="module")
def videos(tiny: WorldParams) -> list[PlannedVideo]:
    return [video for video in plan(tiny, SEED) if video.dataset in MIRROR]


def numbered(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def folder_of(raw: Path, tree: str, video: PlannedVideo) -> Path:
    return raw / "mirror" / tree / spec(video.dataset).folder / video.video


def parsed(path: Path) -> list[tuple[str, int, float]]:
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    return [(name, int(frames), float(fps)) for name, frames, fps in rows]


def test_files_are_numbered_from_one_and_as_many_as_listed(
    raw: Path, videos: list[PlannedVideo]
) -> None:
    for video in videos:
        frames = numbered(folder_of(raw, "video_frames", video), "img_*.jpg")
        maps = numbered(folder_of(raw, "annotations", video) / "maps", "eyeMap_*.jpg")
        mats = numbered(folder_of(raw, "annotations", video), "fixMap_*.mat")
        fewer = "one frame fewer" in video.quirks
        assert len(frames) == video.frames - fewer
        assert len(maps) == len(mats) == video.frames
        assert frames[0].name == "img_00001.jpg"
        assert maps[-1].name == f"eyeMap_{video.frames:05d}.jpg"
        assert mats[-1].name == f"fixMap_{video.frames:05d}.mat"
    assert any("one frame fewer" in video.quirks for video in videos)


def test_frames_on_disk_are_the_scene_s(
    raw: Path, tiny: WorldParams, videos: list[PlannedVideo]
) -> None:
    for video in videos[::4]:
        drawn = list(compose(video, tiny, SEED).frames(*frame_size(video, tiny)))
        paths = numbered(folder_of(raw, "video_frames", video), "*.jpg")
        for path, frame in zip(paths, drawn, strict=False):
            read = np.asarray(Image.open(path), dtype=float)
            assert np.sqrt(((read - frame) ** 2).mean()) < 8


def test_maps_hold_points_and_their_blur(raw: Path, videos: list[PlannedVideo]) -> None:
    for video in videos[::3]:
        folder = folder_of(raw, "annotations", video)
        for number in (1, video.frames):
            content = loadmat(folder / f"fixMap_{number:05d}.mat")
            fixated = content["eyeMap"]
            blurred = np.asarray(Image.open(folder / "maps" / f"eyeMap_{number:05d}.jpg"))
            assert fixated.shape == blurred.shape == (72, 96)
            assert set(np.unique(fixated)) <= {0, 1}
            assert blurred.max() >= 250
            assert blurred[fixated == 1].mean() > 2 * blurred.mean()


def test_empty_fixations_leave_zero_maps(tmp_path: Path, tiny: WorldParams) -> None:
    write_dataset("diem", tmp_path, tiny, SEED)
    (video,) = [video for video in plan(tiny, SEED) if video.dataset == "diem"]
    assert video.quirks == ("empty fixations",)
    folder = folder_of(tmp_path, "annotations", video)
    empty = [
        number
        for number in range(1, video.frames + 1)
        if not loadmat(folder / f"fixMap_{number:05d}.mat")["eyeMap"].any()
    ]
    assert len(empty) == 4
    for number in empty:
        assert not np.asarray(Image.open(folder / "maps" / f"eyeMap_{number:05d}.jpg")).any()


def test_only_clips_with_sound_have_a_wav(raw: Path, videos: list[PlannedVideo]) -> None:
    kinds = set()
    for video in videos:
        wav = folder_of(raw, "video_audio", video) / f"{video.video}.wav"
        assert wav.exists() == wav.parent.exists() == (video.kind != "silent")
        kinds.add(video.kind)
    assert kinds == {"sounding", "music", "silent"}


def recording(sound: EncodedSound) -> Recording:
    blank = np.zeros((3, 48, 64), dtype=np.uint8)
    return Recording(list(np.repeat(blank[..., None], 3, axis=3)), sound, list(blank), list(blank))


def test_a_missing_sound_file_leaves_no_folder(tmp_path: Path) -> None:
    video = PlannedVideo(
        "avad", "V1", 3, 24.99975, "music", {"1": "train"}, ("bird",), ("missing sound",)
    )
    hum = EncodedSound(np.ones((2646, 1), dtype=np.int16), 22_050)
    write_mirror(tmp_path / "raw", video, recording(hum))
    assert not (tmp_path / "raw/mirror/video_audio").exists()
    assert len(numbered(folder_of(tmp_path / "raw", "video_frames", video), "*.jpg")) == 3


def test_a_stereo_track_keeps_its_rate_and_channels(tmp_path: Path) -> None:
    video = PlannedVideo("avad", "V1", 3, 24.99975, "music", {"1": "train"}, ("bird",))
    hum = EncodedSound(np.ones((5292, 2), dtype=np.int16), 44_100)
    write_mirror(tmp_path / "raw", video, recording(hum))
    rate, read = wavfile.read(tmp_path / "raw/mirror/video_audio/AVAD/V1/V1.wav")
    assert (rate, read.shape[1], read.dtype.name) == (44_100, 2, "int16")


def test_wavs_are_the_track_in_step_with_the_picture(
    raw: Path, tiny: WorldParams, videos: list[PlannedVideo]
) -> None:
    heard = [video for video in videos if video.kind != "silent"]
    for video in heard[:5]:
        rate, read = wavfile.read(folder_of(raw, "video_audio", video) / f"{video.video}.wav")
        meant = track(video, tiny.sound, SEED)
        assert meant is not None
        assert read.dtype == np.int16
        assert len(read) == pytest.approx(video.duration * rate, abs=2100)
        one, two = (wave.reshape(len(wave), -1).mean(axis=1)[:8000] for wave in (read, meant))
        lags = np.correlate(one, two, mode="full")
        assert abs(int(np.argmax(lags)) - 7999) <= 0.002 * rate


@pytest.mark.parametrize("dataset", MIRROR)
def test_fold_lists_are_the_sheet(raw: Path, tiny: WorldParams, dataset: str) -> None:
    rows = sheet(tiny, SEED, dataset)
    for split in (1, 2, 3):
        for role in ("train", "test"):
            name = f"{spec(dataset).folder}_list_{role}_{split}_fps.txt"
            listed = parsed(raw / "mirror" / "fold_lists" / name)
            assert listed == [
                (row.video, row.frames, row.fps) for row in rows if row.roles[str(split)] == role
            ]


def listed(video: str, fps: float, *roles: str) -> ListedVideo:
    in_splits = dict(zip("123", roles, strict=True))
    return ListedVideo.model_validate(
        {"video": video, "frames": 20, "fps": fps, "roles": in_splits}
    )


def test_diem_has_one_pair_of_lists_and_dhf1k_none() -> None:
    rows = [listed("a", 29.9997, "train", "train", "train")]
    assert dict(fold_lists("diem", rows)) == {
        "DIEM_list_train_fps.txt": "a 20 29.9997\n",
        "DIEM_list_test_fps.txt": "",
    }
    assert not list(fold_lists("dhf1k", rows))


def test_two_lists_are_untidy() -> None:
    rows = [listed(name, 24.99975, "train", "train", "test") for name in ("a", "b")]
    lists = dict(fold_lists("coutrot2", rows)) | dict(fold_lists("etmd", rows))
    assert lists[UNEVEN] == "a\t20   24.99975 \n\nb\t20   24.99975 \n"
    assert lists[UNENDED] == "a 20 24.99975\nb 20 24.99975"
