from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from avrsp.errors import RawDataError
from avrsp.media import pipes
from avrsp.media.decode import probe, read_frames

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


def test_missing_ffmpeg_is_one_line(
    make_video: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = make_video("plain.mp4", PICTURE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("ffmpeg") is None
    with pytest.raises(RawDataError, match=r"not found on PATH; install it"):
        probe(path)
