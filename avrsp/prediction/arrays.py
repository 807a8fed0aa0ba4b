"""Frames and sound in memory, as libraries give them, brought to one form or refused by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avrsp.errors import RawDataError
from avrsp.media.decode import Frame
from avrsp.media.sound import mono
from avrsp.types import InputSpec

COLOURS: Final = (3, 1, 4)
"""Channels of colour, of grey, and of colour with opacity, which is left out."""

MOST_CHANNELS: Final = 64
"""More of sound are no channels but samples along the wrong axis."""

LOUDEST: Final = 2.0
"""Beyond which samples are not in [-1, 1]; resampling and decoders overshoot by less."""

FULL_SCALE: Final = {"uint8": 128.0, "int16": 32_768.0, "int32": 2_147_483_648.0}
"""Of integer samples; those of uint8 lie around 128."""

SAMPLE_RATES: Final = (1_000, 768_000)
FRAME_RATES: Final = (0, 1_000)


def frames_of(video: object) -> NDArray[np.uint8]:
    """Return frames as T x H x W x C of uint8, C one of 1, 3 and 4.

    Taken are arrays, Torch tensors and lists of frames, channels last or first, of uint8 or of
    floating point in [0, 1].

    Raises:
        RawDataError: `video` is something else.
    """
    frames = _array("video", video)
    if frames.ndim != 4 or not frames.size:  # noqa: PLR2004
        raise _refused("video", frames, "expected frames T x H x W x 3, at least one")
    if frames.shape[3] not in COLOURS and frames.shape[1] in COLOURS:
        frames = frames.transpose(0, 2, 3, 1)
    if frames.shape[3] not in COLOURS:
        raise _refused("video", frames, "expected 3 channels, last or after the first axis")
    if np.issubdtype(frames.dtype, np.floating):
        # not NaN, and not 0 to 255
        if not (frames.min() >= 0 and frames.max() <= 1):
            raise _refused("video", frames, "expected uint8, or floating point in [0, 1]")
        frames = np.rint(frames * 255).astype(np.uint8)
    if frames.dtype != np.uint8:
        raise _refused("video", frames, "expected uint8, or floating point in [0, 1]")
    return frames


def waveform_of(waveform: object, sample_rate: object) -> NDArray[np.float32]:
    """Return sound as mono (N,) in [-1, 1] at the network's rate.

    Taken are arrays, Torch tensors and lists, N samples, N x channels or channels x N, of floating
    point in [-1, 1], int16, int32 or uint8, at any rate.

    Raises:
        RawDataError: `waveform` or `sample_rate` is something else.
    """
    rate = number("sample_rate", sample_rate, SAMPLE_RATES, "samples a second")
    samples = _array("waveform", waveform)
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2:  # noqa: PLR2004
        raise _refused("waveform", samples, "expected N samples or N x channels")
    if samples.shape[0] < samples.shape[1]:
        samples = samples.T
    if not samples.size:
        return np.zeros(0, np.float32)
    if samples.shape[1] > MOST_CHANNELS:
        raise _refused("waveform", samples, "expected N samples or N x channels")
    return mono(_scaled(samples), rate)


def number(name: str, value: object, limits: tuple[float, float], unit: str) -> float:
    """Return a positive number within limits, whatever its type.

    Raises:
        RawDataError: `value` is none.
    """
    low, high = limits
    real = isinstance(value, Real | np.number) and not isinstance(value, bool)
    found = float(value) if real else math.nan  # type: ignore[arg-type]
    if not (found > 0 and low <= found <= high):
        raise RawDataError(f"{name}: found {value!r}; expected a number of {unit} up to {high:,}")
    return found


def scaled(frames: NDArray[np.uint8], fps: float, spec: InputSpec) -> Iterator[Frame]:
    """Yield frames T x H x W x C at the network's size, in colour, each with its time."""
    size = (spec.width, spec.height)
    resample = Image.Resampling[(spec.resize or "bilinear").upper()]
    for index, frame in enumerate(frames):
        grey = frame.shape[2] == 1
        picture = Image.fromarray(np.ascontiguousarray(frame[..., 0] if grey else frame[..., :3]))
        resized = picture.convert("RGB").resize(size, resample)
        yield Frame(index / fps, np.asarray(resized))


def _scaled(samples: NDArray[Any]) -> NDArray[np.floating]:
    kind = samples.dtype.name
    if kind in FULL_SCALE:
        middle = FULL_SCALE[kind] if kind == "uint8" else 0.0
        return np.asarray((samples.astype(np.float64) - middle) / FULL_SCALE[kind])
    if not np.issubdtype(samples.dtype, np.floating):
        expected = f"expected floating point in [-1, 1], or {', '.join(FULL_SCALE)}"
        raise _refused("waveform", samples, expected)
    if not np.isfinite(samples).all():
        raise _refused("waveform", samples, "expected finite samples; some are NaN or infinite")
    loudest = float(np.abs(samples).max())
    if loudest > LOUDEST:
        raise _refused(
            "waveform", samples, f"expected samples in [-1, 1]; the loudest is {loudest:g}"
        )
    return samples


def _array(name: str, value: object) -> NDArray[Any]:
    """Return an array, a tensor on any device, or a list of either, as an array of numbers."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif isinstance(value, list | tuple) and value and hasattr(value[0], "detach"):
        value = [each.detach().cpu().numpy() for each in value]
    elif not isinstance(value, np.ndarray | list | tuple):
        raise RawDataError(f"{name}: found {type(value).__name__}; expected an array")
    try:
        found = np.asarray(value)
    except ValueError:  # rows of different lengths
        found = np.asarray(None)
    if found.dtype.kind not in "iuf":
        raise _refused(name, found, "expected an array of numbers")
    return found


def _refused(name: str, found: NDArray[Any], expected: str) -> RawDataError:
    shape = " x ".join(map(str, found.shape)) or "no axes"
    return RawDataError(f"{name}: found {shape} of {found.dtype}; {expected}")
