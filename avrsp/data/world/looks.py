"""What the kinds of object look like: shape, pattern and hue differ, all else is equal.

Every kind has the same area, the same mean and deviation of brightness and the same saturation,
so that nothing but being heard can make one more interesting than another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from avrsp.data.world.plan import ObjectKind

Floats = npt.NDArray[np.float64]
Canvas = npt.NDArray[np.float32]
Field = Callable[[Floats, Floats], Floats]
"""Function of angle (radians) and radius (1 at the rim of a disc of equal area)."""

LUMA: Final = 150.0
CONTRAST: Final = 26.0
CHROMA: Final = 54.0
"""Mean and deviation of an object's brightness, and its saturation, grey levels."""

RED_CR, GREEN_CB, GREEN_CR, BLUE_CB = 1.402, 0.344, 0.714, 1.772
"""From luma and two chroma differences to RGB (Rec. 601)."""


@dataclass(frozen=True, slots=True)
class Look:
    """A kind's outline, pattern and hue (angle in the chroma plane, radians)."""

    outline: Callable[[Floats], Floats]
    pattern: Field
    hue: float


def _square(angle: Floats) -> Floats:
    return np.asarray((np.cos(angle) ** 6 + np.sin(angle) ** 6) ** (-1 / 6))


def _flower(angle: Floats) -> Floats:
    return np.asarray(1 + 0.2 * np.cos(5 * angle))


def _checks(angle: Floats, radius: Floats) -> Floats:
    rows, cols = radius * np.sin(angle), radius * np.cos(angle)
    return np.asarray(np.tanh(4 * np.sin(4.6 * rows) * np.sin(4.6 * cols)))


def _petals(angle: Floats, radius: Floats) -> Floats:
    heart = np.tanh(9 * (0.36 - radius))
    return np.where(heart > 0, -heart, np.tanh(3 * np.cos(5 * angle)) * -heart)


def _rings(angle: Floats, radius: Floats) -> Floats:
    return np.asarray(np.tanh(3 * np.cos(8.6 * radius)) + 0 * angle)


LOOKS: Final[Mapping[ObjectKind, Look]] = {
    "motor": Look(_square, _checks, 1.3),
    "bird": Look(_flower, _petals, 2.65),
    "shaker": Look(np.ones_like, _rings, 5.4),
}


def rgb(luma: Floats, blue: Floats | float, red: Floats | float) -> Floats:
    """Return colours (..., 3) of a brightness and two chroma differences."""
    green = luma - GREEN_CB * np.asarray(blue) - GREEN_CR * np.asarray(red)
    return np.stack([luma + RED_CR * np.asarray(red), green, luma + BLUE_CB * np.asarray(blue)], -1)


class Sprite:
    """An object of one kind and size, drawn at any place and angle."""

    def __init__(self, kind: ObjectKind, radius: float, hue_shift: float = 0.0) -> None:
        self._look = LOOKS[kind]
        self._radius = radius
        hue = self._look.hue + hue_shift
        self._chroma = CHROMA * np.cos(hue), CHROMA * np.sin(hue)
        angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        self._unit = float(np.sqrt((self._look.outline(angles) ** 2).mean()))
        self._reach = int(np.ceil(radius * self._look.outline(angles).max() / self._unit)) + 2
        self._mean, self._deviation = 0.0, 1.0
        alpha, pattern = self._fields(np.zeros(2), 0.0)
        self._mean = float(np.average(pattern, weights=alpha))
        self._deviation = float(np.sqrt(np.average((pattern - self._mean) ** 2, weights=alpha)))

    def draw(self, frame: Canvas, centre: Floats, angle: float, boost: float = 0.0) -> None:
        """Draw onto `frame` (H x W x 3, grey levels), `boost` grey levels brighter than usual."""
        corner = np.rint(centre).astype(int)
        alpha, pattern = self._fields(centre - corner, angle)
        colours = rgb(LUMA + boost + CONTRAST * pattern, *self._chroma)
        top, left = corner - self._reach
        rows = slice(max(-top, 0), max(min(frame.shape[0] - top, alpha.shape[0]), 0))
        cols = slice(max(-left, 0), max(min(frame.shape[1] - left, alpha.shape[1]), 0))
        patch = frame[top + rows.start : top + rows.stop, left + cols.start : left + cols.stop]
        patch += alpha[rows, cols, None] * (colours[rows, cols] - patch)

    def _fields(self, shift: Floats, angle: float) -> tuple[Floats, Floats]:
        """Return coverage in [0, 1] and the pattern with mean 0 and deviation 1, around `shift`."""
        steps = np.arange(-self._reach, self._reach + 1, dtype=np.float64)
        rows, cols = (steps - shift[0])[:, None], (steps - shift[1])[None]
        distance = np.hypot(rows, cols)
        bearing = np.arctan2(rows, cols) - angle
        rim = self._look.outline(bearing) * (self._radius / self._unit)
        alpha = np.clip(rim - distance + 0.5, 0, 1)
        shade = np.clip(distance / rim, 0, 1) ** 8
        pattern = self._look.pattern(bearing, distance / self._radius) - 1.2 * shade
        return alpha, (pattern - self._mean) / self._deviation
