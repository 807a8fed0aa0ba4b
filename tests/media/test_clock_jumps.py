"""Films whose clock jumps by hours: frames keep their own sound, and the hours cost nothing."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avrsp.datasets.recorded_video import frame_times
from avrsp.errors import RawDataError
from avrsp.media.pipes import passthrough
from avrsp.media.probe import probe
from avrsp.media.reader import VideoReader
from avrsp.types import SOUND_RATE

Make = Callable[[str, str], Path]

HOURS = 5 * 3600
SIZE = "64x48"
FLASH = "drawbox=w=64:h=48:color=white:t=fill:enable='between(mod(t,2),0.99,1.1)'"
CLICK = "aevalsrc='if(between(mod(t,2),1,1.02),0.8*sin(2*PI*1000*t),0)':s=48000:d=4"
FILM = f'-f lavfi -i "color=gray:size={SIZE}:rate=25:duration=4,{FLASH}" -f lavfi -i "{CLICK}"'
LATER = f"PTS+gte(T,2)*{HOURS}/TB"
CODED = f"-{next(iter(passthrough()))} passthrough -c:v libx264 -preset ultrafast -bf 2 -c:a aac"
LEAST = 1_000
"""Samples on either side of a flash among which its click is looked for."""


def film(make: Make, name: str, picture: str, sound: str) -> Path:
    """Write flashes and clicks at 1 s and 3 s, with other times from 2 s on."""
    clocks = f"""-vf "setpts='{picture}'" -af "asetpts='{sound}'\""""
    return make(name, f"{FILM} {clocks} {CODED}")


def heard(path: Path) -> tuple[list[float], list[bool], int]:
    """Return when flashes come, whether each has its click, and the bytes that sound takes."""
    clip = VideoReader(path)
    frames = list(clip.frames(8, 8))
    bright = [frame.image.mean() > 190 for frame in frames]
    times = [frame.time - frames[0].time for frame in frames]
    assert (np.diff(times) > 0).all()
    flashes = [times[k] for k in range(1, len(times)) if bright[k] and not bright[k - 1]]
    places = [round(each * SOUND_RATE) for each in flashes]
    clicks = [
        bool(np.abs(clip.sound[at - LEAST : at + LEAST]).max(initial=0) > 0.3) for at in places
    ]
    used = os.fstat(clip.sound._file.fileno()).st_blocks * 512
    clip.close()
    return flashes, clicks, used


def frames_back(path: Path) -> float:
    """Return by how many seconds the file's own times go back at most."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time"]
    said = subprocess.run([*command, "-of", "csv=p=0", path], capture_output=True, check=True)
    return float(-np.diff(np.array(said.stdout.split(), float)).min())


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4", "film.ts"])
def test_a_jump_of_both_streams_keeps_them_in_step(make_video: Make, name: str) -> None:
    path = film(make_video, name, LATER, LATER)
    flashes, clicks, used = heard(path)
    # ffmpeg closes up what a transport stream leaves out
    later = 0 if name == "film.ts" else HOURS
    assert flashes == pytest.approx([1, 3 + later], abs=0.06)
    assert clicks == [True, True]
    assert used < 10 << 20
    assert probe(path).fps == pytest.approx(25, rel=0.02)


def test_a_sound_that_jumps_alone_is_heard_at_its_own_time(make_video: Make) -> None:
    flashes, clicks, used = heard(film(make_video, "film.mkv", "PTS", LATER))
    assert flashes == pytest.approx([1, 3], abs=0.06)
    assert clicks == [True, False]
    assert used < 10 << 20


def test_a_picture_that_jumps_alone_is_silent_from_there_on(make_video: Make) -> None:
    flashes, clicks, _ = heard(film(make_video, "film.mkv", LATER, "PTS"))
    assert flashes == pytest.approx([1, 3 + HOURS], abs=0.06)
    assert clicks == [True, False]


def test_a_clock_that_is_set_back_keeps_both_in_step(make_video: Make) -> None:
    path = film(
        make_video, "film.mkv", f"PTS+{HOURS}/TB+gte(T,2)*{HOURS}/TB", f"{LATER}+{HOURS}/TB"
    )

    def set_back(found: re.Match[bytes]) -> bytes:
        at = int.from_bytes(found[2])
        return found[1] + (at if at < 1_500 * HOURS else at - 2_000 * HOURS).to_bytes(4)

    clusters = re.compile(rb"(\x1f\x43\xb6\x75.{1,8}?\xe7\x84)(.{4})", re.DOTALL)
    path.write_bytes(clusters.sub(set_back, path.read_bytes()))
    assert frames_back(path) > HOURS - 10
    flashes, clicks, used = heard(path)
    assert flashes == pytest.approx([1, 3], abs=0.06)
    assert clicks == [True, True]
    assert used < 10 << 20


def test_recordings_with_a_jump_are_refused(make_video: Make) -> None:
    path = film(make_video, "film.mp4", LATER, LATER)
    with pytest.raises(RawDataError, match=r"18,000 s pass between frames 50 and 51"):
        frame_times(path, 0)
