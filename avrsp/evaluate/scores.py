"""Scores of a batch of frames under one protocol, and the rows of a whole video."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.evaluate.protocols import PROTOCOLS, Protocol, resized
from avrsp.evaluate.shuffle import DatasetFixations, PixelIndices, of_same_video, without
from avrsp.evaluate.summary import COLUMNS, METRICS
from avrsp.metrics import definitions
from avrsp.params import ProtocolName
from avrsp.store.ground_truth import is_empty
from avrsp.store.video_store import VideoStore
from avrsp.workers import one_thread


@dataclass(frozen=True, slots=True)
class ScoringContext:
    """What some metrics need besides a frame's own maps; it is sent to the process that scores.

    Attributes:
        fixations: Of other frames by dataset, for shuffled AUC; without them it stays undefined
            where a protocol takes them from the dataset.
        prior: A map H x W of where people look on average, the baseline of information gain, which
            stays undefined without it.
    """

    fixations: Mapping[str, DatasetFixations] = field(default_factory=dict)
    prior: NDArray[np.float32] | None = None


NO_CONTEXT: Final = ScoringContext()


def score_video(
    chunks: Iterable[NDArray[np.floating]],
    store: VideoStore,
    protocols: Sequence[ProtocolName] = ("avrsp",),
    context: ScoringContext = NO_CONTEXT,
    refusals: list[str] | None = None,
) -> pd.DataFrame:
    """Score the maps of one video and return a row for each frame and protocol.

    Args:
        chunks: Maps n x H x W in the order of the frames, n as it comes, of any finite values; a
            map that holds NaN or infinity stands for a frame without a prediction. What exceeds
            the store's frames is passed over.
        store: The video's ground truth.
        protocols: By which to prepare the maps, which are read once.
        context: What some metrics need besides.
        refusals: Takes a line for each protocol that refuses the maps, whose scores are NaN.

    Returns:
        Columns `protocol, frame, fixations, predicted, empty` and one of `COLUMNS` for each
        metric. Frames count from 0; `empty` is the ground truth by `is_empty`, which counts as a
        map of zeros; scores that are not defined are NaN.
    """
    video = _Video(store, context)
    parts = [
        video.rows(name, start, maps)
        for start, maps in _placed(chunks, len(store))
        for name in protocols
    ]
    if refusals is not None:
        refusals += video.refused.values()
    return pd.concat(parts, ignore_index=True).sort_values(
        ["protocol", "frame"], ignore_index=True, kind="stable"
    )


def measure(
    pred: Tensor, density: Tensor, fixations: Tensor, names: Sequence[str] = METRICS
) -> dict[str, Tensor]:
    """Return the named metrics of a batch: maps n x h x w, fixations m x 3 (row, col, frame).

    On a CPU one thread computes: see `avrsp.workers` for why more would be slower.
    """
    with one_thread() if pred.device.type == "cpu" else contextlib.nullcontext():
        scores = definitions.together(pred, density, fixations)
        if "kl" in names:
            pieces = zip(definitions.pieces(pred), definitions.pieces(density), strict=True)
            scores["kl"] = torch.cat([definitions.kl(*piece) for piece in pieces])
    return {name: scores[name] for name in names}


class FramesToScore(NamedTuple):
    """Frames that have a map: their numbers, densities n x h x w, and k x 2 fixations of each."""

    numbers: NDArray[np.integer]
    densities: NDArray[np.uint8]
    fixated: Sequence[NDArray[np.integer]]


OtherFixations: TypeAlias = Callable[[int, NDArray[np.integer]], PixelIndices]
"""Of a frame's number and its own fixations: those of other frames, for shuffled AUC."""


