"""The window rule: which frames end at a frame, and the sound that belongs to them.

Sample positions count from the start of the picture at 22,050 Hz. Frame i is centred on i / fps
seconds and lasts 1 / fps; a window's sound runs from the start of its first frame to the end of
its last one in time, both ends included. It is weighted by a symmetric Hann window of its own
length and stands in the middle of a buffer of zeros, as STAViS and ViNet have it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avrsp.types import SOUND_RATE, Samples


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


def excerpt(
    waveform: Samples, fps: float, window: NDArray[np.int64], samples: int
) -> NDArray[np.float32]:
    """Return the sound of `window` in a buffer of `samples`; zeros where the video has none.

    A window that ends running backwards has its sound reversed in time as well (D17); a longer
    excerpt than the buffer keeps its middle.

    Args:
        waveform: Mono in [-1, 1] at 22,050 Hz.
        fps: Frames a second, exact.
        window: Frame indices from `windows.ending_at`.
        samples: Length of the buffer.
    """
    start, stop = extent(fps, window)
    found = waveform[min(start, waveform.size) : min(stop, waveform.size)]
    weighted = (found * np.hanning(len(found))).astype(np.float32)
    if len(window) > 1 and window[-1] < window[-2]:
        weighted = weighted[::-1]
    return _centred(weighted, samples)


def extent(fps: float, window: NDArray[np.int64]) -> tuple[int, int]:
    """Return the first sample of a window's sound and the one after its last."""
    half = SOUND_RATE / (2 * fps)
    start = window.min() / fps * SOUND_RATE - half
    end = window.max() / fps * SOUND_RATE + half
    return int(max(start, 0.0)), int(end) + 1


def _centred(excerpt: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    buffer = np.zeros(samples, np.float32)
    surplus = max(len(excerpt) - samples, 0) // 2
    kept = excerpt[surplus : surplus + samples]
    offset = samples // 2 - len(kept) // 2
    buffer[offset : offset + len(kept)] = kept
    return buffer
