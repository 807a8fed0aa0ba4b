"""Where people looked in a video: fixated pixels, frame by frame, and the maps made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import radians, tan

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Annotation:
    """The fixations on a video.

    Attributes:
        points: For each frame k x 2 int16 rows and columns.
        size: Height and width, in pixels, of the frame that they refer to.
        fps: Frames a second.
        observers: For each frame the k numbers, from 0, of those who looked there; None where the
            raw data does not say.
        maps_of_counts: How many of the maps that they were read from hold different positive
            values, which may count fixations; each pixel is in `points` once.
        times: Seconds at which each frame is shown; None where the rate is constant.
        made: How ground truth was made of gaze, by what is stated: sigma, detector, frame rule.
    """

    points: Sequence[NDArray[np.int16]]
    size: tuple[int, int]
    fps: float
    observers: Sequence[NDArray[np.int16]] | None = None
    maps_of_counts: int = 0
    times: NDArray[np.float64] | None = None
    made: Mapping[str, str | float] = field(default_factory=dict)

    def resized(self, size: tuple[int, int]) -> Annotation:
        """Return the same fixations in a frame of another size; pixel centres are scaled."""
        if size == self.size:
            return self
        scale = np.divide(size, self.size)
        moved = [np.floor((each + 0.5) * scale).astype(np.int16) for each in self.points]
        return replace(self, points=moved, size=size)

    def of(self, observer: int) -> list[NDArray[np.int16]]:
        """Return for each frame the k x 2 pixels that one observer looked at.

        Raises:
            ValueError: It is not known who looked where.
        """
        pairs = zip(self.points, self._observers(), strict=True)
        return [points[observers == observer] for points, observers in pairs]

    def listed(self) -> NDArray[np.int64]:
        """Return N x 4: frame, observer, row and column of each fixation, by frame.

        Raises:
            ValueError: It is not known who looked where.
        """
        frames = np.repeat(np.arange(len(self.points)), [len(each) for each in self.points])
        observers = np.concatenate([np.zeros(0, np.int16), *self._observers()])
        points = np.concatenate([np.zeros((0, 2), np.int16), *self.points])
        return np.column_stack([frames, observers, points]).astype(np.int64)

    def density(self, frame: int, sigma: float, *, per_degree: float = 1.0) -> NDArray[np.float32]:
        """Return the h x w map of a frame: a Gaussian of height 1 for each fixation, summed.

        Args:
            frame: From 0.
            sigma: Deviation of the Gaussian in pixels; in degrees of visual angle where
                `per_degree` is given.
            per_degree: Pixels in a degree, see `pixels_per_degree`.
        """
        return blurred(self.points[frame], self.size, sigma * per_degree).astype(np.float32)

    def _observers(self) -> Sequence[NDArray[np.int16]]:
        if self.observers is None:
            raise ValueError("fixations without their observers")
        return self.observers


def fixated(binary: NDArray[np.generic]) -> NDArray[np.int16]:
    """Return k x 2 rows and columns of the non-zero pixels of a binary map h x w."""
    return np.argwhere(binary).astype(np.int16)


def blurred(
    points: NDArray[np.integer], size: tuple[int, int], sigma: float | tuple[float, float]
) -> NDArray[np.float64]:
    """Return h x w: Gaussians of height 1 at k x 2 points, summed.

    Their deviation is `sigma` pixels; of a pair, the first down, the second along the rows.
    """
    deviations = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    down, along = (
        np.exp(-0.5 * ((np.arange(length) - points[:, axis, None]) / deviations[axis]) ** 2)
        for axis, length in enumerate(size)
    )
    summed: NDArray[np.float64] = down.T @ along
    return summed


def pixels_per_degree(pixels: int, width: float, distance: float) -> float:
    """Return the pixels in a degree of visual angle at the middle of a screen.

    Args:
        pixels: Of a row of the screen.
        width: Of the screen, in the unit of `distance`.
        distance: From the eye to the screen.
    """
    return pixels / width * 2 * distance * tan(radians(0.5))
