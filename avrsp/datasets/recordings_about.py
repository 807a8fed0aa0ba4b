"""What a folder of somebody's own recordings says of itself in `dataset.yaml`, and its videos."""

from __future__ import annotations

import re
from math import isclose
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from avrsp import params
from avrsp.datasets.dataset_registry import NAME
from avrsp.datasets.gaze_geometry import PositiveNumber, Screen
from avrsp.errors import ParamsError, RawDataError

ENTRY: Final = "dataset.yaml"
VIDEO_SUFFIXES: Final = frozenset(
    {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
)
RecordingsPart = Literal["train", "validation", "test"]
Share = Annotated[float, Field(ge=0, le=1)]


class RecordingsDescription(BaseModel):
    """What `dataset.yaml` says.

    Attributes:
        name: Of the dataset, as people write it.
        viewers: Who looked.
        heard_sound: Whether they heard the videos' sound; where not, stores hold none.
        licence: Of the recordings.
        gaze: How it was recorded.
        device: What recorded it.
        citation: Authors, title, place, year.
        source: Where it is published.
        screen: The screen and how videos stood on it.
        pixels_per_degree: Of the videos; instead of the screen's distances.
        sigma_degrees: Deviation of the Gaussian that makes density maps of gaze.
        sigma_pixels: The same in pixels of the video, where degrees are not known.
        detector: Makes fixations of samples: `idt`, `ivt`, or `none`, which takes every sample.
        splits: Names of videos by role.
        fractions: Shares of the videos by role, drawn by their names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    viewers: Annotated[str, Field(min_length=1)]
    heard_sound: bool
    licence: Annotated[str, Field(min_length=1)]
    gaze: Literal["eye tracker", "mouse"] = "eye tracker"
    device: str = ""
    citation: str = ""
    source: str = ""
    screen: Screen | None = None
    pixels_per_degree: PositiveNumber | None = None
    sigma_degrees: PositiveNumber = 1.0
    sigma_pixels: PositiveNumber | None = None
    detector: Literal["idt", "ivt", "none"] = "idt"
    splits: dict[RecordingsPart, list[str]] | None = None
    fractions: dict[RecordingsPart, Share] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.splits is None) == (self.fractions is None):
            raise PydanticCustomError("splits", "expected either splits or fractions")
        if self.fractions is not None and not isclose(sum(self.fractions.values()), 1):
            raise PydanticCustomError("fractions", "fractions: expected shares that sum to 1")
        if self.per_degree((1, 1)) is None and (
            self.sigma_pixels is None or self.detector != "none"
        ):
            raise PydanticCustomError(
                "degrees",
                "expected pixels_per_degree, or screen with width_cm and distance_cm; or else "
                "sigma_pixels with detector: none",
            )
        return self

    def per_degree(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return pixels in a degree, down and along, of a video of height and width `size`."""
        if self.pixels_per_degree is not None:
            return self.pixels_per_degree, self.pixels_per_degree
        return None if self.screen is None else self.screen.per_degree(size)

    def sigma(self, size: tuple[int, int]) -> tuple[float, float]:
        """Return the deviation in pixels, down and along, for a video of that size."""
        degree = self.per_degree(size)
        if self.sigma_pixels is not None or degree is None:
            pixels = self.sigma_pixels or 0.0
            return pixels, pixels
        return degree[0] * self.sigma_degrees, degree[1] * self.sigma_degrees


def read_about(folder: Path) -> RecordingsDescription:
    """Read `dataset.yaml`.

    Raises:
        ParamsError: It is missing, or a key is missing, unknown or wrong; all are named.
    """
    path = folder / ENTRY
    if not path.is_file():
        raise ParamsError(f"{path}: no such file; expected a folder with {ENTRY}, videos and gaze")
    try:
        return RecordingsDescription.model_validate(params.read_yaml(path))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise ParamsError(f"{path}: {faults}") from None


def video_files(folder: Path) -> dict[str, Path]:
    """Return the videos of a folder by name, sorted.

    Raises:
        RawDataError: There is none, or a name is there twice or cannot be a file's name.
    """
    found: dict[str, Path] = {}
    place = folder / "videos"
    for path in sorted(place.iterdir()) if place.is_dir() else []:
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith("."):
            if path.stem in found:
                raise RawDataError(f"{path}: {found[path.stem].name} has the same name; rename one")
            if not re.fullmatch(NAME, path.stem):
                raise RawDataError(f"{path}: expected a name of letters, digits and _ . + -")
            found[path.stem] = path
    if not found:
        raise RawDataError(f"{place}: no video; expected files such as .mp4, .avi or .mkv")
    return found
