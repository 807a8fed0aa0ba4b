"""`avrsp.predict`: the maps of a video, or of frames in memory, from Python."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from avrsp.errors import RawDataError
from avrsp.media.reader import VideoReader
from avrsp.prediction.arrays import FRAME_RATES, frames_of, number, scaled, waveform_of
from avrsp.prediction.frame_folder import FrameFolder
from avrsp.prediction.predictor import TimedMap, best, load
from avrsp.prediction.speed import WantedPrecision
from avrsp.types import Samples


def predict(  # noqa: PLR0913 - what a person can choose
    video: str | PathLike[str] | Any,  # noqa: ANN401 - arrays of any library
    waveform: Any | None = None,  # noqa: ANN401 - likewise
    sample_rate: float | None = None,
    *,
    fps: float | Fraction = 25.0,
    weights: str | Path | None = None,
    models: str | Path = "data/models",
    device: str = "auto",
    precision: WantedPrecision = "auto",
) -> Iterator[TimedMap]:
    """Return an iterator over the frames of `video`: time in seconds, and saliency map.

    A map is H x W float32 in [0, 1] at the network's size. A video that is given by its path is
    never in memory as a whole.

    Args:
        video: A file, a folder of numbered pictures, or frames T x H x W x 3 or T x 3 x H x W RGB,
            uint8 or in [0, 1]: an array, a Torch tensor, or a list of frames.
        waveform: Sound that begins with the first frame, N samples, N x channels or channels x N:
            floating point in [-1, 1], int16, int32 or uint8. Without it a file's own sound is
            taken, and frames in memory are silent.
        sample_rate: Samples a second of `waveform`.
        fps: Frames a second of frames in memory and of pictures; a video file knows its own.
        weights: Folder of a model; by default the best of `models` (`predictor.best`).
        models: Folder in which models lie.
        device: cpu, cuda, or auto, which takes a GPU where there is one.
        precision: float32, bf16, or auto, which takes bf16 where it is faster.

    Raises:
        RawDataError: An argument is not what it should be; the message begins with its name.
        WeightsError: There is no model, or it does not fit the network.
    """
    if (waveform is None) != (sample_rate is None):
        raise RawDataError("found one of waveform and sample_rate; expected both or neither")
    rate = number("fps", fps, FRAME_RATES, "frames a second")
    given = None if waveform is None else waveform_of(waveform, sample_rate)
    frames = None if isinstance(video, str | PathLike) else frames_of(video)
    place = best(Path(models)) if weights is None else Path(weights)
    predictor = load(place, device=device, precision=precision)
    spec = predictor.spec
    silence: Samples = np.zeros(0, np.float32)
    if frames is not None:
        sound = silence if given is None else given
        return predictor.timed_maps(scaled(frames, rate, spec), sound, rate)
    path = Path(video)
    exact = fps if isinstance(fps, Fraction) else Fraction(rate).limit_denominator(1001)
    clip = FrameFolder(path, exact, None) if path.is_dir() else VideoReader(path)
    own = clip.sound if spec.audio else silence
    return predictor.timed_maps(
        clip.frames(spec.height, spec.width, spec.resize or "bilinear"),
        own if given is None else given,
        clip.media.fps,
    )
