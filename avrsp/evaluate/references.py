"""Reference rows: what maps score that know nothing of a frame.

They put a floor below every model: a map of one value, where people look on average, and the truth
of another frame of the same video. The ceiling, other viewers' gaze, is in `between_viewers`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avrsp.errors import StoreError
from avrsp.evaluate.map_files import CHUNK
from avrsp.evaluate.protocols import resized
from avrsp.store.ground_truth import is_empty
from avrsp.store.video_store import VideoStore

REFERENCES = ("uniform", "centre prior", "other frame")

FRAMES_A_VIDEO = 50
"""Frames of a training video that the centre prior looks at, evenly spaced."""

ReferenceMap = NDArray[np.float32]


def uniform(store: VideoStore) -> Iterator[ReferenceMap]:
    """Yield maps of one value for every frame of a video."""
    return constant(np.ones(store.truth_size, np.float32), len(store))


def constant(saliency: ReferenceMap, count: int) -> Iterator[ReferenceMap]:
    """Yield the same map H x W for `count` frames, in chunks."""
    for start in range(0, count, CHUNK):
        yield np.broadcast_to(saliency, (min(CHUNK, count - start), *saliency.shape))


def centre_prior(stores: Sequence[Path]) -> ReferenceMap:
    """Return the mean density of videos, at the truth's size of the first: H x W, sum 1.

    Fit it on training videos, of all datasets that a model is trained on. Each video counts the
    same, with at most 50 frames, and each frame that is not empty by its density scaled to the sum
    1.

    Raises:
        StoreError: No frame of any video has a density.
    """
    size = VideoStore(stores[0]).truth_size if stores else (1, 1)
    total = torch.zeros(size, dtype=torch.float64)
    for path in stores:
        mean = torch.from_numpy(_mean_density(VideoStore(path)))
        total += resized("bilinear")(mean[None], size)[0]
    if not total.any():
        raise StoreError("centre prior: no training video has a fixated frame to fit it on")
    return (total / total.sum()).float().numpy()


def _mean_density(store: VideoStore) -> NDArray[np.float64]:
    count = len(store)
    frames = np.unique(np.linspace(0, count - 1, min(count, FRAMES_A_VIDEO)).astype(int))
    total = np.zeros(store.truth_size)
    for density in store.densities_at(frames):
        if not is_empty(density):
            total += density / density.sum(dtype=np.float64)
    return total / max(float(total.sum()), np.finfo(np.float64).tiny)


def other_frame(store: VideoStore, seed: int) -> Iterator[ReferenceMap]:
    """Yield for every frame the true density of another frame of the video, drawn at random.

    The draw depends on the seed and on the video's name alone. The only frame of a video of one
    frame has no other, and no map.
    """
    count = len(store)
    if count == 1:
        yield np.full((1, 1, 1), np.nan, np.float32)
        return
    rng = np.random.default_rng([seed, zlib.crc32(store.attributes.video.encode())])
    others = (np.arange(count) + rng.integers(1, count, size=count)) % count
    for start in range(0, count, CHUNK):
        yield store.densities_at(others[start : start + CHUNK]).astype(np.float32)
