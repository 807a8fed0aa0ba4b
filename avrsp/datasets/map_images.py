"""Density and fixation maps, a file for each frame, as both layouts have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets import images
from avrsp.datasets.gaze import Annotation, fixated
from avrsp.errors import RawDataError


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
    """Return the fixations marked in the binary maps of `paths`.

    Raises:
        RawDataError: One is damaged, or not as large as the first.
    """
    size: tuple[int, ...] | None = None
    points = []
    for path in paths:
        binary = images.read_matrix(path, variable)
        size = _same_size(path, binary.shape, size)
        points.append(fixated(binary))
    height, width = size or (0, 0)
    return Annotation(points, (height, width), fps)


def _same_size(
    path: Path, found: tuple[int, ...], first: tuple[int, ...] | None
) -> tuple[int, ...]:
    if first is not None and found != first:
        raise RawDataError(
            f"{path}: {found[0]} x {found[1]}, the maps before {first[0]} x {first[1]}"
        )
    return found
