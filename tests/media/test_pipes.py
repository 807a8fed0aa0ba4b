from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from avrsp.errors import RawDataError
from avrsp.media import pipes
from avrsp.media.decode import probe, read_frames, read_timed
from avrsp.media.encode import encode
from avrsp.media.luma import read_luma

Make = Callable[[str, str], Path]

PICTURE = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1"
TONE = "-f lavfi -i sine=frequency=441:duration=1"


@pytest.mark.parametrize("content", [b"", b"plain text\n" * 50, os.urandom(5000), b"\0" * 9000])
def test_what_is_not_a_video_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(RawDataError, match=r"bad\.mp4") as caught:
        list(read_frames(path, height=48, width=64))
    assert "\n" not in str(caught.value)


def test_missing_files_folders_and_sounds_are_refused(make_video: Make, tmp_path: Path) -> None:
    with pytest.raises(RawDataError, match="no such file"):
        probe(tmp_path / "none.mp4")
    with pytest.raises(RawDataError, match="not a regular file"):
        probe(tmp_path)
    with pytest.raises(RawDataError, match="neither a film"):
        probe(make_video("sound.wav", TONE))


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.txt", "list.avi"])
def test_a_playlist_reads_no_other_file(make_video: Make, tmp_path: Path, name: str) -> None:
    secret = make_video("secret.ts", PICTURE)
    lists = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {secret.name}\n",
    }
    for content in lists.values():
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(RawDataError, match="not a video"):
            probe(path)


def test_a_hung_ffmpeg_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "STALL_SECONDS", 0.2)
    with pipes.running(["sleep", "60"]) as run, pytest.raises(RawDataError, match="did nothing"):
        run.read(1)
    assert run.process.returncode is not None


@pytest.mark.parametrize("system", ["new", "old kernel", "no such call"])
def test_the_end_is_seen_and_an_end_that_does_not_come_too(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    if system == "new":  # nothing looks again and again, asleep in between
        monkeypatch.setattr(time, "sleep", refuse)
    elif system == "old kernel":
        monkeypatch.setattr(os, "pidfd_open", refuse)
    else:
        monkeypatch.delattr(os, "pidfd_open")
    with pipes.running(["sh", "-c", "sleep 0.1; exit 3"]) as run:
        assert run.finish() == 3
    monkeypatch.setattr(pipes, "STALL_SECONDS", 0.2)
    with pipes.running(["sleep", "60"]) as run, pytest.raises(RawDataError, match="did nothing"):
        run.finish()
    assert run.process.returncode is not None


def test_missing_ffmpeg_is_one_line(
    make_video: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = make_video("plain.mp4", PICTURE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("ffmpeg") is None
    with pytest.raises(RawDataError, match=r"not found on PATH; install it"):
        probe(path)


@pytest.mark.parametrize(
    ("version", "option"),
    [
        ("libavutil      56. 70.100 / 56. 70.100", "vsync"),
        ("libavutil      57. 17.100 / 57. 17.100", "vsync"),  # FFmpeg 5.0
        ("libavutil      57. 28.100 / 57. 28.100", "fps_mode"),  # FFmpeg 5.1
        ("libavutil      60.  8.100 / 60.  8.100", "fps_mode"),
        ("libavutil      61.  1.100 / 61.  1.100", "fps_mode"),  # FFmpeg 9
        ("no version at all", "fps_mode"),
    ],
)
def test_the_option_is_the_one_that_the_installed_ffmpeg_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, option: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\necho 'ffmpeg version x'\necho '{version}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert pipes.passthrough() == {option: "passthrough"}


def test_frames_come_once_by_the_option_of_ffmpeg_before_5_1(
    make_video: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    helped = subprocess.run(["ffmpeg", "-h", "full"], capture_output=True, text=True, check=True)
    if "-vsync" not in helped.stdout:
        pytest.skip("the installed ffmpeg has no -vsync any more")
    path = make_video("plain.mp4", f"{PICTURE} {TONE}")
    expected = [frame.time for frame in read_timed(path, height=24, width=32)]
    monkeypatch.setattr(pipes, "FRAME_MODE", (99, 0))
    pipes._passthrough.cache_clear()
    try:
        assert pipes.passthrough() == {"vsync": "passthrough"}
        frames = [*read_timed(path, height=24, width=32)]
        assert [frame.time for frame in frames] == expected
        encode(tmp_path / "out.mp4", frames, rate=Fraction(25), sound=probe(path).sound)
        assert len([*read_luma(tmp_path / "out.mp4")]) == len(frames)
    finally:
        pipes._passthrough.cache_clear()
