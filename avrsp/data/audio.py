"""The sound that belongs to a window of frames, as STAViS and ViNet cut it (facts of their code).

Sample positions count from the start of the picture at 22,050 Hz. Frame i is centred on i / fps
seconds and lasts 1 / fps; a window's sound runs from the start of its first frame to the end of
its last one in time, both ends included. It is weighted by a symmetric Hann window of its own
length and stands in the middle of a buffer of zeros.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avrsp.types import SOUND_RATE


class Samples(Protocol):
    """Anything that yields float32 samples by slice: an array, or a store's lazy sound."""

    @property
    def size(self) -> int:
        """Number of samples."""
        ...

    def __getitem__(self, span: slice, /) -> NDArray[np.float32]:
        """Return the samples of `span`."""
        ...


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
