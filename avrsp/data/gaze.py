"""Where people looked in a video: fixated pixels, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Annotation:
    """The fixations on a video.

    Attributes:
        points: For each frame k x 2 int16 rows and columns.
        size: Height and width, in pixels, of the frame that they refer to.
        fps: Frames a second.
    """

    points: Sequence[NDArray[np.int16]]
    size: tuple[int, int]
    fps: float

    def resized(self, size: tuple[int, int]) -> Annotation:
        """Return the same fixations in a frame of another size; pixel centres are scaled."""
        if size == self.size:
            return self
        scale = np.divide(size, self.size)
        moved = [np.floor((each + 0.5) * scale).astype(np.int16) for each in self.points]
        return Annotation(moved, size, self.fps)


def fixated(binary: NDArray[np.generic]) -> NDArray[np.int16]:
    """Return k x 2 rows and columns of the non-zero pixels of a binary map h x w."""
    return np.argwhere(binary).astype(np.int16)
