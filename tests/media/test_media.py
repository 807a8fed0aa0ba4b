from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avrsp.media.decode import frame_times, probe, read_frames, read_sound
from avrsp.media.pipes import passthrough

Make = Callable[[str, str], Path]

PICTURE = "-f lavfi -i \"color=gray:size=64x48:rate=25:duration=1,geq=lum='20+8*N':cb=128:cr=128\""
STILL = "-f lavfi -i color=gray:size=64x48:rate=25:duration=0.04"
TONE = "-f lavfi -i sine=frequency=441:sample_rate=44100:duration=1"
MODE = next(iter(passthrough()))
VARYING = (
    "-vf \"settb=1/1000,setpts='if(lt(N,10),N*0.04,N*0.1)/TB'\" "
    f"-{MODE} passthrough -enc_time_base 1/1000"
)

KINDS = {
    "plain.mp4": f"{PICTURE} {TONE}",
    "container.webm": f"{PICTURE} {TONE}",
    "container.flv": f"{PICTURE} {TONE}",
    "container.ts": f"{PICTURE} {TONE}",
    "xvid.AVI": f"{PICTURE} {TONE} -c:v mpeg4 -bf 0 -c:a mp3",
    "moving.gif": PICTURE,
    "stream.h264": PICTURE,
    "odd.mkv": f"{PICTURE} -vf scale=63:47 -pix_fmt yuv444p",
    "ten-bit.mkv": f"{PICTURE} -c:v libx264 -pix_fmt yuv420p10le",
    "alpha.mov": f"{PICTURE} -pix_fmt argb -c:v qtrle",
    "varying.mp4": f"{PICTURE} {VARYING}",
    "cover.mp4": f"{STILL} {PICTURE} -map 1:v -map 0:v -c:v:1 png -disposition:v:1 attached_pic",
    "-dash: a 'name' %03d\n.mp4": PICTURE,
}


def colours(path: Path) -> np.ndarray:
    """Mean colour of each frame."""
    return np.stack([frame.mean((0, 1)) for frame in read_frames(path, height=48, width=64)])


@pytest.mark.parametrize("name", KINDS)
def test_each_presented_frame_is_read_once(make_video: Make, name: str) -> None:
    path = make_video(name, KINDS[name])
    notes: list[str] = []
    frames = list(read_frames(path, height=36, width=80, notes=notes))
    assert [frame.shape for frame in frames] == [(36, 80, 3)] * 25
    assert all(frame.dtype == np.uint8 for frame in frames)
    brightness = [frame.mean() for frame in frames]
    assert all(after > before + 3 for before, after in itertools.pairwise(brightness))
    assert notes == []


def test_colours_survive(make_video: Make) -> None:
    path = make_video("red.mp4", "-f lavfi -i color=c=#C03010:size=64x48:duration=0.2 -crf 1")
    np.testing.assert_allclose(colours(path), [[0xC0, 0x30, 0x10]] * 5, atol=4)


def test_times_are_those_of_a_varying_rate(make_video: Make) -> None:
    path = make_video("varying.mp4", KINDS["varying.mp4"])
    expected = [n * 0.04 if n < 10 else n * 0.1 for n in range(25)]
    np.testing.assert_allclose(frame_times(path), expected, atol=1e-3)


def test_the_default_stream_is_chosen_and_else_the_best(make_video: Make) -> None:
    small, large = PICTURE, "-f lavfi -i testsrc2=size=96x64:rate=30:duration=1"
    streams = f"{small} {large} {TONE} {TONE} -map 0 -map 1 -map 2 -map 3 -ac:a:1 2"
    none = "-disposition:v 0 -disposition:a 0"
    best = probe(make_video("best.mkv", f"{streams} {none}"))
    assert best.sound is not None
    assert (best.width, best.video_stream, best.sound.stream, best.sound.channels) == (96, 1, 3, 2)
    chosen = "-disposition:v:0 default -disposition:a:0 default -disposition:v:1 0"
    default = probe(make_video("default.mkv", f"{streams} {chosen} -disposition:a:1 0"))
    assert default.sound is not None
    assert (default.width, default.video_stream, default.sound.stream) == (64, 0, 2)


