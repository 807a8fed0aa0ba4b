"""Loops over the pixels of maps, which Numba compiles for the CPU.

Each passes over its maps once, where tensor operations would write and read a copy at every step.
They take contiguous float32 alone: each is compiled for one kind of arguments, so that processes
which compile it at the same time write the same files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["compiled", "count_by_rank", "sum_of_smaller", "sums"]

Pixels: TypeAlias = NDArray[np.float32]
Loop = TypeVar("Loop", bound=Callable[..., Any])

LEVELS: Final = 1 << 14
"""Levels of values by which `count_by_rank` guesses which limits a value has passed."""

LANES: Final = 4
"""Counters of each limit that take turns, as adding to one that was just written must wait."""


def compiled(*freedoms: str) -> Callable[[Loop], Loop]:
    """Compile a loop when it is first called, and keep it on disk where that is possible.

    Args:
        freedoms: What the compiler may do to floating-point numbers, as LLVM calls it.
    """
    compile_loop = functools.partial(numba.njit, nogil=True, fastmath=set(freedoms))

    def decorate(loop: Loop) -> Loop:
        try:
            return cast("Loop", compile_loop(loop, cache=True))
        except RuntimeError:  # there is no place to write, neither beside this file nor at home
            return cast("Loop", compile_loop(loop))

    return decorate


@compiled("reassoc", "contract")
def sums(
    x: Pixels, y: Pixels, x_base: float, y_base: float
) -> tuple[float, float, float, float, float]:
    """Return what x sums to above its base, and its squares; the same of y; and their products."""
    x_sum = x_squares = y_sum = y_squares = products = 0.0
    for pixel in range(x.size):
        a, b = x[pixel] - x_base, y[pixel] - y_base
        x_sum += a
        x_squares += a * a
        y_sum += b
        y_squares += b * b
        products += a * b
    return x_sum, x_squares, y_sum, y_squares, products


@compiled("reassoc")
def sum_of_smaller(x: Pixels, y: Pixels, x_base: float, y_base: float, scale: float) -> float:
    """Return the sum over the pixels of the smaller of x and scaled y, each above its base."""
    total = 0.0
    for pixel in range(x.size):
        a, b = x[pixel] - x_base, (y[pixel] - y_base) * scale
        total += a if a < b or np.isnan(a) else b  # NaN on either side stays
    return total


@compiled()
def count_by_rank(values: Pixels, limits: Pixels, low: Pixels, scale: Pixels) -> NDArray[np.int64]:
    """Count the values that are at or above none of the ascending limits, one of them, and so on.

    A value's level, at most `LEVELS` - 1, rises with it, so limits of lower levels are passed and
    those of higher ones are not: only among those of the same level is searched, by halving.

    Args:
        values: Finite ones, of a number of pixels.
        limits: None below the least value, and those above the greatest are infinite.
        low: The least value, an array without axes.
        scale: Levels in a unit of value, likewise.

    Returns:
        `LANES` counts, to be added up, for each number of limits from 0 on.
    """
    start, step = low.item(), scale.item()
    passed = np.zeros(LEVELS + 1, np.uint32)  # how many limits have a lower level than each
    for limit in limits:
        if limit < np.inf:
            passed[np.uint32((limit - start) * step) + 1] += 1
    for level in range(LEVELS):
        passed[level + 1] += passed[level]
    counts = np.zeros(LANES * (limits.size + 1), np.int64)
    for pixel in range(values.size):
        value = values[pixel]
        place = np.uint64((value - start) * step)
        rank, end = np.uint64(passed[place]), np.uint64(passed[place + np.uint64(1)])
        while rank < end:
            middle = (rank + end) >> np.uint64(1)
            if limits[middle] <= value:
                rank = middle + np.uint64(1)
            else:
                end = middle
        counts[np.uint64(pixel % LANES) + rank * np.uint64(LANES)] += 1
    return counts
