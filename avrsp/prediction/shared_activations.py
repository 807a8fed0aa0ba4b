"""Which activations neighbouring windows share, and layers along time that compute each one once.

A layer pads a window with zeros in time, so near its ends a window differs from its neighbours.
Of a window's P positions the first few and the last few are its own; the ones between depend on
frames alone, and a later window finds them at an earlier position. So a block of new frames needs
one new shared position a frame, and its own positions for each window that ends in the block.

    frames of a window    0 1 2 3 4 5 6 7 8 9 ...          (one layer, kernel 7, stride 2)
    its positions         o o . . . ... . o                o its own, . shared

A shared position is indexed by the frame whose arrival completes it. All windows' values at one
position are therefore a plain slice of a sequence, and every product below is one over contiguous
rows (frames x H x W) of channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

PositionValues = Callable[[int], Tensor]
"""From a position to its values, N x H x W x C, of all windows or for all new frames."""

ROOM = 2
"""Blocks of frames that a cache takes before it moves what it keeps to its beginning."""


@dataclass(frozen=True, slots=True)
class PositionLayout:
    """Which of the positions of a window are its own.

    Attributes:
        count: Positions of a window.
        left: How many at its start are its own.
        right: How many at its end are.
        spacing: Frames from one position to the next.
    """

    count: int
    left: int
    right: int
    spacing: int

    @property
    def shares(self) -> bool:
        """Whether any position is shared."""
        return self.left + self.right < self.count

    @property
    def own(self) -> tuple[int, ...]:
        """The positions that are not shared, in order."""
        return tuple(i for i in range(self.count) if not self.is_shared(i))

    def is_shared(self, position: int) -> bool:
        """Say whether neighbouring windows have it too."""
        return self.left <= position < self.count - self.right

    def lag(self, position: int) -> int:
        """Return how many frames before the window's last one this shared position was new."""
        return self.spacing * (self.count - 1 - self.right - position)

    def through(self, kernel: Kernel) -> PositionLayout:
        """Return the layout behind a layer along time."""
        count = self.count // kernel.stride
        left = -(-(self.left + kernel.margin) // kernel.stride)
        reach = self.count - 1 - self.right - (kernel.taps - 1 - kernel.margin)
        right = max(0, count - 1 - reach // kernel.stride)
        if left + right >= count:
            left, right = count, 0
        return PositionLayout(count, left, right, self.spacing * kernel.stride)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Extent in time of a layer: taps, stride, and zeros before a window's first position."""

    taps: int
    stride: int = 1
    margin: int = 0

    def read(self, position: int, count: int) -> list[tuple[int, int]]:
        """Return (tap, position before) for what an output reads, without the padding."""
        first = self.stride * position - self.margin
        return [(tap, first + tap) for tap in range(self.taps) if 0 <= first + tap < count]


@dataclass(frozen=True, slots=True)
class BlockActivations:
    """The activations that a block of frames adds, F x H x W x C.

    First one shared position for each of `frames` new frames, if the layout shares any, then for
    each own position, in order, its value in each of the `windows`. A window ends at every
    `stride`-th new frame.
    """

    x: Tensor
    layout: PositionLayout
    frames: int
    windows: int
    stride: int

    def __post_init__(self) -> None:
        """Check that the rows are those of the layout."""
        assert len(self.x) == self.rows(self.layout)

    def rows(self, layout: PositionLayout) -> int:
        """Return F for another layout."""
        return self.frames * layout.shares + self.windows * len(layout.own)

    def own(self, position: int) -> Tensor:
        """Return the values of an own position, windows x H x W x C."""
        start = self.frames * self.layout.shares
        start += self.windows * self.layout.own.index(position)
        return self.x[start : start + self.windows]

    def followed_by(self, x: Tensor, layout: PositionLayout | None = None) -> BlockActivations:
        """Return a block of the same frames with other activations."""
        return BlockActivations(x, layout or self.layout, self.frames, self.windows, self.stride)


class SharedCache:
    """The latest shared positions: as many as later windows still read."""

    def __init__(self, layout: PositionLayout) -> None:
        self.layout = layout
        self.kept = layout.lag(layout.left) if layout.shares else 0
        self.buffer: Tensor | None = None
        self.end = 0

    def take(self, block: BlockActivations) -> tuple[PositionValues, PositionValues]:
        """Remember the block's shared positions; return what its frames and its windows read."""
        if block.layout.shares:
            self._append(block.x[: block.frames])

        def fresh(position: int) -> Tensor:
            return self._back(self.layout.lag(position), block.frames)

        def windowed(position: int) -> Tensor:
            if not self.layout.is_shared(position):
                return block.own(position)
            rows = self._back(self.layout.lag(position), block.frames)
            return rows[block.stride - 1 :: block.stride][: block.windows]

        return fresh, windowed

    def _back(self, lag: int, frames: int) -> Tensor:
        assert self.buffer is not None
        return self.buffer[self.end - lag - frames : self.end - lag]

    def _append(self, new: Tensor) -> None:
        count = len(new)
        if self.buffer is None or self.end + count > len(self.buffer):
            self._make_room(new)
        assert self.buffer is not None
        self.buffer[self.end : self.end + count] = new
        self.end += count

    def _make_room(self, new: Tensor) -> None:
        """Move what is kept to the beginning of the buffer, a larger one where it must be."""
        room = self.kept + ROOM * len(new)
        before = self.buffer
        if before is None or room > len(before):
            self.buffer = new.new_empty((room, *new.shape[1:]))
        assert self.buffer is not None
        if before is None:
            self.buffer[: self.kept] = 0  # frames before the first one, which no window reads
        else:
            kept = before[self.end - self.kept : self.end]
            self.buffer[: self.kept] = kept if self.end >= 2 * self.kept else kept.clone()
        self.end = self.kept


def gathered(block: BlockActivations, cache: SharedCache) -> Tensor:
    """Return every window whole, windows x C x P x H x W, channels last in memory."""
    _, windowed = cache.take(block)
    count = block.layout.count
    whole = block.x.new_empty((block.windows, count, *block.x.shape[1:]))
    for position in range(count):
        whole[:, position] = windowed(position)
    return whole.permute(0, 4, 1, 2, 3)  # n p h w c -> n c p h w
