"""A trained model made ready to predict: on which device, how exactly, how many windows at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from avrsp import files, models
from avrsp.compute import device_named
from avrsp.errors import WeightsError
from avrsp.media.decode import Frame
from avrsp.models.registry import EngineName
from avrsp.models.saved import CONFIG, WEIGHTS, load_model, read_config
from avrsp.params import Precision
from avrsp.prediction.engine import Engine, Request, Resumption, engine
from avrsp.prediction.speed import Speed, WantedPrecision, ahead, speed
from avrsp.types import InputSpec, Samples

HOW: Final[Mapping[EngineName, str]] = {
    "windows": "",
    "reuse": ", what windows share computed once",
    "recurrent": ", frame by frame with a state",
}

GENERATED: Final = "generated world"
"""What a model has learnt from that was trained on the sample."""

TimedMap = tuple[float, NDArray[np.float32]]
"""Time in seconds from the file's start, and map H x W."""


@dataclass(frozen=True)
class Predictor:
    """A network with all that its maps depend on.

    Attributes:
        model: The network in evaluation mode, on `device`.
        spec: What input it takes.
        device: Where it runs.
        precision: How exactly.
        digest: SHA-256 over the files of the model.
        method: Its engine's name.
        values: Its activations for each pixel of a window (`ModelSpec.values_a_pixel`).
        learnt_from: What it was trained on.
        name: Of its folder.
    """

    model: torch.nn.Module
    spec: InputSpec
    device: torch.device
    precision: Precision
    digest: str
    method: EngineName = "windows"
    values: float = 350
    learnt_from: tuple[str, ...] = ()
    name: str = "model"

    @property
    def generated_only(self) -> bool:
        """Whether it has seen videos of the generated world alone."""
        return set(self.learnt_from) == {GENERATED}

    @property
    def settings(self) -> Mapping[str, object]:
        """What distinguishes the maps of two predictors, of types that JSON knows."""
        return {"weights": self.digest, "precision": self.precision}

    def __str__(self) -> str:
        """Say to a person how it runs."""
        learnt = ", ".join(self.learnt_from) or "unknown videos"
        return f"{self.speed}{HOW[self.method]}; trained on {learnt}"

    @cached_property
    def speed(self) -> Speed:
        """How the network is run here, from the memory that was free when this was first asked."""
        return speed(self.device, self.precision, self.spec, self.values, self.method)

    @cached_property
    def engine(self) -> Engine:
        """The engine, made ready once for all videos."""
        return engine(self.model, self.spec, self.speed, self.method)

    def timed_maps(
        self,
        frames: Iterable[Frame],
        waveform: Samples,
        fps: float,
        *,
        expected: int | None = None,
        stride: int = 1,
        resumption: Resumption | None = None,
    ) -> Iterator[TimedMap]:
        """Yield time and map H x W in [0, 1] of each frame, whose image has network size, in order.

        With `resumption`, maps begin with that of its first frame; all frames must come still.

        The waveform (N,) at 22,050 Hz begins with the first frame; it is empty without sound. A
        window's sound is that at the times of its frames.
        About `expected` frames will come. Only every `stride`-th is predicted, and what lies
        between is interpolated. Frames are taken in a thread of its own.
        """
        shown: list[float] = []
        times: list[float] = []
        with closing(ahead(frames)) as decoded:
            begin = resumption or Resumption()
            request = Request(
                waveform, fps, times, expected=expected, stride=stride, resumption=begin
            )
            first = begin.first  # which a recurrent network moves on
            maps = self.engine.maps(_images(decoded, shown, times), request)
            for number, saliency in enumerate(maps, first):
                yield shown[number], saliency


def _images(
    frames: Iterable[Frame], shown: list[float], times: list[float]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames' images; leave behind their times, and those from the first one on."""
    for time, image in frames:
        shown.append(time)
        times.append(time - shown[0])
        yield image


def load(place: Path, *, device: str = "auto", precision: WantedPrecision = "auto") -> Predictor:
    """Load the model in the folder, or with its weights in the file, `place`.

    Precision `auto` is bf16 where the device multiplies that faster, else float32.

    Raises:
        WeightsError: There is none, or it does not fit the network.
        ParamsError: A GPU is asked for and there is none.
    """
    target = device_named(device)
    model, spec, config = load_model(place)
    entry = models.spec(config.model)
    folder = place if place.is_dir() else place.parent
    digest = files.digest((folder / WEIGHTS if place.is_dir() else place, folder / CONFIG))
    values = entry.values_a_pixel(config.settings)
    if precision == "auto" and entry.engine == "recurrent":
        precision = "float32"  # bf16 gains a fifth frame by frame, and a state adds up its rounding
    found = speed(target, precision, spec, values).precision
    return Predictor(
        model.to(target),
        spec,
        target,
        found,
        digest,
        method=entry.engine,
        values=values,
        learnt_from=config.learnt_from,
        name=folder.resolve().name,
    )


def best(models: Path) -> Path:
    """Return the folder of the model that `avrsp predict` takes by default, of those in `models`.

    It is one with sound that was trained on real videos, else one without sound that was, such as
    UNISAL; else the audio-visual one of the generated world. Of several it is the newest.

    Raises:
        WeightsError: There is none.
    """
    found = [(_rank(path), path.stat().st_mtime_ns, path.parent) for path in _models(models)]
    usable = [each for each in found if each[0] is not None]
    if not usable:
        raise WeightsError(
            f"{models}: holds no trained model; run `avrsp fetch-weights unisal` for weights of "
            "real videos, or name the folder of a model with --weights"
        )
    return max(usable)[-1]


def _models(folder: Path) -> list[Path]:
    """Return the descriptions of models whose weights are there."""
    return [path for path in folder.glob(f"*/{CONFIG}") if path.with_name(WEIGHTS).is_file()]


def _rank(path: Path) -> int | None:
    """Return how well a model suits real videos; None where it does not."""
    try:
        config = read_config(path)
    except WeightsError:
        return None  # it is named when somebody asks for it
    if GENERATED in config.learnt_from:
        return 0 if config.audio else None
    return 2 if config.audio else 1


def remark(predictor: Predictor) -> str | None:
    """Say what a person must know of a model before believing its maps of real videos."""
    if not predictor.generated_only:
        return None
    return (
        "these weights were trained on a generated world only, and say little about real videos; "
        "for weights of real ones run: avrsp fetch-weights unisal"
    )
