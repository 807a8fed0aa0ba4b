"""What is believed of 48 kinds of file, and what is true: rate, frames, times, flashes, clicks.

Each shows a white flash and clicks at the same moment, one second after its beginning.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from avrsp.media.decode import probe, read_sound, read_timed
from avrsp.media.pipes import passthrough
from avrsp.media.reader import VideoReader

RATE = 22_050
IN_STEP = 0.02
"""Seconds by which picture and sound may be apart."""

MODE = f"-{next(iter(passthrough()))} passthrough"
FLASH = "drawbox=w=96:h=64:color=white:t=fill:enable='between(t,0.99,1.1)'"
CLICK = "aevalsrc='if(between(t,1,1.02),0.8*sin(2*PI*1000*t),0)':s=48000:d=2"
H264 = "-c:v libx264 -preset ultrafast -g 25 -bf 2 -pix_fmt yuv420p"
MPEG2 = "-c:v mpeg2video -q:v 2 -g 12 -bf 2"
SLOW = "select='not(mod(n,5))'"
FIFTH = "select='lt(n,20)+not(mod(n,5))'"


def run(arguments: str, path: Path, *inputs: Path) -> Path:
    """Let ffmpeg write `path` from the given arguments."""
    given = [part for each in inputs for part in ("-i", str(each))]
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-y",
        *given,
        *shlex.split(arguments),
        str(path),
    ]
    subprocess.run(command, check=True, cwd=path.parent)
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of 25 frames a second, without loss, with stereo sound."""
    path = tmp_path_factory.mktemp("base") / "base.nut"
    noise = "color=c=gray:size=96x64:rate=25:duration=2,noise=alls=20:allf=t:all_seed=1"
    sources = f'-f lavfi -i {noise} -f lavfi -i "{CLICK}"'
    return run(f'{sources} -vf "{FLASH}" -c:v ffv1 -pix_fmt yuv420p -c:a pcm_s16le -ac 2', path)


def joined(base: Path, path: Path, arguments: str) -> Path:
    """Write the same film twice, one after the other, as recorders and `cat` do."""
    once = run(arguments, path, base).read_bytes()
    path.write_bytes(once + once)
    return path


def shifted(base: Path, path: Path, picture: float, sound: float) -> Path:
    """Write a film whose picture and sound begin at those seconds."""
    copied = run(f"{H264} -c:a aac", path.with_suffix(".base.mkv"), base)
    offsets = f"-itsoffset {picture} -i {copied} -itsoffset {sound} -i {copied}"
    return run(f"{offsets} -map 0:v -map 1:a -c copy", path)


