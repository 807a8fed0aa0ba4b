"""The committed real clips: what they are, what they cost, and that they can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avrsp.media import decode
from avrsp.media.probe import probe
from tests.conftest import CLIPS

VIDEOS = sorted(CLIPS.glob("*.mp4"))


def test_they_are_small_and_each_is_attributed() -> None:
    said = (CLIPS / "ATTRIBUTION.md").read_text()
    assert len(VIDEOS) == 3
    assert sum(video.stat().st_size for video in VIDEOS) < 400_000
    rows = {line.split("|")[1].strip(): line for line in said.splitlines() if line.startswith("|")}
    for video in VIDEOS:
        cells = [cell.strip() for cell in rows[f"`{video.name}`"].split("|")[2:-1]]
        assert len(cells) == 4  # title, author, source, licence
        assert all(cells)
        assert cells[-1].startswith(("CC0", "CC BY ", "public domain"))


@pytest.mark.parametrize("video", VIDEOS, ids=lambda path: path.stem)
def test_picture_and_sound_are_those_of_a_real_clip(video: Path) -> None:
    found = probe(video)
    assert found.width == 320
    frames = np.stack(list(decode.read_frames(video, height=found.height, width=320)))
    assert len(frames) == found.frames
    assert 2 <= len(frames) / found.fps <= 3
    assert frames.std() > 20  # a picture
    assert np.abs(np.diff(frames.astype(int), axis=0)).mean() > 0.5  # that moves
    sound = decode.sound_of(video, 3.0)
    assert sound is not None
    assert len(sound.waveform) / 22_050 == pytest.approx(len(frames) / found.fps, abs=0.2)
    assert np.abs(sound.waveform).max() > 0.01
