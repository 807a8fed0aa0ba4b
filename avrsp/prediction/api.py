"""`avrsp.predict`: the maps of a video, or of frames in memory, from Python."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import resample_poly

from avrsp.errors import RawDataError
from avrsp.media.decode import Frame, probe, read_timed
from avrsp.prediction.predictor import TimedMap, load
from avrsp.prediction.soundtrack import Soundtrack
from avrsp.prediction.speed import Wanted
from avrsp.types import SOUND_RATE, InputSpec, Samples


def predict(  # noqa: PLR0913 - what a person can choose
    video: str | Path | NDArray[np.uint8],
    waveform: NDArray[np.floating] | None = None,
    sample_rate: int | None = None,
    *,
    fps: float = 25.0,
    weights: str | Path | None = None,
    device: str = "auto",
    precision: Wanted = "auto",
) -> Iterator[TimedMap]:
    """Return an iterator over the frames of `video`: time in seconds, and saliency map.

    A map is H x W float32 in [0, 1] at the network's size. A video that is given by its path is
    never in memory as a whole.

    Args:
        video: A file, or frames T x H x W x 3 uint8 RGB.
        waveform: Sound in [-1, 1], N samples or N x channels, beginning with the first frame;
            without it a file's own sound is heard, and frames in memory are silent.
        sample_rate: Samples a second of `waveform`.
        fps: Frames a second of frames in memory; a file knows its own.
        weights: Folder of a model; by default the latest fine-tuned one below data/models.
        device: cpu, cuda, or auto, which takes a GPU where there is one.
        precision: float32, bf16, or auto, which takes bf16 where it is faster.

    Raises:
        RawDataError: `video` is neither a video nor an array of frames, or the sound's rate lacks.
        WeightsError: There is no model, or it does not fit the network.
    """
    if (waveform is None) != (sample_rate is None):
        raise RawDataError("found one of waveform and sample_rate; expected both or neither")
    predictor = load(None if weights is None else Path(weights), device=device, precision=precision)
    spec = predictor.spec
    sound: Samples = np.zeros(0, np.float32)
    if waveform is not None and sample_rate is not None:
        sound = _heard(waveform, sample_rate)
    if isinstance(video, np.ndarray):
        return predictor.timed_maps(_scaled(_checked(video), fps, spec), sound, fps)
    path = Path(video)
    media = probe(path)
    if waveform is None and spec.audio:
        sound = Soundtrack(path)
    frames = read_timed(path, height=spec.height, width=spec.width)
    return predictor.timed_maps(frames, sound, media.fps)


def _checked(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if frames.shape[3:] != (3,) or not len(frames) or frames.dtype != np.uint8:
        raise RawDataError(
            f"found an array {frames.shape} of {frames.dtype}; expected frames T x H x W x 3 of "
            "uint8, at least one"
        )
    return frames


def _scaled(frames: NDArray[np.uint8], fps: float, spec: InputSpec) -> Iterator[Frame]:
    size = (spec.width, spec.height)
    for index, frame in enumerate(frames):
        picture = Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)
        yield Frame(index / fps, np.asarray(picture))


def _heard(waveform: NDArray[np.floating], rate: int) -> NDArray[np.float32]:
    """Return the sound as mono (N,) at the network's rate."""
    mono = waveform.mean(1) if waveform.ndim > 1 else waveform
    common = gcd(rate, SOUND_RATE)
    resampled = resample_poly(mono.astype(np.float32), SOUND_RATE // common, rate // common)
    return np.clip(resampled, -1, 1).astype(np.float32)
