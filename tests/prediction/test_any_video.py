"""Every network predicts videos of any length and rate, with sound and without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import avrsp
from avrsp.media.decode import read_frames
from tests.prediction.test_export_network import KINDS, saved

pytestmark = pytest.mark.slow

PICTURE = "-f lavfi -i testsrc2=size=96x64:rate={rate}:duration={seconds}"
TONE = "-f lavfi -i sine=frequency=441:duration={seconds}"
VIDEOS = {
    "one-frame.mp4": (f"{PICTURE} -frames:v 1", 25, 0.4),
    "three-frames.mkv": (f"{PICTURE} {TONE}", 10, 0.3),
    "mute.mp4": (PICTURE, 25, 0.6),
    "fast.mkv": (f"{PICTURE} {TONE} -c:a pcm_s16le", 60, 0.6),
    "slow.mkv": (f"{PICTURE} {TONE} -c:a pcm_s16le", 5, 8),
    "silent.mp4": (f"{PICTURE} -f lavfi -i anullsrc -t 0.6", 12.5, 0.6),
}


@pytest.mark.parametrize(("name", "audio"), KINDS)
def test_every_frame_of_any_video_gets_a_map(
    name: str, audio: bool, make_video: Callable[[str, str], Path], tmp_path: Path
) -> None:
    saved(name, tmp_path / "model", audio=audio)
    _, spec = avrsp.models.load(tmp_path / "model")
    for file, (arguments, rate, seconds) in VIDEOS.items():
        video = make_video(file, arguments.format(rate=rate, seconds=seconds))
        found = [*avrsp.predict(video, weights=tmp_path / "model", device="cpu")]
        frames = [*read_frames(video, height=spec.height, width=spec.width)]
        assert len(found) == len(frames), file
        maps = np.stack([each for _, each in found])
        assert np.isfinite(maps).all(), file
        assert maps.min() >= 0, file
        assert maps.shape[1:] == (spec.height, spec.width), file
        times = [time for time, _ in found]
        np.testing.assert_allclose(np.diff(times), 1 / rate, atol=2e-3, err_msg=file)


@pytest.mark.parametrize("name", [name for name, audio in KINDS if audio])
def test_a_video_without_sound_is_one_whose_sound_is_zero(name: str, tmp_path: Path) -> None:
    saved(name, tmp_path, audio=True)
    frames = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3)).astype(np.uint8)
    noise = np.random.default_rng(1).uniform(-1, 1, 22_050).astype(np.float32)

    def maps(sound: np.ndarray | None) -> np.ndarray:
        rate = None if sound is None else 22_050
        found = avrsp.predict(frames, sound, rate, fps=12, weights=tmp_path, device="cpu")
        return np.stack([each for _, each in found])

    mute, zero = maps(None), maps(np.zeros(22_050, np.float32))
    if name != "avrsp":  # which knows of each clip whether it has sound (D12)
        np.testing.assert_allclose(mute, zero, atol=1e-6)
    assert np.abs(maps(noise) - mute).max() > 1e-6
