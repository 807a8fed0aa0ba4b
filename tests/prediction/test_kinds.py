"""Videos as people have them: each keeps its frames, times, size, turn and sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from avrsp.media.decode import frame_times, probe, read_frames, read_sound
from avrsp.media.pipes import passthrough
from avrsp.prediction.batch import predict_videos
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.wanted import OutputChoice
from avrsp.types import InputSpec

Make = Callable[[str, str], Path]

PICTURE = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.4"
TONE = "-f lavfi -i sine=frequency=441:duration=0.4"
MODE = next(iter(passthrough()))
VARYING = (
    "-vf \"settb=1/1000,setpts='if(lt(N,4),N*0.04,N*0.1)/TB'\" "
    f"-{MODE} passthrough -enc_time_base 1/1000"
)
NO_DEFAULT = "-disposition:v 0 -disposition:a 0"

KINDS = {
    "streams.mkv": f"{PICTURE} -f lavfi -i testsrc2=size=96x64:rate=25:duration=0.4 {TONE} {TONE} "
    f"-map 0 -map 1 -map 2 -map 3 {NO_DEFAULT}",
    "varying.mp4": f"{PICTURE} {VARYING}",
    "odd.mkv": f"{PICTURE} {TONE} -vf scale=63:47 -pix_fmt yuv444p",
    "alpha.mov": f"{PICTURE} -pix_fmt argb -c:v qtrle",
    "ten-bit.mkv": f"{PICTURE} {TONE} -c:v libx264 -pix_fmt yuv420p10le",
    "mute.webm": PICTURE,
    "silent.mp4": f"{PICTURE} -f lavfi -i anullsrc=sample_rate=44100 -t 0.4",
    "longer-sound.mkv": f"{PICTURE} -f lavfi -i sine=duration=5",
    "six-channels.mkv": f"{PICTURE} -f lavfi -i aevalsrc='0.5|0.5|0.5|0|0.5|0.5:c=5.1:d=0.4'",
    "one-frame.mp4": f"{PICTURE} {TONE} -frames:v 1",
    "animation.gif": PICTURE,
}


class Loud(nn.Module):
    """Looks at what is bright, the more the louder it is."""

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        level = torch.zeros(len(frames)) if waveform is None else waveform.abs().mean((1, 2))
        return torch.sigmoid(frames[:, :, -1].float().mean(1) / 64 - 2 + level[:, None, None])


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(
        Loud(), InputSpec(8, 32, 64, audio=True), torch.device("cpu"), "float32", "stand-in"
    )


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_an_overlay_like_itself(
    make_video: Make, tmp_path: Path, predictor: Predictor, name: str
) -> None:
    video, out = make_video(name, KINDS[name]), tmp_path / "out"
    assert predict_videos([video], out, predictor, OutputChoice()) == []
    overlay = out / f"{video.stem}.overlay.mp4"
    before, after = probe(video), probe(overlay)
    even = tuple(length + length % 2 for length in (before.height, before.width))
    assert (after.height, after.width) == even
    times, shown = frame_times(video), frame_times(overlay)
    np.testing.assert_allclose(shown - shown[0], times - times[0], atol=2e-3)
    assert len(np.load(out / f"{video.stem}.maps.npz")["maps"]) == len(times)
    assert after.has_sound == before.has_sound
    heard, kept = (read_sound(path, rate=22_050)[:8000] for path in (video, overlay))
    if len(heard):
        assert np.abs(kept).max() == pytest.approx(np.abs(heard).max(), rel=0.3, abs=0.01)


def test_a_turned_video_is_shown_upright(
    make_video: Make, tmp_path: Path, predictor: Predictor
) -> None:
    path = make_video(
        "turned.mp4",
        "-f lavfi -i color=black:size=64x48:duration=0.2 "
        "-vf drawbox=w=64:h=16:color=white:t=fill -pix_fmt yuv420p",
    )
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    quarter = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30], ">i4")
    content[matrix : matrix + 36] = quarter.tobytes()
    path.write_bytes(content)
    assert predict_videos([path], tmp_path / "out", predictor, OutputChoice()) == []
    overlay = tmp_path / "out" / "turned.overlay.mp4"
    media = probe(overlay)
    assert (media.width, media.height, media.rotation) == (48, 64, 0)
    frame = next(read_frames(overlay, height=64, width=48))
    assert frame[:, 36:].mean() > frame[:, :28].mean() + 60  # what was above is at the right
    saliency = np.load(tmp_path / "out" / "turned.maps.npz")["maps"][0]
    assert saliency[:, 48:].mean() > saliency[:, :36].mean()


def test_a_cut_file_gives_what_is_there_and_says_so(
    make_video: Make, tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    video = make_video("cut.mkv", f"{PICTURE} {TONE} -vf noise=alls=40 -g 2 -bf 0 -c:v mpeg4")
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    assert predict_videos([video], tmp_path / "out", predictor, OutputChoice()) == []
    count = len(np.load(tmp_path / "out" / "cut.maps.npz")["maps"])
    assert 1 <= count < 10
    assert len(frame_times(tmp_path / "out" / "cut.overlay.mp4")) == count
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("avrsp: ")]
    assert len(said) == 1
    assert "cut short" in said[0]


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 4096, b"RIFF\xff\xff\xff\xffAVI LIST", b"#EXTM3U\n"]
)
def test_what_is_no_video_is_one_line(
    tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "letter.mp4"
    path.write_bytes(content)
    assert predict_videos([path], tmp_path / "out", predictor, OutputChoice()) == [path]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"avrsp: {path}: ")
    assert not (tmp_path / "out").exists()
