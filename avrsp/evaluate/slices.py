"""Slices of a score: frames that have something in common, by what the stores know of them.

| slice | of a frame |
|---|---|
| cut | seconds since the last cut, or since the video began |
| motion | mean change of grey levels from the frame before, without that of cuts |
| centre | distance of its fixations from the centre, in parts of half the diagonal |
| sound | whether the second around it holds any sound that viewers heard |

A cut is a frame that differs from the one before by more than `CUT` grey levels on average, and by
more than `TIMES` as much as the frames around it do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from avrsp.evaluate.map_files import STORE
from avrsp.store.video_store import VideoStore
from avrsp.types import SOUND_RATE

KINDS: Final = ("cut", "motion", "centre", "sound")

SMALL: Final = (64, 36)
"""Width and height at which frames are compared."""

READ: Final = 64
"""Frames that are read at a time."""

CUT: Final = 15.0
TIMES: Final = 3.0
AROUND: Final = 6
"""Grey levels of 255, factor, and frames on each side by which a cut is told from motion."""

SINCE_CUT: Final = (0.5, 2.0)
"""Seconds since a cut at which slices end."""

QUIET: Final = 1e-3
"""Root mean square, of full scale 1, below which a second holds no sound: -60 dB."""


def frame_facts(store: VideoStore) -> pd.DataFrame:
    """Return what is known of the frames of a store, a row each.

    Returns:
        Columns `frame`, `cut` (seconds), `motion` (grey levels; NaN at a cut and in the first
        frame), `centre` (0 at the centre, 1 in a corner; NaN without fixations) and `sound`
        (whether there is any).
    """
    change, times = _changes(store), store.times
    cuts = np.concatenate([[0], np.flatnonzero(is_cut(change))])
    last = cuts[np.searchsorted(cuts, np.arange(len(times)), side="right") - 1]
    motion = change.copy()
    motion[cuts] = np.nan
    return pd.DataFrame(
        {
            "frame": np.arange(len(times)),
            "cut": times - times[last],
            "motion": motion,
            "centre": [_from_centre(store, frame) for frame in range(len(times))],
            "sound": _sounding(store),
        }
    )


def is_cut(change: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which frames are the first after a cut, by the mean change T from the frame before."""
    found = np.zeros(len(change), np.bool_)
    for frame in map(int, np.flatnonzero(change > CUT)):
        first = max(frame - AROUND, 1)
        others = np.delete(change[first : frame + AROUND + 1], frame - first)
        found[frame] = not len(others) or change[frame] > TIMES * np.median(others)
    return found


def _changes(store: VideoStore) -> NDArray[np.float64]:
    """Return the mean absolute change of grey levels from the frame before; 0 in the first."""
    found = np.zeros(len(store))
    before: NDArray[np.float64] | None = None
    for start in range(0, len(store), READ):
        frames = store.frames(range(start, min(start + READ, len(store))))
        for number, frame in enumerate(frames, start):
            picture = Image.fromarray(frame).convert("L").resize(SMALL, Image.Resampling.BOX)
            grey = np.asarray(picture, np.float64)
            found[number] = 0 if before is None else np.abs(grey - before).mean()
            before = grey
    return found


def _from_centre(store: VideoStore, frame: int) -> float:
    points = store.fixations(frame)
    if not len(points):
        return np.nan
    half = np.divide(store.truth_size, 2)
    away = np.linalg.norm(points + 0.5 - half, axis=1) / np.linalg.norm(half)
    return float(away.mean())


def _sounding(store: VideoStore) -> NDArray[np.bool_]:
    waveform = store.waveform
    if not waveform.size:
        return np.zeros(len(store), np.bool_)
    energy = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
    first, after = (
        np.clip(((store.times + side) * SOUND_RATE).astype(int), 0, waveform.size)
        for side in (-0.5, 0.5)
    )
    power = (energy[after] - energy[first]) / np.maximum(after - first, 1)
    found: NDArray[np.bool_] = np.sqrt(np.maximum(power, 0)) > QUIET
    return found


def facts_of(rows: pd.DataFrame, stores: Path) -> pd.DataFrame:
    """Return `dataset`, `video`, and the facts of the frames of all videos that rows name.

    Raises:
        StoreError: The store of one is missing or damaged.
    """
    videos = rows[["dataset", "video"]].drop_duplicates().sort_values(["dataset", "video"])
    parts = [
        frame_facts(VideoStore(stores / dataset / f"{video}{STORE}")).assign(
            dataset=dataset, video=video
        )
        for dataset, video in videos.itertuples(index=False)
    ]
    return pd.concat(parts, ignore_index=True)


class SliceKind(NamedTuple):
    """A way to divide frames.

    Attributes:
        kind: One of `KINDS`.
        names: Of its slices, from the lowest values on.
        words: Of each frame, the name of its slice; None where it is in none.
    """

    kind: str
    names: Sequence[str]
    words: pd.Series[str]


def divided(facts: pd.DataFrame) -> Iterator[SliceKind]:
    """Yield the slices of each kind; motion and distance from the centre are cut into thirds."""
    near, far = SINCE_CUT
    names = [f"less than {near} s", f"{near} to {far} s", f"{far} s and more"]
    yield _cut_up(facts, "cut", (near, far), names)
    for kind in ("motion", "centre"):
        low, high = (float(each) for each in facts[kind].quantile([1 / 3, 2 / 3]))
        names = [f"below {low:.3g}", f"{low:.3g} to {high:.3g}", f"above {high:.3g}"]
        yield _cut_up(facts, kind, (low, high), names)
    sounds = facts.assign(sound=facts["sound"].astype(float))
    yield _cut_up(sounds, "sound", (0.5,), ["no sound", "sound"])


def _cut_up(
    facts: pd.DataFrame, kind: str, ends: Sequence[float], names: Sequence[str]
) -> SliceKind:
    """Name the span between `ends` in which each value lies."""
    values = facts[kind].to_numpy(np.float64)
    place = np.searchsorted(ends, values, side="right").clip(0, len(ends))
    words = np.where(np.isnan(values), None, np.array(names, dtype=object)[place])
    return SliceKind(kind, names, pd.Series(words, facts.index, dtype=object))