def score_frames(
    protocol: Protocol,
    maps: Tensor,
    frames: FramesToScore,
    others: OtherFixations,
    prior: NDArray[np.float32] | None,
) -> dict[str, NDArray[np.float64]]:
    """Return the metrics of a protocol for maps n x H x W; NaN where one is not defined.

    Args:
        protocol: By whose rules.
        maps: Predictions.
        frames: What they are compared with.
        others: The other frames' fixations.
        prior: Information gain's baseline.
    """
    if protocol.frame_score is not None:
        given = zip(maps.numpy(), frames.densities, frames.fixated, strict=True)
        found = np.stack([protocol.frame_score(*each) for each in given])
        return dict(zip(protocol.metrics, found.T, strict=True))
    density = torch.from_numpy(frames.densities)
    fixations = _listed(frames.fixated)
    size = density.shape[-2], density.shape[-1]
    pred = protocol.prepare(maps, size)
    scores = measure(pred, density.float(), fixations)
    if "auc_shuffled" in protocol.metrics:
        pairs = zip(frames.numbers, frames.fixated, strict=True)
        elsewhere = _listed([others(int(frame), own) for frame, own in pairs])
        scores["auc_shuffled"] = definitions.auc_shuffled(pred, fixations, elsewhere)
    if "ig" in protocol.metrics and prior is not None:
        baseline = resized("bilinear")(torch.from_numpy(prior)[None], size)
        scores["ig"] = definitions.ig(pred, fixations, baseline)
    unknown = _undefined(protocol, pred, density)
    return {
        metric: values.masked_fill(unknown[metric], torch.nan).double().numpy()
        for metric, values in scores.items()
        if metric in protocol.metrics
    }


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


class _Video:
    """The ground truth of a video, chunk by chunk."""

    def __init__(self, store: VideoStore, context: ScoringContext) -> None:
        self.refused: dict[str, str] = {}
        self._store, self._context = store, context

    def rows(self, name: ProtocolName, start: int, maps: NDArray[np.floating]) -> pd.DataFrame:
        """Return the rows of a chunk of maps that begins at a frame, by one protocol."""
        stop = start + len(maps)
        fixated = [self._store.fixations(frame) for frame in range(start, stop)]
        predicted = np.isfinite(maps).all((1, 2))
        densities = self._store.densities(start, stop)
        empty = is_empty(densities)
        rows = pd.DataFrame(
            {
                "protocol": name,
                "frame": np.arange(start, stop),
                "fixations": [len(points) for points in fixated],
                "predicted": predicted,
                "empty": empty,
                **dict.fromkeys(COLUMNS, np.nan),
            }
        )
        there = np.flatnonzero(predicted)
        if len(there) and not self._refuses(name, maps.shape[1:]):
            densities[empty] = 0
            pred = torch.from_numpy(maps[there].astype(np.float32))
            frames = FramesToScore(
                start + there, densities[there], [fixated[place] for place in there]
            )
            others = functools.partial(self._others, PROTOCOLS[name])
            found = score_frames(PROTOCOLS[name], pred, frames, others, self._context.prior)
            for metric, values in found.items():
                rows.loc[there, metric] = values
        return rows

    def _refuses(self, name: ProtocolName, size: tuple[int, ...]) -> bool:
        if not PROTOCOLS[name].same_size or size == self._store.truth_size:
            return False
        self.refused[name] = (
            f"left out of protocol {name}, which takes maps of the ground truth's size alone; "
            "resize them to be scored by it"
        )
        return True

    def _others(self, protocol: Protocol, frame: int, own: NDArray[np.integer]) -> PixelIndices:
        """Return the fixations of other frames with which a frame's own are compared."""
        size, facts = self._store.truth_size, self._store.attributes
        if protocol.others == "video":
            return without(self._pixels, own, size[1])
        drawn = self._context.fixations.get(facts.dataset)
        none = np.zeros((0, 2), np.int64)
        return none if drawn is None else drawn.of_other_frames(facts.video, frame, size)

    @functools.cached_property
    def _pixels(self) -> PixelIndices:
        return of_same_video(self._store)


def _listed(fixated: Sequence[NDArray[np.integer]]) -> Tensor:
    frames = np.repeat(np.arange(len(fixated)), [len(points) for points in fixated])
    points = np.concatenate([np.zeros((0, 2), np.int64), *fixated])
    return torch.from_numpy(np.column_stack([points, frames]).astype(np.int64))


def _undefined(protocol: Protocol, pred: Tensor, density: Tensor) -> dict[str, Tensor]:
    """Say by metric of which frames a protocol holds the score to be undefined."""
    chance = protocol.constant == "chance"
    flat, truth_flat = _constant(pred), _constant(density)
    by_fixations = torch.zeros_like(flat) if chance else flat
    return {
        "kl": truth_flat,
        "cc": truth_flat if chance else flat | truth_flat,
        "sim": truth_flat if chance else (flat & _any(pred)) | (truth_flat & _any(density)),
        **dict.fromkeys(("nss", "auc_judd", "auc_shuffled", "ig"), by_fixations),
    }


def _constant(maps: Tensor) -> Tensor:
    return maps.amin((-2, -1)) == maps.amax((-2, -1))


def _any(maps: Tensor) -> Tensor:
    return maps.amax((-2, -1)) > 0
