"""What prediction is: one map a frame, each from the window that ends at it (paper, IV-B).

This is the definition, for any model, and what `stream` is compared with. Frames are converted
once and kept in a buffer on the network's device; the windows of a batch are views of it, so that
no frame is copied before the network reads it. Memory does not depend on the length of the video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.errors import StoreError
from avrsp.models.windows import ending_at, excerpt
from avrsp.train.clips import normalised
from avrsp.types import InputSpec, SaliencyModel, Samples

Image = NDArray[np.uint8]
Frames = Sequence[Image]
Maps = Iterator[NDArray[np.float32]]
Predicted = Iterator[tuple[int, NDArray[np.float32]]]
"""A frame's number and its map; the numbers rise, and may leave frames out."""
Window = NDArray[np.int64]

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Sound:
    """What the windows of a video hear.

    Attributes:
        waveform: Mono in [-1, 1] at 22,050 Hz; None where nothing is heard.
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
    def heard(
        cls,
        waveform: Samples,
        fps: float,
        spec: InputSpec,
        times: Sequence[float] | NDArray[np.float64] | None = None,
    ) -> Sound:
        """Return what a network hears of a waveform: nothing where it takes no sound."""
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
            raise StoreError(f"found {self.count} frames, expected {expected}; make the store anew")


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
) -> Maps:
    """Yield one map H x W for each frame, in order, while `frames` are read.

    Until a window's worth of frames precedes it, a frame is predicted from the window that runs
    backwards from its future; the first map therefore waits for 2 T - 2 frames or the video's end.
    Precision is the caller's: iterate inside `torch.autocast`.

    Args:
        model: In evaluation mode.
        frames: H x W x 3 RGB at network size.
        count: How many frames must come; None where only their end tells.
        waveform: Mono in [-1, 1] at 22,050 Hz, empty without sound; a deaf model's is not read.
        fps: Frames a second, on average where the rate varies.
        spec: The network's input.
        batch: Windows predicted at a time.
        device: Where the network takes its input.
        stride: Predict the frames 0, `stride`, 2 `stride` and on; interpolate between.
        times: Seconds from the first frame at which each frame is shown, of those that came at
            least; None where the rate is constant.

    Raises:
        StoreError: More or fewer frames came than were to come.
    """
    windows = _Windows(model, Sound.heard(waveform, fps, spec, times), spec, device)
    coming = Counted(frames)
    head = list(islice(coming, 2 * spec.length - 2))
    yield from filled(_maps(windows, head, coming, (batch, stride)), coming)
    coming.check(count)


def filled(predicted: Predicted, coming: Counted) -> Maps:
    """Yield a map for each frame: between two predicted ones interpolated, after the last, that."""
    before, last = -1, None
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


def converted(frames: Frames, device: torch.device) -> Tensor:
    """Return frames as 3 x N x H x W on the device."""
    return normalised(np.stack(frames)).to(device)


def _maps(
    windows: _Windows, head: Frames, rest: Iterator[Image], pace: tuple[int, int]
) -> Predicted:
    """Predict the frames of `head`, the first 2 T - 2 or all of a shorter video, and the `rest`."""
    batch, stride = pace
    before = windows.spec.length - 1
    if head:
        yield from _turned(windows, head, pace)
        buffer = converted(head[:before], windows.device)
    frame = before
    waiting = iter(head[before:])
    while fresh := [*islice(waiting, batch)] or [*islice(rest, batch)]:
        buffer = torch.cat([buffer, converted(fresh, windows.device)], dim=1)
        clips = buffer.unfold(1, before + 1, 1).permute(1, 0, 4, 2, 3)  # c b h w t -> b c t h w
        skipped = -frame % stride
        wanted = range(frame + skipped, frame + len(fresh), stride)
        if wanted:
            shown = [np.arange(last - before, last + 1) for last in wanted]
            yield from zip(wanted, windows.predicted(clips[skipped::stride], shown), strict=True)
        buffer = buffer[:, len(fresh) :]
        frame += len(fresh)


def _turned(windows: _Windows, head: Frames, pace: tuple[int, int]) -> Predicted:
    """Predict the first T - 1 frames, whose windows run backwards and lie within `head`."""
    batch, stride = pace
    length = windows.spec.length
    buffer = converted(head, windows.device)
    wanted = range(0, min(length - 1, len(head)), stride)
    for start in range(0, len(wanted), batch):
        chosen = wanted[start : start + batch]
        shown = [ending_at(frame, length, len(head)) for frame in chosen]
        clips = [buffer[:, torch.from_numpy(window).to(buffer.device)] for window in shown]
        yield from zip(chosen, windows.predicted(torch.stack(clips), shown), strict=True)


@dataclass(frozen=True, slots=True)
class _Windows:
    """What every window of a video is predicted with."""

    model: SaliencyModel
    sound: Sound
    spec: InputSpec
    device: torch.device

    @torch.inference_mode()
    def predicted(self, clips: Tensor, shown: Sequence[Window]) -> list[NDArray[np.float32]]:
        """Return the map of each window B x 3 x T x H x W, which shows those frames."""
        sound = self.sound.of(shown, self.device)
        maps = self.model(clips) if sound is None else self.model(clips, sound)
        return [*maps.float().cpu().numpy()]
