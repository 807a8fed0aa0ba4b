"""Engines: the ways to predict a video. Which one a network uses stands in its entry.

* `windows`: every window by itself, which works for any network (`window_by_window`).
* `reuse`: what windows share is computed once. A window and the next one have T - 1 of T frames in
  common; of S3D's first two stages and of AVRSP's neck all that does not touch a window's ends
  is shared, which leaves 41 G of 81 G multiply-accumulates a frame at full size. The windows of a
  video's first frames run backwards and move over the same frames in reverse, or they begin with
  copies of the first frame, which then stand before the video.
* `recurrent`: from frame to frame with a state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.compute import at_precision, autocasting
from avrsp.models.layers.domainnorm import folded
from avrsp.models.registry import EngineName
from avrsp.models.windows import ending_at
from avrsp.prediction.reuse import Prepared, Slide, Task
from avrsp.prediction.speed import Speed
from avrsp.prediction.window_by_window import (
    Counted,
    Frames,
    Image,
    MapIterator,
    NumberedMaps,
    WindowSound,
    filled,
    on_device,
    predict_maps,
)
from avrsp.types import InputSpec, Recurrent, SaliencyModel, Samples


@dataclass(slots=True)
class Resumption:
    """Where a prediction goes on that was interrupted before, and where it could go on again.

    Attributes:
        first: Number of the first frame that is predicted.
        state: Of a network that has one, before that frame; None at the start. While it predicts,
            such a network moves both on with the frames whose maps were taken.
    """

    first: int = 0
    state: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What to predict, but for the frames, which come one after another.

    Attributes:
        waveform: Mono in [-1, 1] at 22,050 Hz, beginning with the first frame.
        fps: Frames a second, on average where the rate varies.
        times: Seconds from the first frame at which each frame is shown, of those that came at
            least; None where the rate is constant.
        count: How many frames must come; None where only their end tells.
        expected: How many will probably come.
        stride: Predict the frames 0, `stride`, 2 `stride` and on; interpolate between.
        resumption: Where to begin; its first frame is a multiple of `stride`.
    """

    waveform: Samples
    fps: float
    times: Sequence[float] | NDArray[np.float64] | None = None
    count: int | None = None
    expected: int | None = None
    stride: int = 1
    resumption: Resumption = field(default_factory=Resumption)


class Engine(Protocol):
    """Anything that predicts a video."""

    def maps(self, frames: Iterable[Image], request: Request) -> MapIterator:
        """Yield one map H x W for each frame to predict, in order, while `frames` are read.

        All of the video's frames come. They are H x W x 3 RGB at network size.

        Raises:
            StoreError: More or fewer frames came than were to come.
        """
        ...


@dataclass(frozen=True, slots=True)
class WindowByWindow:
    """Every window by itself, in batches; it implements `Engine` for any network."""

    model: SaliencyModel
    spec: InputSpec
    speed: Speed

    def maps(self, frames: Iterable[Image], request: Request) -> MapIterator:  # noqa: D102 - see Engine
        return predict_maps(
            at_precision(self.model, self.speed.device, self.speed.precision),
            frames,
            count=request.count,
            waveform=request.waveform,
            fps=request.fps,
            spec=self.spec,
            batch=self.speed.windows,
            device=self.speed.device,
            stride=request.stride,
            times=request.times,
            first=request.resumption.first,
        )


