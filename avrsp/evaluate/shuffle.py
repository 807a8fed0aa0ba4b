"""The other frames' fixations of shuffled AUC, as the codes of STAViS and DHF1K choose them.

STAViS takes every pixel that is fixated in another frame of the same video and not in this one.
DHF1K takes the fixations of ten random frames of the dataset; here they are drawn from a thousand
frames, which are drawn once, so that a video's score needs no other store. Both are the same for
the same seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from avrsp.store.video_store import VideoStore

PixelIndices: TypeAlias = NDArray[np.int64]
"""k x 2 rows and columns."""

FRAMES: Final = 10
"""Frames whose fixations are compared with a frame's own, as in DHF1K's code."""

DRAWN: Final = 1000
"""Frames of a dataset from which these are chosen."""


@dataclass(frozen=True, slots=True)
class DatasetFixations:
    """Fixations of frames drawn from a dataset.

    Attributes:
        videos: Name of the video of each frame.
        frames: Number of each frame in its video.
        places: For each frame k x 2 rows and columns in parts of the height and the width.
        seed: Of all draws.
    """

    videos: tuple[str, ...]
    frames: tuple[int, ...]
    places: tuple[NDArray[np.float64], ...]
    seed: int

    def of_other_frames(self, video: str, frame: int, size: tuple[int, int]) -> PixelIndices:
        """Return the fixations of ten random frames that are not this one, in maps of `size`."""
        rng = np.random.default_rng([self.seed, zlib.crc32(video.encode()), frame])
        chosen = rng.permutation(len(self.frames))[: FRAMES + 1]
        others = [
            self.places[each]
            for each in chosen
            if (self.videos[each], self.frames[each]) != (video, frame)
        ]
        parts = np.concatenate([np.zeros((0, 2)), *others[:FRAMES]])
        return np.asarray(np.floor(parts * size), np.int64)


def draw(videos: Sequence[tuple[str, Path]], seed: int) -> DatasetFixations:
    """Draw frames of a dataset, whose videos (name, store) these are.

    Raises:
        StoreError: A store is damaged.
    """
    ends = np.cumsum([len(VideoStore(path)) for _, path in videos])
    total = int(ends[-1]) if len(ends) else 0
    chosen = np.sort(np.random.default_rng(seed).permutation(total)[:DRAWN])
    found: list[tuple[str, int, NDArray[np.float64]]] = []
    for number, (name, path) in enumerate(videos):
        start = int(ends[number - 1]) if number else 0
        store = VideoStore(path)
        for frame in chosen[(chosen >= start) & (chosen < ends[number])] - start:
            places = (store.fixations(int(frame)) + 0.5) / store.truth_size
            found.append((name, int(frame), places))
    names, frames, places_of = zip(*found, strict=True) if found else ((), (), ())
    return DatasetFixations(names, frames, places_of, seed)


def of_same_video(store: VideoStore) -> PixelIndices:
    """Return the pixels that are fixated in any frame of a video, each once."""
    every = [store.fixations(frame) for frame in range(len(store))]
    return np.unique(np.concatenate([np.zeros((0, 2), np.int64), *every]), axis=0)


def without(pixels: PixelIndices, own: NDArray[np.integer], width: int) -> PixelIndices:
    """Return the pixels that are not among a frame's own, in maps of so many columns."""
    flat, fixated = (np.asarray(each, np.int64) @ np.array([width, 1]) for each in (pixels, own))
    return pixels[~np.isin(flat, fixated)]
