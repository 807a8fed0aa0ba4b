"""What prediction is: one map a frame, each from the window that ends at it (paper, IV-B).

Frames are converted once and kept in a buffer on the network's device; the windows of a batch
are views of it, so that no frame is copied before the network reads it. Memory does not depend on
the length of the video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.data.audio import Samples, excerpt
from avrsp.data.clips import normalised
from avrsp.data.windows import ending_at
from avrsp.errors import StoreError
from avrsp.types import InputSpec, SaliencyModel

Frames = Sequence[NDArray[np.uint8]]
Maps = Iterator[NDArray[np.float32]]
Window = NDArray[np.int64]

CPU = torch.device("cpu")


def predict_maps(  # noqa: PLR0913 - one argument for each fact of the video and of the network
    model: SaliencyModel,
    frames: Iterable[NDArray[np.uint8]],
    *,
    count: int | None,
    waveform: Samples,
    fps: float,
    spec: InputSpec,
    batch: int,
    device: torch.device = CPU,
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
        fps: Frames a second, exact.
        spec: The network's input.
        batch: Windows predicted at a time.
        device: Where the network takes its input.

    Raises:
        StoreError: More or fewer frames came than were to come.
    """
    heard = waveform if spec.audio and waveform.size else None
    windows = _Windows(model, heard, fps, spec, device)
    rest = iter(frames)
    head = list(islice(rest, 2 * spec.length - 2))
    found = 0
    for found, saliency in enumerate(_maps(windows, head, rest, batch), 1):  # noqa: B007
        yield saliency
    if count is not None and found != count:
        raise StoreError(f"found {found} frames, expected {count}; make the store anew")


def _maps(windows: _Windows, head: Frames, rest: Iterator[NDArray[np.uint8]], batch: int) -> Maps:
    """Predict the frames of `head`, the first 2 T - 2 or all of a shorter video, and the `rest`."""
    before = windows.spec.length - 1
    if head:
        yield from _turned(windows, head, batch)
        buffer = windows.converted(head[:before])
    frame = before
    waiting = iter(head[before:])
    while fresh := [*islice(waiting, batch)] or [*islice(rest, batch)]:
        buffer = torch.cat([buffer, windows.converted(fresh)], dim=1)
        clips = buffer.unfold(1, before + 1, 1).permute(1, 0, 4, 2, 3)  # c b h w t -> b c t h w
        shown = [np.arange(last - before, last + 1) for last in range(frame, frame + len(fresh))]
        yield from windows.predicted(clips, shown)
        buffer = buffer[:, len(fresh) :]
        frame += len(fresh)


def _turned(windows: _Windows, head: Frames, batch: int) -> Maps:
    """Predict the first T - 1 frames, whose windows run backwards and lie within `head`."""
    length = windows.spec.length
    buffer = windows.converted(head)
    turned = [ending_at(i, length, len(head)) for i in range(min(length - 1, len(head)))]
    for start in range(0, len(turned), batch):
        shown = turned[start : start + batch]
        clips = [buffer[:, torch.from_numpy(window).to(buffer.device)] for window in shown]
        yield from windows.predicted(torch.stack(clips), shown)


@dataclass(frozen=True, slots=True)
class _Windows:
    """What every window of a video is predicted with; `waveform` is None where nothing is heard."""

    model: SaliencyModel
    waveform: Samples | None
    fps: float
    spec: InputSpec
    device: torch.device

    def converted(self, frames: Frames) -> Tensor:
        """Return frames as 3 x N x H x W on the device."""
        return normalised(np.stack(frames)).to(self.device)

    @torch.inference_mode()
    def predicted(self, clips: Tensor, shown: Sequence[Window]) -> list[NDArray[np.float32]]:
        """Return the map of each window B x 3 x T x H x W, which shows those frames."""
        if self.waveform is None:
            maps = self.model(clips)
        else:
            sounds = [excerpt(self.waveform, self.fps, w, self.spec.samples) for w in shown]
            maps = self.model(clips, torch.from_numpy(np.stack(sounds))[:, None].to(self.device))
        return [*maps.float().cpu().numpy()]