@dataclass(frozen=True, slots=True)
class Reusing:
    """Shared activations once; it implements `Engine` for networks that are `SharesWindows`."""

    prepared: Prepared
    spec: InputSpec

    def maps(self, frames: Iterable[Image], request: Request) -> MapIterator:  # noqa: D102 - see Engine
        coming = Counted(frames)
        sound = WindowSound.for_network(request.waveform, request.fps, self.spec, request.times)
        expected = request.expected if request.count is None else request.count
        task = Task(sound, self.spec.length, request.stride, expected)
        repeated = self.spec.start == "repeated"
        back = _before(task, repeated=repeated)
        first = request.resumption.first
        if first < back:
            first = 0
        predicted = (
            self._onward(task, coming, first, back)
            if first
            else self._padded(task, coming)
            if repeated
            else self._reversed(task, coming)
        )
        maps = filled(predicted, coming, first)
        yield from islice(maps, request.resumption.first - first, None)
        coming.check(request.count)

    def _onward(self, task: Task, frames: Iterator[Image], first: int, back: int) -> NumberedMaps:
        """Predict the windows that end at `first` and later, of which none begins the video.

        A window needs at most `back` frames before its end.
        """
        _drop(frames, first - back)
        shown = (np.arange(end - task.length + 1, end + 1) for end in _onward(first, task.stride))
        yield from Slide(self.prepared, task).over(frames, back + 1 - task.stride, shown)

    def _padded(self, task: Task, frames: Iterator[Image]) -> NumberedMaps:
        """Predict windows that begin with copies of the first frame."""
        length, stride = task.length, task.stride
        for first in islice(frames, 1):
            copies = _before(task, repeated=True)
            shown = (np.arange(end - length + 1, end + 1).clip(0) for end in _onward(0, stride))
            coming = chain([first] * (copies + 1), frames)
            yield from Slide(self.prepared, task).over(coming, copies + 1 - stride, shown)

    def _reversed(self, task: Task, frames: Iterator[Image]) -> NumberedMaps:
        """Predict windows of which the first ones run backwards."""
        head = list(islice(frames, 2 * task.length - 2))
        if head:
            yield from reversed(list(self._turned(task, head)))
        first = _before(task, repeated=False)
        yield from self._onward(task, chain(head, frames), first, first)

    def _turned(self, task: Task, head: Frames) -> NumberedMaps:
        """Predict the first T - 1 frames in reverse, from the frames that follow them."""
        length, stride, count = task.length, task.stride, len(head)
        first = (min(length - 1, count) - 1) // stride * stride
        window = ending_at(first, length, count)
        # what precedes a window fills its block and is not read
        spare = [window[0]] * max(0, stride - length)
        order = [*spare, *window[:-1], *range(first, -1, -1)]
        shown = (ending_at(end, length, count) for end in range(first, -1, -stride))
        frames = (head[index] for index in order)
        return Slide(self.prepared, task).over(frames, len(spare) + length - stride, shown)


def _before(task: Task, *, repeated: bool) -> int:
    """Return how many frames precede the end of the first window that runs forwards."""
    if repeated:
        return max(task.length, task.stride) - 1
    # a window comes with the `stride` frames that it ends with
    return -(-(task.length - 1) // task.stride) * task.stride


def _drop(frames: Iterator[Image], count: int) -> None:
    """Read frames that no window shows any more."""
    deque(islice(frames, count), maxlen=0)


def _onward(first: int, stride: int) -> Iterator[int]:
    while True:
        yield first
        first += stride


@dataclass(frozen=True, slots=True)
class FrameByFrame:
    """With a state; it implements `Engine` for networks that are `Recurrent`.

    The sequences of every `step`-th frame, which begin with the first `step` frames, advance side
    by side. Every frame is predicted, whatever the stride.
    """

    model: Recurrent
    spec: InputSpec
    speed: Speed

    def maps(self, frames: Iterable[Image], request: Request) -> MapIterator:  # noqa: D102 - see Engine
        coming, at = Counted(frames), request.resumption
        _drop(coming, at.first)
        state = None if at.state is None else at.state.to(self.speed.device)
        while block := [*islice(coming, self.spec.step)]:
            found, state = self._advanced(block, state)
            yield from found.float().cpu().numpy()
            at.first, at.state = coming.count, state
        coming.check(request.count)

    @torch.inference_mode()
    def _advanced(self, block: list[Image], state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        images = on_device(block, self.speed.device).transpose(0, 1)  # c n h w -> n c h w
        before = None if state is None else state[: len(block)]
        with autocasting(self.speed.device, self.speed.precision):
            return self.model.advance(images, before)


def _reusing(model: torch.nn.Module, spec: InputSpec, speed: Speed) -> Engine:
    return Reusing(Prepared(model, speed), spec)


def _recurrent(model: torch.nn.Module, spec: InputSpec, speed: Speed) -> Engine:
    network = folded(model)
    if not isinstance(network, Recurrent):
        raise TypeError(f"{type(model).__name__} has no state to advance by")
    return FrameByFrame(network, spec, speed)


ENGINES: Final[Mapping[EngineName, Callable[[torch.nn.Module, InputSpec, Speed], Engine]]] = {
    "windows": WindowByWindow,
    "reuse": _reusing,
    "recurrent": _recurrent,
}


def engine(
    model: torch.nn.Module, spec: InputSpec, speed: Speed, name: EngineName = "windows"
) -> Engine:
    """Return the engine `name` for `model`, which is in evaluation mode on the speed's device."""
    return ENGINES[name](model, spec, speed)
