"""Which frames a network sees for the map of a frame, and the sound that belongs to them.

Sample positions count from the time of the first frame at 22,050 Hz. A frame is centred on its
own time, i / fps seconds at a constant rate, and lasts 1 / fps; a window's sound runs from the
start of its first frame to the end of its last one in time, both ends included. It is weighted by
a symmetric Hann window of its own length and stands in the middle of a buffer of zeros, as STAViS
and ViNet have it.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avrsp.errors import StoreError
from avrsp.types import SOUND_RATE, InputSpec, Samples

ENDLESS: Final = 1 << 40
"""More frames than any video has."""
UNEVEN: Final = 1.5
"""Average frame distances above which two frames of a window are not evenly spaced."""


def window_of(frame: int, count: int, spec: InputSpec) -> NDArray[np.int64]:
    """Return the T frame indices of the window whose map is that of `frame`, of `count` frames.

    Where the video has no such frame, a spec that starts `reversed` turns round at its ends, and
    one that starts `repeated` sees the first or the last frame again.

    Raises:
        IndexError: The video has no frame `frame`.
    """
    _check(frame, count)
    if spec.rule is not None:
        return spec.rule(frame, count)
    if spec.start == "reversed" and spec.predicted == "last":
        return ending_at(frame, spec.length, count, spec.step)
    indices = frame + spec.step * (np.arange(spec.length, dtype=np.int64) - spec.position)
    return _reflected(indices, count) if spec.start == "reversed" else indices.clip(0, count - 1)


def last_read(frame: int, spec: InputSpec) -> int:
    """Return the latest frame that the window of `frame` shows in a video that is long enough."""
    return int(window_of(frame, ENDLESS, spec).max())


def lies_inside(frame: int, count: int, spec: InputSpec) -> bool:
    """Say whether the window of `frame` runs forwards and has `frame` in its own place.

    Then it shows no frame twice, and none takes the place of one that the video does not have.
    """
    window = window_of(frame, count, spec)
    return bool(window[spec.position] == frame and (np.diff(window) == spec.step).all())


def ending_at(frame: int, length: int, count: int, step: int = 1) -> NDArray[np.int64]:
    """Return the `length` frame indices of the window whose last entry is `frame` (IV-B).

    While too few frames precede `frame`, the window runs backwards in time and starts in its
    future; where that overruns a short video, it turns round at either end:

        length 4, count 9: frame 5 -> 2 3 4 5      frame 1 -> 4 3 2 1
        length 4, count 3: frame 2 -> 1 0 1 2      frame 1 -> 0 1 2 1

    Raises:
        IndexError: The video has no such frame.
    """
    _check(frame, count)
    before = step * np.arange(length - 1, -1, -1, dtype=np.int64)
    return _reflected(frame - before if frame >= before[0] else frame + before, count)


def _check(frame: int, count: int) -> None:
    if not 0 <= frame < count:
        raise IndexError(f"frame {frame} of a video of {count} frames")


def _reflected(indices: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Fold indices from 0 upwards into a video of `count` frames, as a triangle wave."""
    if count == 1:
        return np.zeros_like(indices)
    period = 2 * (count - 1)
    folded = indices % period
    return np.minimum(folded, period - folded)


def sized(frames: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Return frames N x H x W x 3 at the network's size, as `spec.resize` says.

    Raises:
        StoreError: They are of another size, and the network takes them as they are stored.
    """
    found = frames.shape[1:3]
    if found == (spec.height, spec.width):
        return frames
    if spec.resize is None:
        raise StoreError(
            f"frames are {found[0]} x {found[1]}, the network takes {spec.height} x {spec.width}; "
            "run: snakemake --cores all preprocess"
        )
    size, resample = (spec.width, spec.height), Image.Resampling[spec.resize.upper()]
    return np.stack([np.asarray(Image.fromarray(each).resize(size, resample)) for each in frames])


def excerpt(
    waveform: Samples, shown: NDArray[np.float64], fps: float, samples: int
) -> NDArray[np.float32]:
    """Return the sound of a window in a buffer of `samples`; zeros where the video has none.

    A window that ends running backwards has its sound reversed in time as well (D17). A longer
    excerpt than the buffer keeps its middle or, where frames are not evenly spaced, the part at
    the last frame of the window: what is predicted is seen there.

    Args:
        waveform: Mono in [-1, 1] at 22,050 Hz, beginning with the video's first frame.
        shown: Times of the window's frames in the window's order, seconds from the first frame.
        fps: Frames a second, on average where the rate varies.
        samples: Length of the buffer.
    """
    start, stop = extent(shown, fps)
    backwards = len(shown) > 1 and shown[-1] < shown[-2]
    if stop - start > samples and np.abs(np.diff(shown)).max() > UNEVEN / fps:
        start, stop = (start, start + samples) if backwards else (stop - samples, stop)
    found = waveform[start:stop]
    weighted = (found * _tapering(len(found))).astype(np.float32)
    return _centred(weighted[::-1] if backwards else weighted, samples)


@functools.lru_cache(maxsize=8)
def _tapering(samples: int) -> NDArray[np.float64]:
    """Return a Hann window; those of a video's excerpts differ in length by a sample or two."""
    found = np.hanning(samples)
    found.flags.writeable = False
    return found


def extent(shown: NDArray[np.float64], fps: float) -> tuple[int, int]:
    """Return the first sample of the sound of frames at those times and the one after its last."""
    half = SOUND_RATE / (2 * fps)
    start = shown.min() * SOUND_RATE - half
    end = shown.max() * SOUND_RATE + half
    return int(max(start, 0.0)), int(end) + 1


def _centred(excerpt: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    buffer = np.zeros(samples, np.float32)
    surplus = max(len(excerpt) - samples, 0) // 2
    kept = excerpt[surplus : surplus + samples]
    offset = samples // 2 - len(kept) // 2
    buffer[offset : offset + len(kept)] = kept
    return buffer
