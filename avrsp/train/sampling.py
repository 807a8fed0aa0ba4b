"""Which clips an epoch holds and in which order: a function of seed and epoch, and of nothing else.

The number of loader processes, of training processes, or a resume in the middle of an epoch
therefore change neither the content of a batch nor its place. Every choice is drawn from a
generator of its own, seeded by a hash of what the choice is about.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Draw(NamedTuple):
    """One clip of an epoch.

    Attributes:
        epoch: Number of the epoch.
        video: Position of its video in the list.
        clip: Which of that video's clips.
        spare: Whether it counts for nothing, being read so that a process has a clip at all.
    """

    epoch: int
    video: int
    clip: int
    spare: bool = False


class Part(NamedTuple):
    """The part of each batch that is for process `rank` of `ranks`."""

    rank: int = 0
    ranks: int = 1

    def of(self, batch: list[Draw]) -> list[Draw]:
        """Return every `ranks`-th clip; a spare one where the batch has none for this process."""
        return batch[self.rank :: self.ranks] or [batch[0]._replace(spare=True)]


WHOLE = Part()


class TargetFrames(NamedTuple):
    """The frames to try as a clip's target, best first, and whether to mirror the picture."""

    frames: Sequence[int]
    mirrored: bool


def seed_of(*parts: str | int) -> int:
    """Return a 63-bit seed that depends on every part, the same on every machine."""
    text = "\0".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


@dataclass(frozen=True, slots=True)
class RandomClips:
    """Training: any frame of the video, in half of the clips mirrored when `flip` is set."""

    seed: int
    flip: bool

    def __call__(self, video: str, count: int, draw: Draw) -> TargetFrames:
        """Return a random order of the `count` frames of `video`."""
        generator = np.random.default_rng(seed_of(self.seed, draw.epoch, video, draw.clip))
        mirrored = self.flip and bool(generator.integers(2))
        return TargetFrames(generator.permutation(count).tolist(), mirrored)


@dataclass(frozen=True, slots=True)
class EvenClips:
    """Validation: `clips` frames spread evenly over the video, the same in every epoch."""

    clips: int

    def __call__(self, video: str, count: int, draw: Draw) -> TargetFrames:
        """Return the frames from the wanted one on, and round again from the first."""
        wanted = (2 * draw.clip + 1) * count // (2 * self.clips)
        return TargetFrames([*range(wanted, count), *range(wanted)], mirrored=False)


class EpochBatches:
    """The batches of one epoch, for `DataLoader(batch_sampler=...)`.

    `epoch` and `start` (batches to leave out, those that were done before a resume) are set
    before each iteration. Without a seed the clips come in the order of the videos. Several
    processes have as many batches as one, and each reads its part of every batch.
    """

    def __init__(
        self, videos: int, clips: int, batch: int, seed: int | None, part: Part = WHOLE
    ) -> None:
        self.epoch = 0
        self.start = 0
        self._videos = videos
        self._clips = clips
        self._batch = batch
        self._seed = seed
        self._part = part

    def __len__(self) -> int:
        """Number of batches in a whole epoch."""
        return math.ceil(self._videos * self._clips / self._batch)

    def __iter__(self) -> Iterator[list[Draw]]:
        draws = [
            Draw(self.epoch, video, clip)
            for video in range(self._videos)
            for clip in range(self._clips)
        ]
        if self._seed is not None:
            order = np.random.default_rng(seed_of(self._seed, self.epoch)).permutation(len(draws))
            draws = [draws[index] for index in order]
        for first in range(self.start * self._batch, len(draws), self._batch):
            yield self._part.of(draws[first : first + self._batch])
