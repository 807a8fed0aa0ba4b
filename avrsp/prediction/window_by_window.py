"""What prediction is: one map a frame, each from the window of that frame (`windows.window_of`).

This is the definition, for any network, and what other engines are compared with. Frames travel to
the network's device once, as uint8, and wait there until no window shows them any more; memory does
not depend on the length of the video.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.errors import StoreError
from avrsp.models.windows import excerpt, last_read, window_of
from avrsp.types import InputSpec, SaliencyModel, Samples

Image = NDArray[np.uint8]
Frames = Sequence[Image]
MapIterator = Iterator[NDArray[np.float32]]
NumberedMaps = Iterator[tuple[int, NDArray[np.float32]]]
"""A frame's number and its map; the numbers rise, and may leave frames out."""
Window = NDArray[np.int64]

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class WindowSound:
    """The sound that goes with the windows of a video.

    Attributes:
        waveform: Mono in [-1, 1] at 22,050 Hz; None without sound.
        fps: Frames a second, on average where the rate varies.
        samples: Length of the network's sound buffer.
        times: Seconds from the first frame at which each frame is shown, of those that a window
            shows at least; None where the rate is constant.
    """

    waveform: Samples | None
    fps: float
    samples: int
    times: Sequence[float] | NDArray[np.float64] | None = None

    @classmethod
    def for_network(
        cls,
        waveform: Samples,
        fps: float,
        spec: InputSpec,
        times: Sequence[float] | NDArray[np.float64] | None = None,
    ) -> WindowSound:
        """Return the sound of a video for a network; none where that takes no sound."""
        return cls(waveform if spec.audio else None, fps, spec.samples, times)

    def of(self, windows: Sequence[Window], device: torch.device) -> Tensor | None:
        """Return the sound of windows, B x 1 x S, which show frames of those numbers.

        None without sound. A waveform that is decoded on the way is not touched before the frames.
        """
        if self.waveform is None or not self.waveform.size:
            return None
        excerpts = [
            excerpt(self.waveform, self._shown(each), self.fps, self.samples) for each in windows
        ]
        return torch.from_numpy(np.stack(excerpts))[:, None].to(device)

    def _shown(self, window: Window) -> NDArray[np.float64]:
        if self.times is None:
            return np.asarray(window / self.fps)
        return np.array([self.times[frame] for frame in window], np.float64)


class Counted:
    """Frames on their way; `count` says how many have come."""

    def __init__(self, frames: Iterable[Image]) -> None:
        self._frames = iter(frames)
        self.count = 0

    def __iter__(self) -> Iterator[Image]:
        return self

    def __next__(self) -> Image:
        frame = next(self._frames)
        self.count += 1
        return frame

    def check(self, expected: int | None) -> None:
        """Check how many have come.

        Raises:
            StoreError: Not as many as expected.
        """
        if expected is not None and self.count != expected:
            raise StoreError(
                f"found {self.count} frames, expected {expected}; make the store again"
            )


def predict_maps(  # noqa: PLR0913 - one argument for each fact of the video and of the network
    model: SaliencyModel,
    frames: Iterable[Image],
    *,
    count: int | None,
    waveform: Samples,
    fps: float,
    spec: InputSpec,
    batch: int,
    device: torch.device = CPU,
    stride: int = 1,
    times: Sequence[float] | NDArray[np.float64] | None = None,
    first: int = 0,
) -> MapIterator:
    """Yield one map H x W for each frame from `first` on, in order, while `frames` are read.

    A map waits for the frames that its window shows, or for the video's end. Precision is the
    caller's: iterate inside `torch.autocast`.

    Args:
        model: In evaluation mode.
        frames: H x W x 3 RGB uint8 at network size.
        count: How many frames must come; None where only their end tells.
        waveform: Mono in [-1, 1] at 22,050 Hz, empty without sound; not read where the network
            takes none.
        fps: Frames a second, on average where the rate varies.
        spec: The network's input.
        batch: Windows predicted at a time.
        device: Where the network takes its input.
        stride: Predict the frames 0, `stride`, 2 `stride` and on; interpolate between.
        times: Seconds from the first frame at which each frame is shown, of those that came at
            least; None where the rate is constant.
        first: A multiple of `stride`; the frames before it are only read.

    Raises:
        StoreError: More or fewer frames came than were to come.
    """
    sound = WindowSound.for_network(waveform, fps, spec, times)
    coming = Counted(frames)
    windows = _Windows(model, sound, spec, device)
    yield from filled(
        _maps(windows, coming, batch, range(first, sys.maxsize, stride)), coming, first
    )
    coming.check(count)


def filled(predicted: NumberedMaps, coming: Counted, first: int = 0) -> MapIterator:
    """Yield a map for each frame from `first` on, the number of the first that is predicted.

    Between two predicted ones maps are interpolated; after the last, it is repeated.
    """
    before, last = first - 1, None
    for frame, saliency in predicted:
        for between in range(before + 1, frame):
            assert last is not None
            share = np.float32((between - before) / (frame - before))
            yield (1 - share) * last + share * saliency
        yield saliency
        before, last = frame, saliency
    if last is not None:
        for _ in range(before + 1, coming.count):
            yield last


def on_device(frames: Frames, device: torch.device) -> Tensor:
    """Return frames H x W x 3 as 3 x N x H x W uint8 on the device."""
    return torch.from_numpy(np.stack(frames)).to(device).permute(3, 0, 1, 2)  # n h w c -> c n h w


def _maps(windows: _Windows, coming: Counted, batch: int, wanted: range) -> NumberedMaps:
    """Predict the frames `wanted`, as far as they come, a batch of windows at a time."""
    clips = _clips(coming, windows.spec, wanted, windows.device)
    while chosen := [*islice(clips, batch)]:
        frames, shown, pictures = zip(*chosen, strict=True)
        yield from zip(frames, windows.predicted(torch.stack(pictures), shown), strict=True)


def _clips(
    coming: Counted, spec: InputSpec, wanted: range, device: torch.device
) -> Iterator[tuple[int, Window, Tensor]]:
    """Yield each wanted frame's number, window, and the window's frames 3 x T x H x W."""
    reach = spec.step * (spec.length - 1)  # folded or not, no window shows an earlier frame
    buffer, first = torch.empty(3, 0, spec.height, spec.width, dtype=torch.uint8), 0
    buffer = buffer.to(device)
    for frame in wanted:
        while (lacking := last_read(frame, spec) + 1 - coming.count) > 0 and (
            fresh := [*islice(coming, min(lacking, spec.length))]
        ):
            buffer = torch.cat([buffer, on_device(fresh, device)], dim=1)
            spare = min(max(frame - reach - first, 0), buffer.shape[1])
            buffer, first = buffer[:, spare:], first + spare
        if frame >= coming.count:
            return
        window = window_of(frame, coming.count, spec)
        yield frame, window, buffer[:, torch.from_numpy(window - first).to(device)]


@dataclass(frozen=True, slots=True)
class _Windows:
    """What every window of a video is predicted with."""

    model: SaliencyModel
    sound: WindowSound
    spec: InputSpec
    device: torch.device

    @torch.inference_mode()
    def predicted(self, clips: Tensor, shown: Sequence[Window]) -> list[NDArray[np.float32]]:
        """Return the map of each window B x 3 x T x H x W uint8, which shows those frames."""
        sound = self.sound.of(shown, self.device)
        maps = self.model(clips) if sound is None else self.model(clips, sound)
        return [*maps.float().cpu().numpy()]