def test_frames_that_an_edit_list_hides_are_not_missed(make_video: Make) -> None:
    whole = make_video("whole.mp4", f"{PICTURE} -g 25")
    path = make_video("edited.mp4", f"-ss 0.6 -i {whole.name} -c copy")
    notes: list[str] = []
    assert len(list(read_frames(path, height=48, width=64, notes=notes))) == 10
    media = probe(path)
    assert (media.frames, media.expected, notes) == (25, 10, [])


def test_a_turned_video_is_read_upright(make_video: Make) -> None:
    path = make_video(
        "turned.mp4", "-f lavfi -i color=red:size=64x48:duration=0.2 -pix_fmt yuv420p"
    )
    lines = "drawbox=w=64:h=12:color=blue:t=fill"
    path = make_video("turned.mp4", f"-f lavfi -i color=red:size=64x48:duration=0.2 -vf {lines}")
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    quarter = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30], ">i4")
    content[matrix : matrix + 36] = quarter.tobytes()
    path.write_bytes(content)
    media = probe(path)
    assert (media.width, media.height, media.rotation % 360) == (48, 64, 270)
    frame = next(read_frames(path, height=64, width=48))
    assert frame[:, -6:].mean((0, 1)).argmax() == 2  # what was above is now at the right
    assert frame[:, :30].mean((0, 1)).argmax() == 0


def test_the_tone_is_heard_at_the_asked_rate(make_video: Make) -> None:
    sound = read_sound(make_video("plain.mkv", KINDS["plain.mp4"] + " -c:a pcm_s16le"), rate=22_050)
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(22_050, abs=30)
    spectrum = np.abs(np.fft.rfft(sound[:22_050]))
    assert spectrum.argmax() == 441
    assert np.abs(sound).max() == pytest.approx(1 / 8, abs=0.01)


def test_six_channels_become_one_without_clipping(make_video: Make) -> None:
    loud = "-f lavfi -i aevalsrc='0.9|0.9|0.9|0|0.9|0.9:c=5.1:d=1:s=48000'"
    sound = read_sound(make_video("5.1.mkv", f"{PICTURE} {loud} -c:a pcm_s16le"), rate=22_050)
    assert 0.5 < sound[1000:-1000].min() <= sound.max() <= 1


@pytest.mark.parametrize("delay", [0.4, -0.4])
def test_sound_begins_with_the_first_frame(make_video: Make, delay: float) -> None:
    click = "-f lavfi -i \"aevalsrc='gt(t,0.5)*0.5':d=2:s=48000\""
    shift = f"-itsoffset {delay}" if delay > 0 else ""
    late = f"-itsoffset {-delay}" if delay < 0 else ""
    path = make_video("shifted.mkv", f"{late} {PICTURE} {shift} {click} -c:a pcm_s16le")
    sound = read_sound(path, rate=22_050)
    begin = int(np.argmax(sound > 0.25)) / 22_050
    assert begin == pytest.approx(0.5 + delay, abs=0.002)


def test_no_sound_is_an_empty_waveform(make_video: Make) -> None:
    path = make_video("mute.mp4", PICTURE)
    assert not probe(path).has_sound
    assert read_sound(path, rate=22_050).shape == (0,)


@pytest.mark.parametrize("name", ["whole.mkv", "whole.ts", "whole.AVI"])
def test_a_cut_file_gives_what_is_there_and_a_note(make_video: Make, name: str) -> None:
    path = make_video(name, f"{PICTURE} {TONE} -vf noise=alls=40 -g 5 -bf 0 -c:v mpeg4")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    notes: list[str] = []
    frames = list(read_frames(path, height=48, width=64, notes=notes))
    assert 3 < len(frames) < 24
    if not name.endswith("ts"):  # a transport stream has no end that could be missed
        assert len(notes) == 1
        assert f"{len(frames)}" in notes[0]
