"""Films in the page: which, how long, with sound, and the same each time."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avrsp.errors import RawDataError
from avrsp.report.about import About
from avrsp.report.films import clips, film, poster
from avrsp.report.inputs import ReportPlaces, gather
from avrsp.report.page import FilmBlock, Notice
from avrsp.store.video_store import MapStore, StoreAttributes, VideoStore, write_maps, write_store

FPS, COUNT = 25.0, 200
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not there")


def made(folder: Path) -> tuple[VideoStore, MapStore]:
    """Eight seconds of a slope that brightens, with a tone; noise takes long to encode."""
    slope = np.linspace(0, 1, 96)
    frames = np.empty((COUNT, 64, 96, 3), np.uint8)
    frames[...] = (np.arange(COUNT)[:, None] + 50 * slope)[:, None, :, None]
    store, maps = folder / "video.zarr.zip", folder / "maps.zarr.zip"
    write_store(
        store,
        frames=frames,
        densities=np.zeros((COUNT, 60, 80), np.uint8),
        fixations=[np.zeros((1, 2), np.int16)] * COUNT,
        waveform=(0.5 * np.sin(np.arange(int(COUNT / FPS * 22_050)) / 10)).astype(np.float32),
        attributes=StoreAttributes("diem", "video", FPS, None, None, "", "", COUNT, COUNT),
        chunk=8,
    )
    write_maps(maps, np.broadcast_to(slope, (COUNT, 64, 96)))
    return VideoStore(store), MapStore(maps)


@needs_ffmpeg
def test_a_film_has_six_seconds_of_picture_and_sound_and_the_same_bytes(tmp_path: Path) -> None:
    store, maps = made(tmp_path)
    content = film(store, maps)
    assert film(store, maps) == content
    (tmp_path / "film.mp4").write_bytes(content)
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(tmp_path / "film.mp4")]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    picture, sound = said["streams"]
    assert (picture["codec_name"], picture["nb_frames"]) == ("h264", "150")
    assert (picture["width"], picture["height"]) == (576, 216)  # twice 288 in the truth's shape
    assert sound["codec_name"] == "aac"
    assert float(sound["duration"]) == pytest.approx(6, abs=0.1)
    with Image.open(io.BytesIO(poster(store, maps))) as first:
        assert first.size == (576, 216)
        dark = np.asarray(Image.fromarray(store.frames([25])[0]).resize((288, 216)))
        np.testing.assert_array_equal(np.asarray(first)[:, :288], dark)  # of 200 the middle 150


@needs_ffmpeg
def test_the_best_the_middle_and_the_worst_clip_are_shown(
    finished: ReportPlaces, about: About
) -> None:
    shown = [block for block in clips(gather(finished, about)) if isinstance(block, FilmBlock)]
    assert [clip.name for clip in shown] == ["clip-highest", "clip-middle", "clip-lowest"]
    assert shown[0].title == "DIEM (generated), four"
    assert all(clip.address.startswith("data:video/mp4;base64,") for clip in shown)


def test_a_clip_without_maps_is_named(finished: ReportPlaces, about: About, tmp_path: Path) -> None:
    found = gather(replace(finished, maps=tmp_path), about)
    said = [block.text for block in clips(found) if isinstance(block, Notice)]
    assert said[0] == "DIEM (generated), four: AV has no maps of it."


def test_without_ffmpeg_the_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, maps = made(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RawDataError, match="ffmpeg: not found on PATH"):
        film(store, maps)
