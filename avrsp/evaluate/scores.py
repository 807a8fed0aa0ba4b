"""Scores of a batch of frames under one protocol, and the rows of a whole video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.evaluate.protocols import PROTOCOLS
from avrsp.evaluate.summary import METRICS
from avrsp.metrics import definitions
from avrsp.params import ProtocolName
from avrsp.store.ground_truth import is_empty
from avrsp.store.video_store import VideoStore


def score_video(
    chunks: Iterable[NDArray[np.floating]],
    store: VideoStore,
    protocols: Sequence[ProtocolName] = ("avrsp",),
) -> pd.DataFrame:
    """Score the maps of one video and return a row for each frame and protocol.

    Args:
        chunks: Maps n x H x W in the order of the frames, n as it comes, of any finite values; a
            map that holds NaN or infinity stands for a frame without a prediction. What exceeds
            the store's frames is passed over.
        store: The video's ground truth.
        protocols: By which to prepare the maps, which are read once.

    Returns:
        Columns `protocol, frame, fixations, predicted, empty` and a column for each metric.
        Frames count from 0; `empty` is the ground truth by `is_empty`, which counts as a map of
        zeros; scores that are not defined are NaN.
    """
    parts = [
        _rows(name, start, maps, store)
        for start, maps in _placed(chunks, len(store))
        for name in protocols
    ]
    return pd.concat(parts, ignore_index=True).sort_values(
        ["protocol", "frame"], ignore_index=True, kind="stable"
    )


def measure(
    pred: Tensor, density: Tensor, fixations: Tensor, names: Sequence[str] = METRICS
) -> dict[str, Tensor]:
    """Return the named metrics of a batch: maps n x h x w, fixations m x 3 (row, col, frame)."""
    scores = definitions.together(pred, density, fixations)
    if "kl" in names:
        pieces = zip(definitions.pieces(pred), definitions.pieces(density), strict=True)
        scores["kl"] = torch.cat([definitions.kl(*piece) for piece in pieces])
    return {name: scores[name] for name in names}


def _placed(
    chunks: Iterable[NDArray[np.floating]], count: int
) -> Iterator[tuple[int, NDArray[np.floating]]]:
    """Yield each chunk with its first frame, cut at `count` frames and filled up to them by NaN.

    What exceeds them is read and passed over, so that a reader finds it and can say so.
    """
    start = 0
    for chunk in chunks:
        if start < count:
            yield start, chunk[: count - start]
        start += len(chunk)
    if start < count:
        yield start, np.full((count - start, 1, 1), np.nan, np.float32)


def _rows(
    name: ProtocolName, start: int, maps: NDArray[np.floating], store: VideoStore
) -> pd.DataFrame:
    stop = start + len(maps)
    fixated = [store.fixations(frame) for frame in range(start, stop)]
    predicted = np.isfinite(maps).all((1, 2))
    densities = store.densities(start, stop)
    empty = is_empty(densities)
    rows = pd.DataFrame(
        {
            "protocol": name,
            "frame": np.arange(start, stop),
            "fixations": [len(points) for points in fixated],
            "predicted": predicted,
            "empty": empty,
            **dict.fromkeys(METRICS, np.nan),
        }
    )
    there = np.flatnonzero(predicted)
    if len(there):
        densities[empty] = 0
        density = torch.from_numpy(densities[there])
        points = _listed([fixated[place] for place in there])
        found = _scored(name, torch.from_numpy(maps[there].astype(np.float32)), density, points)
        for metric, values in found.items():
            rows.loc[there, metric] = values.numpy()
    return rows


def _listed(fixated: Sequence[NDArray[np.integer]]) -> Tensor:
    frames = np.repeat(np.arange(len(fixated)), [len(points) for points in fixated])
    points = np.concatenate([np.zeros((0, 2), np.int64), *fixated])
    return torch.from_numpy(np.column_stack([points, frames]).astype(np.int64))


def _scored(
    name: ProtocolName, maps: Tensor, density: Tensor, fixations: Tensor
) -> Mapping[str, Tensor]:
    """Score frames as a protocol does, with NaN where it holds a score to be undefined."""
    protocol = PROTOCOLS[name]
    pred = protocol.prepare(maps, (density.shape[-2], density.shape[-1]))
    scores = measure(pred, density.float(), fixations)
    chance = protocol.constant == "chance"
    flat, truth_flat = _constant(pred), _constant(density)
    unknown = {
        "kl": truth_flat,
        "cc": truth_flat if chance else flat | truth_flat,
        "sim": truth_flat if chance else (flat & _any(pred)) | (truth_flat & _any(density)),
        "nss": torch.zeros_like(flat) if chance else flat,
        "auc_judd": torch.zeros_like(flat) if chance else flat,
    }
    return {
        metric: values.masked_fill(unknown[metric], torch.nan) for metric, values in scores.items()
    }


def _constant(maps: Tensor) -> Tensor:
    return maps.amin((-2, -1)) == maps.amax((-2, -1))


def _any(maps: Tensor) -> Tensor:
    return maps.amax((-2, -1)) > 0
