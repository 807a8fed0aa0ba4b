"""A trained model made ready to predict: on which device, how exactly, how many windows at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avrsp import files, paths
from avrsp.data.media import Frame
from avrsp.engine.compute import at_precision, device_named
from avrsp.engine.predict import predict_maps
from avrsp.engine.run import CONFIG, WEIGHTS, load_model
from avrsp.errors import WeightsError
from avrsp.params import Precision
from avrsp.types import InputSpec

TimedMap = tuple[float, NDArray[np.float32]]
"""Time in seconds from the file's start, and map H x W."""

WINDOWS = 8
"""Windows predicted at a time: more need more memory; the maps do not depend on it."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with all that its maps depend on.

    Attributes:
        model: The network in evaluation mode, on `device`.
        spec: What input it takes.
        device: Where it runs.
        precision: How exactly.
        digest: SHA-256 over the files of the model.
    """

    model: torch.nn.Module
    spec: InputSpec
    device: torch.device
    precision: Precision
    digest: str

    @property
    def settings(self) -> Mapping[str, object]:
        """What distinguishes the maps of two predictors, of types that JSON knows."""
        return {"weights": self.digest, "precision": self.precision}

    def timed_maps(
        self, frames: Iterable[Frame], waveform: NDArray[np.float32], fps: float
    ) -> Iterator[TimedMap]:
        """Yield time and map H x W in [0, 1] of each frame, whose image has network size, in order.

        The waveform (N,) at 22,050 Hz begins with the first frame; it is empty without sound.
        """
        times: deque[float] = deque()
        maps = predict_maps(
            at_precision(self.model, self.device, self.precision),
            _images(frames, times),
            count=None,
            waveform=waveform,
            fps=fps,
            spec=self.spec,
            batch=WINDOWS,
            device=self.device,
        )
        for saliency in maps:
            yield times.popleft(), saliency


def _images(frames: Iterable[Frame], times: deque[float]) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames' images while leaving their times behind."""
    for time, image in frames:
        times.append(time)
        yield image


def load(
    weights: Path | None, *, device: str = "auto", precision: Precision = "float32"
) -> Predictor:
    """Load the model in folder `weights`, by default the latest fine-tuned audio-visual one.

    Raises:
        WeightsError: There is none, or it does not fit the network.
        ParamsError: A GPU is asked for and there is none.
    """
    place = newest() if weights is None else weights
    target = device_named(device)
    model, spec, _ = load_model(place)
    folder = place if place.is_dir() else place.parent
    digest = files.digest((folder / WEIGHTS if place.is_dir() else place, folder / CONFIG))
    return Predictor(model.to(target), spec, target, precision, digest)


def newest() -> Path:
    """Return the folder of the latest fine-tuned audio-visual model of this workspace.

    Raises:
        WeightsError: Nothing has been fine-tuned yet.
    """
    models = paths.workspace() / "data" / "models"
    found = list(models.glob(f"av-split*/{WEIGHTS}"))
    if not found:
        raise WeightsError(
            f"{models}: holds no fine-tuned audio-visual model; run `make repro` first, or name "
            "the folder of a model with --weights"
        )
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent
