"""Folders of numbered pictures with a sound file, as videos."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from avrsp.errors import ParamsError, RawDataError
from avrsp.prediction.find_videos import find_videos
from avrsp.prediction.frame_folder import FrameFolder
from avrsp.prediction.wanted import PictureInput

RATE = Fraction(30_000, 1001)


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """Write pictures of a rising grey under the given names."""

    def write(*names: str) -> Path:
        folder = tmp_path / "clip"
        folder.mkdir(exist_ok=True)
        for level, name in enumerate(names):
            Image.new("RGB", (64, 48), (20 * level,) * 3).save(folder / name)
        return folder

    return write


@pytest.mark.parametrize("form", ["img_{:05d}.jpg", "{}.png", "frame-{:03d}.png", "a1_{:08d}.jpeg"])
def test_pictures_are_read_in_the_order_of_their_numbers(
    pictures: Callable[..., Path], form: str
) -> None:
    folder = pictures(*(form.format(number) for number in range(8, 12)))
    (folder / "._img_00001.jpg").write_bytes(b"\0")
    (folder / "notes.txt").touch()
    clip = FrameFolder(folder, RATE, None)
    assert (clip.media.height, clip.media.width, clip.media.expected) == (48, 64, 4)
    frames = list(clip.frames(16, 24))
    assert [frame.image.shape for frame in frames] == [(16, 24, 3)] * 4
    assert [round(frame.image.mean() / 20) for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == pytest.approx([k * 1001 / 30_000 for k in range(4)])
    assert clip.sound.size == 0
    assert clip.notes == []


def test_a_missing_picture_shifts_nothing(pictures: Callable[..., Path]) -> None:
    clip = FrameFolder(pictures("1.png", "2.png", "5.png"), Fraction(10), None)
    assert [frame.time for frame in clip.frames(8, 8)] == pytest.approx([0, 0.1, 0.4])
    assert clip.notes == [f"{clip.path}: 2 numbers are missing (3, 4); the others keep their times"]


def test_a_sound_file_begins_with_the_first_picture(
    pictures: Callable[..., Path], tmp_path: Path
) -> None:
    tone = np.sin(np.arange(44_100) / 9).astype(np.float32) / 2
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, tone], 1), 22_050)
    clip = FrameFolder(pictures("1.png", "2.png"), Fraction(25), tmp_path / "tone.wav")
    np.testing.assert_allclose(clip.sound[:], tone, atol=1e-4)


def test_what_is_no_video_is_refused(pictures: Callable[..., Path], tmp_path: Path) -> None:
    folder = pictures("img_1.jpg", "map_1.jpg")
    with pytest.raises(RawDataError, match=r"img_1\.jpg and map_1\.jpg; expected the pictures of"):
        FrameFolder(folder, RATE, None)
    (folder / "map_1.jpg").unlink()
    Image.new("RGB", (64, 48)).save(folder / "img_01.jpg")
    with pytest.raises(RawDataError, match=r"img_01\.jpg and img_1\.jpg have one number"):
        FrameFolder(folder, RATE, None)
    (folder / "img_01.jpg").unlink()
    with pytest.raises(RawDataError, match="by --fps"):
        FrameFolder(folder, None, None)
    (tmp_path / "no.wav").write_text("no sound")
    with pytest.raises(RawDataError, match="not a sound file"):
        FrameFolder(folder, RATE, tmp_path / "no.wav")
    for wrong in ("0", "-3", "fast", "1/0", "5000"):
        with pytest.raises(ParamsError, match="--fps"):
            PictureInput.given(wrong, None)


def test_a_folder_without_videos_is_one_itself(pictures: Callable[..., Path]) -> None:
    folder = pictures("img_0001.jpg", "img_0002.jpg")
    assert find_videos([str(folder)]) == [folder]
    (folder / "film.mp4").touch()
    assert find_videos([str(folder)]) == [folder / "film.mp4"]
