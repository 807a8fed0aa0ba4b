"""Density and fixation maps, a file for each frame, as both layouts have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets import images
from avrsp.datasets.gaze import Annotation, fixated
from avrsp.datasets.matlab import read_matrix
from avrsp.errors import RawDataError

MOST_MARKS: Final = 0.5
"""Share of a map's pixels that can be fixated; a map that marks more shows something else."""


def read_densities(paths: Iterable[Path]) -> Iterator[NDArray[np.uint8]]:
    """Yield the grey maps h x w of `paths`.

    Raises:
        RawDataError: One is damaged, or not as large as the first.
    """
    size: tuple[int, ...] | None = None
    for path in paths:
        density = images.read_map(path)
        size = _same_size(path, density.shape, size)
        yield density


def read_annotation(paths: Iterable[Path], variable: str, fps: float) -> Annotation:
    """Return the fixations marked in the maps of `paths`, MATLAB matrices full or sparse.

    A pixel is fixated where its value is positive, whatever the value: maps of 0 and 255 are read
    as those of 0 and 1. Where positive values differ, they may count fixations; such pixels count
    once, and the annotation says in how many maps.

    Raises:
        RawDataError: One is damaged, not as large as the first, or not a map of fixations: with
            a value that is negative, fractional or not finite, or most of its pixels marked.
    """
    size: tuple[int, ...] | None = None
    points, counts = [], 0
    for path in paths:
        marked = read_matrix(path, variable)
        size = _same_size(path, marked.shape, size)
        counts += _holds_counts(path, marked)
        points.append(fixated(marked))
    height, width = size or (0, 0)
    return Annotation(points, (height, width), fps, maps_of_counts=counts)


def _holds_counts(path: Path, marked: NDArray[np.generic]) -> bool:
    """Tell whether positive values differ in a map of fixations; refuse what is none."""
    marks = marked[marked != 0]
    values = np.unique(marks)
    if not np.isfinite(values).all() or (values < 0).any() or (values != np.round(values)).any():
        raise RawDataError(
            f"{path}: values from {values[0]:g} to {values[-1]:g}, not whole numbers from 0 on; "
            "expected a map of fixations"
        )
    if len(marks) > MOST_MARKS * marked.size:
        raise RawDataError(
            f"{path}: {len(marks)} of {marked.size} pixels are marked; expected a map of fixations"
        )
    return len(values) > 1


def _same_size(
    path: Path, found: tuple[int, ...], first: tuple[int, ...] | None
) -> tuple[int, ...]:
    if first is not None and found != first:
        raise RawDataError(
            f"{path}: {found[0]} x {found[1]}, the maps before {first[0]} x {first[1]}"
        )
    return found
