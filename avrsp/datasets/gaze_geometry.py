"""How a video stood on a screen: from the screen's pixels to its own, and pixels in a degree."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from avrsp.datasets.gaze import pixels_per_degree

PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]
ShownRectangle: TypeAlias = Literal["own size", "fit", "stretch"]
WAYS: Final[tuple[ShownRectangle, ...]] = ("own size", "fit", "stretch")


class Rectangle(NamedTuple):
    """Where the video stood: its upper left corner, width and height in pixels of the screen."""

    left: float
    top: float
    width: float
    height: float


MOST_PIXELS: Final = 100_000
"""Of a screen's side."""


class Screen(BaseModel):
    """A screen and how videos were shown on it.

    Attributes:
        width: In pixels.
        height: In pixels; pixels are square.
        width_cm: Of the lit area.
        distance_cm: From the eye to the screen.
        shown: `own size` (a pixel of the video is one of the screen), `fit` (as large as fits, its
            shape kept) or `stretch` (the whole screen); always in the middle.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: Annotated[int, Field(gt=0, le=MOST_PIXELS)]
    height: Annotated[int, Field(gt=0, le=MOST_PIXELS)]
    width_cm: PositiveNumber | None = None
    distance_cm: PositiveNumber | None = None
    shown: ShownRectangle = "fit"

    def rectangle(self, size: tuple[int, int]) -> Rectangle:
        """Return where a video of height and width `size` stood."""
        height, width = float(size[0]), float(size[1])
        if self.shown == "stretch":
            width, height = self.width, self.height
        elif self.shown == "fit":
            scale = min(self.width / width, self.height / height)
            width, height = width * scale, height * scale
        return Rectangle((self.width - width) / 2, (self.height - height) / 2, width, height)

    def to_video(
        self, x: NDArray[np.float64], y: NDArray[np.float64], size: tuple[int, int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return places on the screen in pixels of a video of height and width `size`."""
        place = self.rectangle(size)
        along = (x - place.left) * size[1] / place.width
        down = (y - place.top) * size[0] / place.height
        return along, down

    def per_degree(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return the video's pixels in a degree, down and along; None where distances lack."""
        if self.width_cm is None or self.distance_cm is None:
            return None
        place = self.rectangle(size)
        own = pixels_per_degree(self.width, self.width_cm, self.distance_cm)
        return own * size[0] / place.height, own * size[1] / place.width
