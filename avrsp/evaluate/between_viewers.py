"""Rows of viewers against viewers: how well gaze predicts gaze, where it is known who looked.

`other viewers` leaves each viewer out in turn: the gaze of all others, blurred, predicts the
viewer's own. It is the ceiling between observers, above which a map knows more than people do of
each other. `half the viewers` divides them at random, once a video: either half predicts the
other's gaze and its density map. With half as many viewers on each side it lies lower.

Both are scored by the rules of each protocol, as maps of at most `LONGEST` pixels, because there
are as many of them in a frame as viewers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from avrsp.datasets.gaze import blurred
from avrsp.evaluate.protocols import PROTOCOLS, Protocol
from avrsp.evaluate.scores import FramesToScore, ScoringContext, score_frames
from avrsp.evaluate.shuffle import PixelIndices, without
from avrsp.evaluate.summary import COLUMNS, VIEWERS
from avrsp.params import ProtocolName
from avrsp.store.ground_truth import is_empty
from avrsp.store.video_store import VideoStore

LONGEST: Final = 320
"""Pixels of the longer side to which viewers' maps are reduced."""

SIGMA: Final = "sigma_pixels"
SIGMA_DOWN: Final = "sigma_pixels_down"
"""What a store says of the Gaussian that made its density maps, in their pixels."""

CHUNK: Final = 64
"""Frames of which the ground truth is read at a time."""


def knows_viewers(store: VideoStore) -> bool:
    """Say whether a store knows who looked where, and how wide a fixation is drawn."""
    return store.observers(0) is not None and SIGMA in store.attributes.ground_truth


@dataclass(frozen=True, slots=True)
class ViewerScorer:
    """Scores viewers by viewers; it is sent to the process that does.

    Attributes:
        method: A key of `VIEWERS`.
        seed: Of the division into halves.
    """

    method: str
    seed: int

    def __call__(
        self, store: VideoStore, protocols: Sequence[ProtocolName], context: ScoringContext
    ) -> pd.DataFrame:
        """Return rows as `scores.score_video` does; NaN where fewer than two sides looked."""
        video = _Viewers(store, context)
        divide = partial(_halves, video.first_half(self.seed))
        split = _left_out if self.method == "other viewers" else divide
        parts = [
            video.rows(name, start, min(start + CHUNK, len(store)), split, VIEWERS[self.method])
            for name in protocols
            for start in range(0, len(store), CHUNK)
        ]
        return pd.concat(parts, ignore_index=True).sort_values(
            ["protocol", "frame"], ignore_index=True, kind="stable"
        )


Division = Callable[[NDArray[np.int16]], list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]]
"""Of a frame's viewers k: pairs of masks of those who predict and those who are predicted."""


def _left_out(observers: NDArray[np.int16]) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    own = [observers == each for each in np.unique(observers)]
    return [(~each, each) for each in own] if len(own) > 1 else []


def _halves(
    chosen: NDArray[np.int16], observers: NDArray[np.int16]
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    first = np.isin(observers, chosen)
    return [(first, ~first), (~first, first)] if first.any() and not first.all() else []


class _Viewers:
    """The gaze of one video by viewer, in pixels of reduced maps."""

    def __init__(self, store: VideoStore, context: ScoringContext) -> None:
        self._store, self._context = store, context
        shrink = min(1.0, LONGEST / max(store.truth_size))
        height, width = (max(round(side * shrink), 1) for side in store.truth_size)
        self._size = height, width
        self._scale = np.divide(self._size, store.truth_size)
        known = store.attributes.ground_truth
        along = float(known[SIGMA])
        down = float(known.get(SIGMA_DOWN, along))
        self._sigma = down * self._scale[0], along * self._scale[1]

    def first_half(self, seed: int) -> NDArray[np.int16]:
        """Return the numbers of half of the viewers, drawn by the seed and the video's name."""
        every = [self._observers(frame) for frame in range(len(self._store))]
        viewers = np.unique(np.concatenate([np.zeros(0, np.int16), *every]))
        rng = np.random.default_rng([seed, zlib.crc32(self._store.attributes.video.encode())])
        return rng.permutation(viewers)[: len(viewers) // 2]

    def rows(
        self,
        name: ProtocolName,
        start: int,
        stop: int,
        division: Division,
        metrics: Sequence[str],
    ) -> pd.DataFrame:
        """Return the rows of a span of frames by one protocol."""
        rows = pd.DataFrame(
            {
                "protocol": name,
                "frame": np.arange(start, stop),
                "fixations": [len(self._store.fixations(each)) for each in range(start, stop)],
                "predicted": True,
                "empty": is_empty(self._store.densities(start, stop)),
                **dict.fromkeys(COLUMNS, np.nan),
            }
        )
        for place, frame in enumerate(range(start, stop)):
            for metric, value in self._scores(PROTOCOLS[name], frame, division):
                if metric in metrics:
                    rows.loc[place, metric] = value
        return rows

    def _scores(
        self, protocol: Protocol, frame: int, division: Division
    ) -> Iterator[tuple[str, float]]:
        """Yield the metrics of a frame, averaged over those who are predicted."""
        points, sides = self._points(frame), division(self._observers(frame))
        if not sides:
            return
        pred = torch.from_numpy(np.stack([self._map(points[each]) for each, _ in sides]))
        truth = np.stack([_as_stored(self._map(points[each])) for _, each in sides])
        frames = FramesToScore(
            np.full(len(sides), frame), truth, [points[each] for _, each in sides]
        )
        others = partial(self._others, protocol)
        found = score_frames(protocol, pred, frames, others, self._context.prior)
        for metric, values in found.items():
            yield metric, float(values.mean())

    def _map(self, points: NDArray[np.int64]) -> NDArray[np.float32]:
        return blurred(points, self._size, self._sigma).astype(np.float32)

    def _points(self, frame: int) -> NDArray[np.int64]:
        places = (self._store.fixations(frame) + 0.5) * self._scale
        return np.asarray(np.floor(places), np.int64)

    def _observers(self, frame: int) -> NDArray[np.int16]:
        found = self._store.observers(frame)
        assert found is not None  # `knows_viewers` was asked
        return found

    def _others(self, protocol: Protocol, frame: int, own: NDArray[np.integer]) -> PixelIndices:
        if protocol.others == "video":
            return without(self._pixels, own, self._size[1])
        facts = self._store.attributes
        drawn = self._context.fixations.get(facts.dataset)
        none = np.zeros((0, 2), np.int64)
        return none if drawn is None else drawn.of_other_frames(facts.video, frame, self._size)

    @cached_property
    def _pixels(self) -> PixelIndices:
        every = [self._points(frame) for frame in range(len(self._store))]
        return np.unique(np.concatenate([np.zeros((0, 2), np.int64), *every]), axis=0)


def _as_stored(density: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a density as stores hold it, the brightest place 255."""
    grey: NDArray[np.uint8] = np.rint(density * (255 / max(float(density.max()), 1e-12))).astype(
        np.uint8
    )
    return grey
