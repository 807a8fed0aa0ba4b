"""Sounds to show a video with: its own, none, another video's, its own moved, or backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from avrsp.models.windows import excerpt
from avrsp.store.manifest import Verdict
from avrsp.types import Samples

SoundName = Literal["true", "silence", "other", "shifted", "reversed"]
Waveform = NDArray[np.float32]

SOUNDS: Final[tuple[SoundName, ...]] = ("true", "silence", "other", "shifted", "reversed")


def soundtracks(own: Waveform, other: Waveform) -> dict[SoundName, Waveform]:
    """Return the waveform N of each sound of a video; empty where there is nothing to hear.

    "reversed" is the true one here, because `sound_of` turns it round window by window.
    """
    silence = np.zeros(0, np.float32)
    if not own.size:
        return {"true": silence, "other": other}
    return {
        "true": own,
        "silence": silence,
        "other": repeated(other, own.size),
        "shifted": shifted(own),
        "reversed": own,
    }


def shifted(waveform: Waveform) -> Waveform:
    """Return the sound moved later by half its length; its second half comes first.

    As what is pushed out at the end comes in at the start, no other shift is as far from none.
    """
    return np.roll(waveform, waveform.size // 2)


def repeated(waveform: Waveform, samples: int) -> Waveform:
    """Return `samples` of the sound, repeated where it is shorter; none of no sound."""
    return np.resize(waveform, samples) if waveform.size else waveform


def sound_of(
    name: SoundName, track: Samples, shown: NDArray[np.float64], fps: float, samples: int
) -> Waveform:
    """Return `samples` values of the sound of frames `shown` at those times; see `excerpt`.

    "reversed" plays the window's own sound backwards: the same moment and spectrum, another order.
    """
    found = excerpt(track, shown, fps, samples)
    return found[::-1].copy() if name == "reversed" else found


def partners(
    videos: Sequence[Verdict], kinds: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], Verdict | None]:
    """Choose for each video whose sound it is shown with instead of its own.

    It is the next video in the list that has sound, of the same dataset and kind if there is one,
    else of the same kind, else of the same dataset, else any; from the list's end it goes on at
    its beginning. None where no other video has sound.

    Args:
        videos: The test videos.
        kinds: Kind of clip by (dataset, video); empty where nobody knows it.
    """
    chosen: dict[tuple[str, str], Verdict | None] = {}
    for place, video in enumerate(videos):
        following = [*videos[place + 1 :], *videos[:place]]
        sounding = [each for each in following if each.has_sound]
        chosen[_key(video)] = max(
            sounding,
            key=lambda each: (
                _kind(each, kinds) == _kind(video, kinds),
                each.dataset == video.dataset,
            ),
            default=None,
        )
    return chosen


def _key(video: Verdict) -> tuple[str, str]:
    return video.dataset, video.video


def _kind(video: Verdict, kinds: Mapping[tuple[str, str], str]) -> str | None:
    return kinds.get(_key(video))
