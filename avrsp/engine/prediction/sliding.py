"""S3D and the neck over sliding windows: each shared activation is computed once.

Layers within a frame run on all new activations at once, whichever window they belong to; layers
along time read the positions that they need (`lanes`, `layers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.engine.prediction.lanes import Kernel, Layout, Memory, Strip, gathered
from avrsp.engine.prediction.layers import (
    Convolution,
    InFrame,
    InSpace,
    Maximum,
    Peaks,
    Step,
    Weighed,
)
from avrsp.nn.aspp import ASPP
from avrsp.nn.conv import ConvNorm, MaxPool
from avrsp.nn.lip import LIP
from avrsp.nn.s3d import Mixed

ONE: Final = Kernel(1)


class Chain(Step):
    """Steps one after the other."""

    def __init__(self, steps: list[Step], layout: Layout) -> None:
        self.steps = steps
        self.layout = steps[-1].layout if steps else layout

    def __call__(self, strip: Strip) -> Strip:
        """Apply them; nothing is left to do where nothing is shared and no window ends."""
        for step in self.steps:
            if not len(strip.x):
                break
            strip = step(strip)
        return strip


class Joined(Step):
    """A mixed block: the branches' outputs side by side in C, all in the widest layout."""

    def __init__(self, block: Mixed, layout: Layout) -> None:
        branches = [Chain(list(steps(branch, layout)), layout) for branch in block.branches]
        self.layout = max((each.layout for each in branches), key=lambda each: len(each.own))
        self.branches = [
            Chain([branch, Maximum(ONE, branch.layout, self.layout)], layout)
            if branch.layout != self.layout
            else branch
            for branch in branches
        ]

    def __call__(self, strip: Strip) -> Strip:
        """Join the branches."""
        joined = torch.cat([branch(strip).x for branch in self.branches], dim=-1)
        return strip.followed_by(joined, self.layout)


class Neck(Step):
    """ASPP and LIP of one scale, whole windows at the end."""

    def __init__(self, neck: nn.Sequential, layout: Layout) -> None:
        aspp, lip = neck
        assert isinstance(aspp, ASPP)
        self.reduce = InFrame(aspp, layout)
        self.logit = lip.logit if isinstance(lip, LIP) else None
        window = lip.window if isinstance(lip, LIP) else 1
        self.pool = Weighed(Kernel(window, window), layout)
        self.layout = self.pool.layout
        self.memory = Memory(self.layout)

    def __call__(self, strip: Strip) -> Strip:
        """Return the pooled positions."""
        strip = self.reduce(strip)
        if self.logit is None:
            return strip
        logits = F.linear(strip.x, self.logit.weight.flatten(1))
        return self.pool(strip.followed_by(torch.cat([strip.x, logits], dim=-1)))

    def windows(self, strip: Strip) -> Tensor:
        """Return the pooled feature of each window, N x C x T x H x W."""
        return gathered(self(strip), self.memory)


def steps(module: nn.Module, layout: Layout) -> Iterator[Step]:
    """Yield the steps of an encoder's part whose batch normalisation has been folded.

    Raises:
        TypeError: It has a layer of another kind.
    """
    match module:
        case Mixed():
            yield Joined(module, layout)
        case ConvNorm():
            conv = module.conv
            yield Convolution(conv, layout) if conv.kernel_size[0] > 1 else InSpace(conv, layout)
        case MaxPool():
            stride, jump = module.stride
            yield Peaks(module.space, jump, layout)
            if module.time > 1:
                margin = module.time // 2 if module.time % 2 else 0
                yield Maximum(Kernel(module.time, stride, margin), layout)
        case nn.Sequential():
            for part in module:
                for step in steps(part, layout):
                    yield step
                    layout = step.layout
        case _:
            raise TypeError(f"{type(module).__name__} has no windowed form")


class Sliding:
    """The encoder and the neck, fed block after block.

    Attributes:
        length: T of a window.
        stride: Frames from one window to the next.
    """

    def __init__(
        self, stages: nn.ModuleList, neck: nn.ModuleList, length: int, stride: int
    ) -> None:
        self.stride = stride
        self.frames = Layout(length, 0, 0, 1)
        self.stages: list[Chain] = []
        layout = self.frames
        for stage in stages:
            self.stages.append(Chain(list(steps(stage, layout)), layout))
            layout = self.stages[-1].layout
        self.necks = [
            Neck(part, stage.layout)
            for part, stage in zip(reversed(list(neck)), self.stages, strict=True)
            if isinstance(part, nn.Sequential)
        ]

    def warm(self, frames: Tensor) -> None:
        """Take frames, N x 3 x H x W, that precede every window's end."""
        self._pyramid(frames, 0)

    def pyramid(self, frames: Tensor) -> list[Tensor]:
        """Return the neck's features, coarse to fine, of the windows that end in a block.

        A window ends at every `stride`-th of the frames, N x 3 x H x W.
        """
        return self._pyramid(frames, len(frames) // self.stride)

    def _pyramid(self, frames: Tensor, windows: int) -> list[Tensor]:
        rows = frames.permute(0, 2, 3, 1).contiguous()  # f c h w -> f h w c
        strip = Strip(rows, self.frames, len(frames), windows, self.stride)
        features = []
        for stage, neck in zip(self.stages, self.necks, strict=True):
            strip = stage(strip)
            if not len(strip.x):
                break
            features.append(neck.windows(strip))
        return features[::-1]
