"""Which frames a window holds: integers only, no pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ending_at(frame: int, length: int, count: int) -> NDArray[np.int64]:
    """Return the `length` frame indices of the window whose last entry is `frame` (IV-B).

    While too few frames precede `frame`, the window runs backwards in time and starts in its
    future; where that overruns a short video, it turns round at either end:

        length 4, count 9: frame 5 -> 2 3 4 5      frame 1 -> 4 3 2 1
        length 4, count 3: frame 2 -> 1 0 1 2      frame 1 -> 0 1 2 1

    Raises:
        IndexError: The video has no such frame.
    """
    if not 0 <= frame < count:
        raise IndexError(f"frame {frame} of a video of {count} frames")
    step = 1 if frame >= length - 1 else -1
    first = frame - step * (length - 1)
    return _reflected(np.arange(first, frame + step, step, dtype=np.int64), count)


def _reflected(indices: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Fold indices from 0 upwards into a video of `count` frames, as a triangle wave."""
    if count == 1:
        return np.zeros_like(indices)
    period = 2 * (count - 1)
    folded = indices % period
    return np.minimum(folded, period - folded)
