"""What is wrong with a video: few frames too many or too few are trimmed, more set it aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets.gaze import Annotation
from avrsp.datasets.raw import Counts
from avrsp.errors import RawDataError
from avrsp.store.ground_truth import is_empty
from avrsp.types import SOUND_RATE

TOLERANCE: Final = 2
"""Frames by which a count may differ from the sheet's; the public lists are off by one or two."""

DISTORTION: Final = 1.5
"""Factor by which fixation maps may be wider or higher than density maps of the same frame."""

SILENCE: Final = 1e-4
"""Full-scale amplitude below which a track is silence, -80 dB."""

LAG: Final = 0.1
"""Seconds by which sound may last longer or shorter than the picture without being noted."""


def usable(counts: Counts, listed: int) -> tuple[int, list[str]]:
    """Return how many frames can be used, and notes on what is trimmed.

    Raises:
        RawDataError: A count is further from the sheet's than `TOLERANCE`.
    """
    found = {
        "frames": listed if counts.frames is None else counts.frames,
        "density maps": counts.maps,
        "fixation maps": counts.fixations,
    }
    wrong = {what: number for what, number in found.items() if number != listed}
    said = ", ".join(f"{number} {what}" for what, number in wrong.items())
    used = min(listed, *found.values())
    if any(abs(number - listed) > TOLERANCE for number in wrong.values()) or not used:
        raise RawDataError(f"{said}; the sheet lists {listed}")
    return used, [f"{said}; the sheet lists {listed}, {used} are used"] if wrong else []


class EmptyMapCounter:
    """Yields density maps h x w and counts those that are empty."""

    def __init__(self, densities: Iterable[NDArray[np.uint8]]) -> None:
        self.empty = 0
        self._densities = densities

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for density in self._densities:
            self.empty += int(is_empty(density))
            yield density

    def notes(self) -> list[str]:
        """Say how many were empty."""
        return [f"{self.empty} empty density maps"] if self.empty else []


def size_notes(frame: tuple[int, int], density: tuple[int, ...]) -> list[str]:
    """Say whether density maps differ in size from the raw frames."""
    if frame == density:
        return []
    return [f"frames of {frame}, density maps of {density} pixels"]


def fixation_notes(annotation: Annotation, size: tuple[int, ...]) -> list[str]:
    """Say what is odd about the fixations on frames whose density maps are of h x w pixels.

    Raises:
        RawDataError: The fixation maps have quite another shape, as if they were transposed.
    """
    rows, columns = np.divide(annotation.size, size)
    if not 1 / DISTORTION < rows / columns < DISTORTION:
        raise RawDataError(f"fixation maps of {annotation.size} pixels, density maps of {size}")
    notes = []
    if empty := sum(not len(points) for points in annotation.points):
        notes.append(f"{empty} frames without a fixation")
    if annotation.maps_of_counts:
        notes.append(f"{annotation.maps_of_counts} fixation maps of counts: each pixel counts once")
    if annotation.size != size:
        notes.append(f"fixation maps of {annotation.size} moved to the density's {size} pixels")
    return notes


def sound_notes(waveform: NDArray[np.float32] | None, seconds: float) -> list[str]:
    """Say what is wrong with the sound of a picture that lasts `seconds`."""
    if waveform is None:
        return ["no sound file"]
    notes = []
    length = len(waveform) / SOUND_RATE
    if abs(length - seconds) > LAG:
        remedy = "padded with silence" if length < seconds else "cut"
        notes.append(f"sound lasts {length:.2f} s, the picture {seconds:.2f} s: {remedy}")
    if not len(waveform) or np.abs(waveform).max() < SILENCE:
        notes.append("the sound track is silent")
    return notes


def fitted(waveform: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
    """Return the sound of a picture that lasts `seconds`, cut or padded with silence."""
    whole = np.zeros(ceil(seconds * SOUND_RATE), np.float32)
    cut = waveform[: len(whole)]
    whole[: len(cut)] = cut
    return whole
