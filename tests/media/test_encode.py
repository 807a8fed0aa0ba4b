from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avrsp.errors import RawDataError
from avrsp.media.decode import Frame, frame_times, probe, read_frames, read_sound
from avrsp.media.encode import encode

Make = Callable[[str, str], Path]

PICTURE = "-f lavfi -i color=gray:size=64x48:rate=25:duration=1"
TONE = "-f lavfi -i sine=frequency=441:sample_rate=44100:duration=1"


def ramp(times: list[float], height: int = 48, width: int = 64) -> Iterator[Frame]:
    """Frames that grow brighter, each at its time."""
    for number, time in enumerate(times):
        yield Frame(time, np.full((height, width, 3), 30 + 4 * number, np.uint8))


def stream(path: Path) -> dict[str, Any]:
    """What ffprobe says of the video stream."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-select_streams", "v:0"]
    answer = subprocess.run([*command, path], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(answer.stdout)["streams"][0]
    return found


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), Fraction(15), Fraction(60)])
def test_a_constant_rate_stays_exact(tmp_path: Path, rate: Fraction) -> None:
    path = tmp_path / "constant.mp4"
    assert encode(path, ramp([n / float(rate) for n in range(20)]), rate=rate) == 20
    media = probe(path)
    assert (media.rate, media.frames) == (rate, 20)
    # FFmpeg 8 tells it in the milliseconds of the file's edit list
    assert media.duration == pytest.approx(20 / rate, abs=6e-4)


def test_varying_times_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "varying.mp4"
    times = [0, 0.04, 0.0801, 0.5, 0.52, 3.0, 3.001, 7.123]
    encode(path, ramp(times), rate=Fraction(8, 7))
    np.testing.assert_allclose(frame_times(path), times, atol=2e-5)


def test_browsers_can_play_it(tmp_path: Path) -> None:
    path = tmp_path / "plain.mp4"
    encode(path, ramp([0, 0.04]), rate=Fraction(25), pixel_aspect=Fraction(16, 15))
    found = stream(path)
    assert (found["codec_name"], found["pix_fmt"]) == ("h264", "yuv420p")
    assert found["sample_aspect_ratio"] == "16:15"
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays while it loads


@pytest.mark.parametrize(("height", "width"), [(47, 63), (1, 1), (2, 2), (33, 64)])
def test_odd_sizes_are_padded_to_even_ones(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "odd.mp4"
    encode(path, ramp([0.0], height, width), rate=Fraction(25))
    media = probe(path)
    assert (media.height, media.width) == (height + height % 2, width + width % 2)
    frame = next(read_frames(path, height=media.height, width=media.width))
    np.testing.assert_allclose(frame.astype(int), 30, atol=3)


def test_colours_survive(tmp_path: Path) -> None:
    path = tmp_path / "red.mp4"
    red = np.broadcast_to(np.array([0xC0, 0x30, 0x10], np.uint8), (48, 64, 3))
    encode(path, [Frame(0.0, np.ascontiguousarray(red))], rate=Fraction(25))
    frame = next(read_frames(path, height=48, width=64))
    np.testing.assert_allclose(frame.mean((0, 1)), [0xC0, 0x30, 0x10], atol=6)


@pytest.mark.parametrize(
    ("name", "codec", "written"),
    [
        ("in.webm", "libopus -ar 48000", "opus"),
        ("in.mkv", "flac", "flac"),
        ("in.AVI", "pcm_s16le", "aac"),
    ],
)
def test_sound_is_copied_where_mp4_holds_it(
    make_video: Make, tmp_path: Path, name: str, codec: str, written: str
) -> None:
    source = make_video(name, f"{PICTURE} {TONE} -c:a {codec}")
    path = tmp_path / "out.mp4"
    encode(path, ramp([n / 25 for n in range(25)]), rate=Fraction(25), sound=probe(source).sound)
    found = probe(path).sound
    assert found is not None
    assert found.codec == written
    before, after = read_sound(source, rate=22_050), read_sound(path, rate=22_050)
    alike = [np.corrcoef(before[22:20_022], after[k : 20_000 + k])[0, 1] for k in range(44)]
    assert max(alike) > 0.9  # WebM counts in milliseconds
    assert {each.name for each in tmp_path.iterdir()} == {name, "out.mp4"}


def test_a_film_of_the_longest_name_has_its_sound(make_video: Make, tmp_path: Path) -> None:
    source = make_video("in.mp4", f"{PICTURE} {TONE} -c:a aac")
    path = tmp_path / f"{'x' * 251}.mp4"
    encode(path, ramp([n / 25 for n in range(25)]), rate=Fraction(25), sound=probe(source).sound)
    assert probe(path).has_sound


@pytest.mark.parametrize("delay", [0.4, -0.4])
def test_sound_stays_in_step(make_video: Make, tmp_path: Path, delay: float) -> None:
    click = "-f lavfi -i \"aevalsrc='gt(t,0.5)*0.5':d=2:s=48000\""
    shifts = (f"-itsoffset {max(-delay, 0)}", f"-itsoffset {max(delay, 0)}")
    source = make_video("in.mkv", f"{shifts[0]} {PICTURE} {shifts[1]} {click} -c:a pcm_s16le")
    path = tmp_path / "out.mp4"
    times = frame_times(source)
    encode(path, ramp(list(times)), rate=Fraction(25), sound=probe(source).sound)
    np.testing.assert_allclose(frame_times(path), times, atol=2e-3)
    begin = int(np.argmax(read_sound(path, rate=22_050) > 0.25)) / 22_050
    assert begin == pytest.approx(0.5 + delay, abs=0.005)


def test_nothing_is_left_when_it_fails(make_video: Make, tmp_path: Path) -> None:
    def broken() -> Iterator[Frame]:
        yield from ramp([0, 0.04])
        raise KeyboardInterrupt

    source = make_video("in.mp4", f"{PICTURE} {TONE}")
    for sound in (None, probe(source).sound):
        with pytest.raises(KeyboardInterrupt):
            encode(tmp_path / "out.mp4", broken(), rate=Fraction(25), sound=sound)
        with pytest.raises(RawDataError, match="there are no frames"):
            encode(tmp_path / "out.mp4", iter(()), rate=Fraction(25), sound=sound)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
