"""Other sounds for a video, and whose sound it is."""

from __future__ import annotations

import numpy as np
import pytest

from avrsp.models.windows import excerpt
from avrsp.reliance.sounds import partners, repeated, shifted, sound_of, soundtracks
from avrsp.store.manifest import Verdict
from avrsp.types import SOUND_RATE


def verdict(dataset: str, video: str, *, has_sound: bool = True) -> Verdict:
    return Verdict(
        dataset=dataset, video=video, kept=True, reason=None, notes=[], frames=9, fps=25.0,
        height=48, width=64, has_sound=has_sound, digest="", roles={"1": "test"},
    )  # fmt: skip


@pytest.mark.parametrize("seconds", [1.0, 2.001, 3.0, 10.0])
def test_sound_is_moved_by_half_the_video(seconds: float) -> None:
    own = np.arange(int(seconds * SOUND_RATE), dtype=np.float32)
    found = shifted(own)
    nearest = np.minimum(np.abs(found - own), own.size - np.abs(found - own))
    assert nearest.min() == own.size // 2  # however far round one looks
    np.testing.assert_array_equal(np.sort(found), own)


def test_a_short_sound_begins_anew() -> None:
    np.testing.assert_array_equal(
        repeated(np.array([1, 2, 3], np.float32), 7), [1, 2, 3, 1, 2, 3, 1]
    )
    assert repeated(np.zeros(0, np.float32), 7).size == 0


def test_a_video_without_sound_is_only_dubbed() -> None:
    other = np.ones(5, np.float32)
    found = soundtracks(np.zeros(0, np.float32), other)
    assert {name: track.size for name, track in found.items()} == {"true": 0, "other": 5}


def test_reversed_sound_is_the_same_moment_backwards() -> None:
    track = np.random.default_rng(0).uniform(-1, 1, SOUND_RATE).astype(np.float32)
    window = np.arange(3, 11)
    expected = excerpt(track, window / 25.0, 25.0, 20_000)[::-1]
    np.testing.assert_array_equal(
        sound_of("reversed", track, window / 25.0, 25.0, 20_000), expected
    )


def test_sound_is_lent_by_the_next_video_of_the_same_dataset_and_kind() -> None:
    videos = [
        verdict("a", "1"),
        verdict("a", "2"),
        verdict("a", "3"),
        verdict("a", "4", has_sound=False),
        verdict("b", "5"),
    ]
    kinds = ["sounding", "music", "sounding", "silent", "music"]
    known = {(each.dataset, each.video): kind for each, kind in zip(videos, kinds, strict=True)}
    found = {key[1]: lender and lender.video for key, lender in partners(videos, known).items()}
    assert found == {"1": "3", "2": "5", "3": "1", "4": "1", "5": "2"}
    unknown = {key[1]: lender and lender.video for key, lender in partners(videos, {}).items()}
    assert unknown == {"1": "2", "2": "3", "3": "1", "4": "1", "5": "1"}
    assert partners(videos[:1], known) == {("a", "1"): None}
