"""Reference rows: what maps score that know nothing of a frame, and what other viewers score.

They put every model between a floor and a ceiling: a map of one value, where people look on
average, the truth of another frame of the same video, and, where gaze is known by viewer, how
well the others' gaze predicts one viewer's.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from avrsp import metrics
from avrsp.datasets.gaze import blurred
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
    for frame in frames:
        density = store.density(int(frame))
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
        chosen = others[start : start + CHUNK]
        yield np.stack([store.density(int(frame)) for frame in chosen]).astype(np.float32)


def between_observers(gaze: pd.DataFrame, size: tuple[int, int], sigma: float) -> pd.DataFrame:
    """Score for each frame how well all other viewers predict each viewer: the ceiling.

    Each viewer is left out in turn. The gaze of the others, blurred, is the prediction; the
    viewer's own pixels are the fixations; and the scores are averaged over viewers.

    Args:
        gaze: A line for each gaze point, columns `frame, observer, row, col` (pixels within size),
            as `Annotation.listed` has them.
        size: Height and width of the maps.
        sigma: Deviation of the Gaussian in pixels.

    Returns:
        Columns `frame, observers, nss, auc_judd`, NaN where fewer than two viewers looked.
    """
    found = [_left_out(own, size, sigma) for _, own in gaze.groupby("frame", sort=True)]
    return pd.DataFrame(found, columns=["frame", "observers", "nss", "auc_judd"])


def _left_out(
    gaze: pd.DataFrame, size: tuple[int, int], sigma: float
) -> tuple[int, int, float, float]:
    observers, index = np.unique(gaze["observer"].to_numpy(), return_inverse=True)
    frame, count = int(gaze["frame"].iloc[0]), len(observers)
    if count < 2:  # noqa: PLR2004 - one viewer has no others
        return frame, count, np.nan, np.nan
    points = gaze[["row", "col"]].to_numpy(np.int64)
    own = np.stack([blurred(points[index == each], size, sigma) for each in range(count)])
    others = torch.from_numpy((own.sum(0) - own).astype(np.float32))
    fixations = torch.from_numpy(np.column_stack([points, index]).astype(np.int64))
    nss, auc = metrics.nss(others, fixations), metrics.auc_judd(others, fixations)
    return frame, count, float(nss.mean()), float(auc.mean())


HALVES = ("nss", "auc_judd", "cc", "sim")


def split_half(
    gaze: pd.DataFrame, size: tuple[int, int], sigma: float, seed: int = 0
) -> pd.DataFrame:
    """Score for each frame how well one half of the viewers predicts the other.

    The viewers of all frames are divided at random, once. Either half's gaze, blurred, predicts the
    other's gaze and its map; the two scores are averaged. With half as many viewers on each side
    this is below what a model could reach: `between_observers` is closer to it.

    Args:
        gaze: A line for each gaze point, columns `frame, observer, row, col` (pixels within size).
        size: Height and width of the maps.
        sigma: Deviation of the Gaussian in pixels.
        seed: Of the division.

    Returns:
        Columns `frame, observers, nss, auc_judd, cc, sim`, NaN where only one half looked.
    """
    viewers = np.sort(gaze["observer"].unique())
    chosen = np.random.default_rng(seed).permutation(viewers)[: len(viewers) // 2]
    found = []
    for frame, own in gaze.groupby("frame", sort=True):
        first = own["observer"].isin(chosen).to_numpy()
        halves = [own[first], own[~first]]
        scores = np.full(len(HALVES), np.nan)
        if all(len(half) for half in halves):
            scores = _halves([half[["row", "col"]].to_numpy(np.int64) for half in halves],
                             size, sigma)  # fmt: skip
        found.append((frame, own["observer"].nunique(), *scores))
    return pd.DataFrame(found, columns=["frame", "observers", *HALVES])


def _halves(
    points: Sequence[NDArray[np.int64]], size: tuple[int, int], sigma: float
) -> NDArray[np.float64]:
    maps = np.stack([blurred(each, size, sigma) for each in points])
    frames = np.repeat([1, 0], [len(each) for each in points])
    fixations = np.column_stack([np.concatenate(points), frames])
    return np.array(
        [
            metrics.nss(maps, fixations).mean(),
            metrics.auc_judd(maps, fixations).mean(),
            metrics.cc(maps[0], maps[1]),
            metrics.sim(maps[0], maps[1]),
        ]
    )