def mid_gop(base: Path, path: Path) -> Path:
    """Cut a transport stream somewhere, as a receiver does that is switched on."""
    content = run(f"{H264} -g 12 -c:a aac", path, base).read_bytes()
    path.write_bytes(content[len(content) // 188 // 5 * 188 :])
    return path


def cut(base: Path, path: Path) -> Path:
    """Cut an MP4 between key frames without encoding it again, which makes an edit list."""
    whole = run(f"{H264} -c:a aac", path.with_suffix(".whole.mp4"), base)
    return run(f"-ss 0.4 -i {whole} -c copy", path)


def patched(base: Path, path: Path, arguments: str, change: Callable[[bytearray], None]) -> Path:
    """Write a film and change its bytes."""
    content = bytearray(run(arguments, path, base).read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def one_second(content: bytearray) -> None:
    """Make a Matroska header say that the film lasts one second."""
    place = content.index(b"\x44\x89\x88") + 3
    content[place : place + 8] = np.array([500.0], ">f8").tobytes()


def unknown_codec(content: bytearray) -> None:
    """Make the second sound a codec that no decoder knows."""
    place = max(content.find(name) for name in (b"sowt", b"lpcm", b"ipcm"))
    content[place : place + 4] = b"apac"


def time_base(content: bytearray) -> None:
    """Make a WebM header say 1,000 frames a second, as browsers' recordings do."""
    place = content.index(b"\x23\xe3\x83\x84") + 4
    content[place : place + 4] = (1_000_000).to_bytes(4)


def turned(degrees: float) -> Callable[[bytearray], None]:
    """Turn an MP4's picture when it is shown."""

    def change(content: bytearray) -> None:
        place = content.index(b"tkhd") + 44
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        matrix = np.array([cos, sin, 0, -sin, cos, 0, 0, 0, 1]) * 65_536
        matrix[8] = 1 << 30
        content[place : place + 36] = matrix.round().astype(">i4").tobytes()

    return change


def changing(base: Path, path: Path) -> Path:
    """Write a transport stream whose picture changes its size in the middle."""
    parts = []
    for start, length, size in ((0, 0.6, "96:64"), (0.6, 1.4, "160:90")):
        part = path.with_suffix(f".{start}.ts")
        span = f"-ss {start} -t {length} -i {base} -output_ts_offset {start} -muxdelay 0"
        parts.append(run(f"{span} -vf scale={size} {H264} -bf 0 -c:a aac -f mpegts", part))
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def changing_sound(base: Path, path: Path) -> Path:
    """Write a transport stream whose sound becomes another one, as between two programmes."""
    parts = []
    for start, length, form in ((0, 0.8, "-ac 2"), (0.8, 1.2, "-ac 6 -ar 44100")):
        part = path.with_suffix(f".{start}.ts")
        span = f"-ss {start} -t {length} -i {base} -output_ts_offset {start} -muxdelay 0"
        parts.append(run(f"{span} {H264} -bf 0 -c:a ac3 {form} -f mpegts", part))
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


MOTION = "-f lavfi -i testsrc2=size=320x240:rate=1:duration=2 -map 0:v -map 1:v -map 0:a"
PREVIEW = "-f lavfi -i testsrc=size=320x240:rate=25:duration=0.04 -map 1:v -map 0:v -map 0:a"
TWICE = '-filter_complex "[0:v]split[a][b];[0:a]asplit[c][d]" -map [a] -map [c] -map [d] -map [b]'
APAC = (
    '-filter_complex "[0:a]pan=4.0|c0=c0|c1=c0|c2=c0|c3=c0[q]" -map 0:v -map 0:a -map [q] '
    f"{H264} -c:a:0 aac -c:a:1 pcm_s16le -disposition:a default"
)
STAMPS = f"{MODE} -enc_time_base 1/1000"
JITTER = "setpts='PTS+mod(7*N,9)/1000/TB'"


@dataclass(frozen=True)
class Kind:
    """How a file is made, and what is true of it."""

    make: str | Callable[[Path, Path], Path]
    rate: float = 25.0
    frames: int = 50
    flashes: tuple[float, ...] = (1.0,)
    later: float = 0.0
    """Seconds by which clicks come later than flashes."""
    even: bool = True
    sound: bool = True
    size: tuple[int, int] = (64, 96)


KINDS = {
    "h264-aac.mp4": Kind(f"{H264} -c:a aac"),
    "mjpeg-pcm.mov": Kind("-c:v mjpeg -q:v 2 -pix_fmt yuvj420p -c:a pcm_s16le"),
    "h264-opus.mkv": Kind(f"{H264} -c:a libopus"),
    "vp8-vorbis.webm": Kind("-c:v libvpx -deadline realtime -c:a libvorbis"),
    "vp9-opus.webm": Kind("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
    "xvid-mp3.avi": Kind("-c:v mpeg4 -vtag XVID -bf 0 -q:v 2 -c:a mp3", even=False),
    "mjpeg-pcm.avi": Kind("-c:v mjpeg -q:v 2 -pix_fmt yuvj420p -c:a pcm_s16le"),
    "flash.flv": Kind("-c:v flv -q:v 2 -c:a mp3 -ar 44100"),
    "h264-aac.ts": Kind(f"{H264} -c:a aac"),
    "h264-ac3.m2ts": Kind(f"{H264} -c:a ac3"),
    "mpeg1.mpg": Kind("-c:v mpeg1video -q:v 2 -c:a mp2"),
    "mpeg2-ac3.vob": Kind(f"{MPEG2} -c:a ac3 -f vob"),
    "windows.wmv": Kind("-c:v wmv2 -q:v 2 -c:a wmav2"),
    "phone.3gp": Kind("-c:v mpeg4 -q:v 2 -c:a aac"),
    "theora.ogv": Kind("-c:v libtheora -q:v 9 -c:a libvorbis", frames=48, even=False),
    "lossless.nut": Kind("-c:v ffv1 -c:a flac"),
    "broadcast.mxf": Kind(f"{MPEG2} -vf scale=720:576 -c:a pcm_s16le", size=(576, 720)),
    "ntsc.mp4": Kind(f"-r 30000/1001 {H264} -c:a aac", 30_000 / 1001, 60),
    "film.mkv": Kind(
        f"-vf setpts=N*1001/24000/TB -r 24000/1001 {H264} -c:a flac", 24_000 / 1001, later=-0.043
    ),
    "fast.mp4": Kind(f"-r 50 {H264} -c:a aac", 50, 100),
    "slow.mp4": Kind(f'-vf "{SLOW}" {STAMPS} {H264} -bf 0 -c:a aac', 5.4, 10, even=False),
    "varying.mp4": Kind(f'-vf "{FIFTH}" {STAMPS} {H264} -c:a aac', 17.1, 26, even=False),
    "varying.mkv": Kind(f'-vf "{FIFTH}" {STAMPS} {H264} -c:a aac', 25, 26, even=False),
    "browser.webm": Kind(
        lambda b, p: patched(
            b, p, f'-vf "{JITTER}" {STAMPS} -c:v libvpx -deadline realtime -c:a libopus', time_base
        ),
        even=False,
    ),
    "early-sound.mkv": Kind(lambda base, path: shifted(base, path, 0.7, 0), later=-0.7),
    "early-sound.ts": Kind(lambda base, path: shifted(base, path, 0.7, 0), later=-0.7),
    "late-sound.mp4": Kind(lambda base, path: shifted(base, path, 0, 0.7), later=0.7),
    "late-sound.ts": Kind(lambda base, path: shifted(base, path, 0, 0.7), later=0.7),
    "joined.ts": Kind(
        lambda b, p: joined(b, p, f"{H264} -c:a aac"), 25, 100, (1, 3.03), even=False
    ),
    "joined.mpg": Kind(
        lambda b, p: joined(b, p, f"{MPEG2} -c:a mp2"), 25, 100, (1, 3.04), even=False
    ),
    "mid-gop.ts": Kind(mid_gop, 25, 38, (0.52,)),
    "cut.mp4": Kind(cut, 25, 40, (0.6,)),
    "fragments.mp4": Kind(f"{H264} -c:a aac -movflags frag_keyframe+empty_moov"),
    "short-header.mkv": Kind(lambda b, p: patched(b, p, f"{H264} -c:a aac", one_second)),
    "six-channels.mkv": Kind(f"{H264} -af pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0 -c:a ac3"),
    "telephone.mov": Kind(f"{H264} -ac 1 -ar 8000 -c:a pcm_alaw"),
    "studio.mkv": Kind(f"{H264} -ar 96000 -c:a flac"),
    "ten-bit.mkv": Kind("-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -c:a aac"),
    "quarter.mp4": Kind(lambda b, p: patched(b, p, f"{H264} -c:a aac", turned(90)), size=(96, 64)),
    "tilted.mp4": Kind(lambda b, p: patched(b, p, f"{H264} -c:a aac", turned(5))),
    "apac.mov": Kind(lambda b, p: patched(b, p, APAC, unknown_codec)),
    "motion-photo.mp4": Kind(f"{MOTION} {H264} -c:a aac -disposition:v default"),
    "preview.mkv": Kind(f"{PREVIEW} -c:v:0 mjpeg -pix_fmt:v:0 yuvj420p -c:v:1 libx264 -c:a aac"),
    "twins.mkv": Kind(f"{TWICE} {H264} -c:a:0 aac -c:a:1 aac -ac:a:0 1"),
    "same-time.mkv": Kind(
        f"-vf \"setpts='(N-eq(N,7))/25/TB'\" {STAMPS} -c:v ffv1 -c:a aac", even=False
    ),
    "changing-size.ts": Kind(changing, even=False),
    "changing-sound.ts": Kind(changing_sound, even=False),
    "silent.gif": Kind("-an", sound=False),
    "stream.h264": Kind(f"-an {H264} -bf 0", sound=False),
}
QUICK: tuple[str, ...] = (
    "h264-aac.mp4",
    "varying.mkv",
    "browser.webm",
    "early-sound.ts",
    "joined.ts",
    "apac.mov",
)
QUICK += (
    "changing-sound.ts",
    "motion-photo.mp4",
    "short-header.mkv",
    "tilted.mp4",
    "same-time.mkv",
    "preview.mkv",
)


def made(kind: Kind, base: Path, path: Path) -> Path:
    """Make the file of a kind."""
    if callable(kind.make):
        return kind.make(base, path)
    return run(kind.make, path, base)


def moments(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the times of frames, and when flashes and clicks begin, from the first frame on."""
    frames = list(read_timed(path, height=16, width=24))
    times = np.array([frame.time for frame in frames])
    bright = np.array([frame.image.mean() > 190 for frame in frames])
    flashes = times[np.flatnonzero(bright & ~np.r_[False, bright[:-1]])] - times[0]
    loud = np.flatnonzero(np.abs(read_sound(path, rate=RATE)) > 0.15)
    starts = loud[np.r_[True, np.diff(loud) > RATE // 4]] if len(loud) else loud
    return times, flashes, starts / RATE


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in KINDS],
)
def test_what_is_believed_of_a_kind_is_true(base: Path, tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    path = made(kind, base, tmp_path / name)
    media = probe(path)
    assert media.fps == pytest.approx(kind.rate, rel=0.02)
    assert (media.height, media.width) == kind.size
    assert media.has_sound == kind.sound
    times, flashes, clicks = moments(path)
    assert len(times) == kind.frames
    assert (np.diff(times) > 0).all()
    if kind.even:
        np.testing.assert_allclose(times - times[0], np.arange(len(times)) / kind.rate, atol=2e-3)
    np.testing.assert_allclose(flashes, kind.flashes, atol=0.06)
    if kind.sound:
        np.testing.assert_allclose(clicks - kind.later, flashes, atol=IN_STEP)
    clip = VideoReader(path)
    assert sum(1 for _ in clip.frames(8, 8)) == kind.frames
    assert clip.notes == [] or name == "mid-gop.ts"
    assert not any("cut short" in note for note in clip.notes)
