"""Windows that move over frames in one direction, predicted block after block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.engine.compute import autocasting
from avrsp.engine.prediction.fused import fused
from avrsp.engine.prediction.predict import Frames, Image, Predicted, Sound, Window, converted
from avrsp.engine.prediction.sliding import Sliding
from avrsp.engine.prediction.speed import Speed, worth_compiling
from avrsp.model.network import AVRSP


class Prepared:
    """A network as it runs here.

    Attributes:
        network: Its fused copy.
        dtype: Of its convolutions.
        speed: Where and how it runs.
    """

    def __init__(self, model: AVRSP, speed: Speed) -> None:
        self.dtype = torch.bfloat16 if speed.precision == "bf16" else torch.float32
        self.network = fused(model, self.dtype)
        self.speed = speed


@dataclass(frozen=True, slots=True)
class Task:
    """A video's facts.

    Attributes:
        sound: What its windows hear.
        length: T, frames of a window.
        stride: Frames from one window to the next.
        expected: About how many frames will come; None where unknown.
    """

    sound: Sound
    length: int
    stride: int = 1
    expected: int | None = None


class Slide:
    """One pass over the frames of a video."""

    def __init__(self, prepared: Prepared, task: Task) -> None:
        network, self.speed, self.dtype = prepared.network, prepared.speed, prepared.dtype
        self.sound, self.stride = task.sound, task.stride
        self.sliding = Sliding(network.encoder.stages, network.neck, task.length, task.stride)
        self.any_block = self.whole_block = network.from_pyramid
        if worth_compiling(self.speed.device, task.expected):
            self.whole_block = torch.compile(network.from_pyramid, dynamic=False)

    def over(self, frames: Iterator[Image], warm: int, shown: Iterator[Window]) -> Predicted:
        """Predict each of the windows `shown`; the first `warm` frames precede every end."""
        windows = self.speed.windows
        while warm > 0 and (fresh := [*islice(frames, min(windows, warm))]):
            self.warm(fresh)
            warm -= len(fresh)
        while count := len(fresh := [*islice(frames, windows * self.stride)]) // self.stride:
            chosen = [*islice(shown, count)]
            maps = self.predicted(fresh, chosen)
            yield from zip((int(window[-1]) for window in chosen), maps, strict=True)

    @torch.inference_mode()
    def warm(self, frames: Frames) -> None:
        """Take frames that come before the end of any window."""
        self.sliding.warm(self._taken(frames))

    @torch.inference_mode()
    def predicted(self, frames: Frames, shown: list[Window]) -> NDArray[np.float32]:
        """Return the maps B x H x W of the windows that end at every `stride`-th of the frames."""
        pyramid = self.sliding.pyramid(self._taken(frames))
        sound = self.sound.of(shown, self.speed.device)
        # a compiled graph is for one size: another would be compiled anew
        whole = len(shown) == self.speed.windows
        network = self.whole_block if whole else self.any_block
        with autocasting(self.speed.device, self.speed.precision):
            maps: Tensor = network(pyramid, sound)
        found: NDArray[np.float32] = maps.float().cpu().numpy()
        return found

    def _taken(self, frames: Frames) -> Tensor:
        return converted(frames, self.speed.device).to(self.dtype).transpose(0, 1)
