"""The same clip as twelve kinds of file has the same maps, its sound included."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avrsp.prediction.batch import predict_videos
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.wanted import OutputChoice
from avrsp.types import InputSpec

H264 = "-c:v libx264 -crf 8 -preset ultrafast -pix_fmt yuv420p"
SOUND = "aevalsrc='0.8*sin(2*PI*300*t)*(0.5+0.5*sin(2*PI*0.9*t))':s=44100:d=3"
BASE = f'-f lavfi -i testsrc2=size=96x64:rate=25:duration=3 -f lavfi -i "{SOUND}"'

KINDS = {
    "mkv": f"{H264} -c:a flac",
    "mov": "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p -c:a pcm_s16le",
    "webm": "-c:v libvpx -b:v 4M -deadline realtime -c:a libopus",
    "avi": "-c:v mpeg4 -q:v 1 -bf 0 -c:a pcm_s16le",
    "flv": "-c:v flv -q:v 1 -c:a pcm_s16le",
    "mpg": "-c:v mpeg2video -q:v 1 -bf 2 -c:a mp2",
    "wmv": "-c:v wmv2 -q:v 1 -c:a wmav2",
    "nut": "-c:v ffv1 -pix_fmt yuv420p -c:a flac",
    "mxf": "-c:v mpeg2video -q:v 1 -vf scale=720:576 -ar 48000 -c:a pcm_s16le",
}


class Ear(nn.Module):
    """Looks the further right, the louder it is; how bright the frame is matters a little."""

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        column = torch.linspace(0, 1, frames.shape[-1])
        level = torch.zeros(len(frames)) if waveform is None else waveform.abs().mean((1, 2)) * 12
        bump = torch.exp(-((column - level[:, None]) ** 2) / 0.02)[:, None]
        return bump * torch.sigmoid(0.2 * frames[:, :, -1].float().mean(1) / 64)


def run(arguments: str, path: Path) -> Path:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *shlex.split(arguments), str(path)]
    subprocess.run(command, check=True, cwd=path.parent)
    return path


@pytest.fixture
def maps_of(tmp_path: Path) -> Callable[[Path], NDArray[np.float64]]:
    predictor = Predictor(
        Ear(), InputSpec(16, 32, 48, audio=True), torch.device("cpu"), "float32", "stand-in"
    )

    def predict(video: Path) -> NDArray[np.float64]:
        wanted = OutputChoice(overlay=False)
        assert predict_videos([video], tmp_path / video.suffix, predictor, wanted) == []
        packed = np.load(tmp_path / video.suffix / f"{video.stem}.maps.npz")
        found: NDArray[np.float64] = packed["maps"].astype(np.float64)
        return found

    return predict


def correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean CC of maps."""
    pairs = zip(one, other, strict=True)
    return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))


@pytest.mark.slow
def test_twelve_kinds_of_the_same_clip_have_the_same_maps(
    tmp_path: Path, maps_of: Callable[[Path], NDArray[np.float64]]
) -> None:
    plain = run(f"{BASE} {H264} -c:a aac", tmp_path / "plain.mp4")
    expected = maps_of(plain)
    silent = maps_of(run(f"-i {plain} -an -c copy", tmp_path / "silent.m4v"))
    assert correlation(silent, expected) < 0.8  # the sound decides
    files = [run(f"{BASE} {codecs}", tmp_path / f"a.{name}") for name, codecs in KINDS.items()]
    late = run(f"{BASE} -af adelay=1000:all=1 {H264} -c:a aac", tmp_path / "base.mkv")
    copied = f"-itsoffset 1.0 -i {late} -i {late} -map 0:v -map 1:a -c copy"
    files += [run(copied, tmp_path / f"early.{name}") for name in ("ts", "mp4", "mkv")]
    for path in files:
        assert correlation(maps_of(path), expected) > 0.99, path.name
