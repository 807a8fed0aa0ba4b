"""S3D, the visual encoder: Inception with its 3D convolutions split into space and time.

Xie, Sun, Huang, Tu and Murphy, "Rethinking Spatiotemporal Feature Learning", ECCV 2018.
Layers, strides and paddings are those of github.com/kylemin/S3D (MIT) and of torchvision's `s3d`
(BSD-3), so that the Kinetics-400 weights of both can be imported (`avrsp.models.weights`).
7,910,048 parameters at width 1, without the classifier.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from avrsp.models.layers.conv import ConvNorm, MaxPool, pointwise, scaled, spatial, temporal

EPS: Final = 1e-3
NORMS: Final = (nn.BatchNorm3d, nn.SyncBatchNorm)
STEM: Final = (64, 192)
CHANNELS: Final = (192, 480, 832, 1024)
"""Channels of the four stages' outputs at width 1, fine to coarse."""


@dataclass(frozen=True, slots=True)
class Branches:
    """Output channels of a mixed block's parts at width 1; branches 1 and 2 reduce first."""

    point: int
    reduce1: int
    branch1: int
    reduce2: int
    branch2: int
    pooled: int


MIXED: Final = (
    (Branches(64, 96, 128, 16, 32, 32), Branches(128, 128, 192, 32, 96, 64)),
    (
        Branches(192, 96, 208, 16, 48, 64),
        Branches(160, 112, 224, 24, 64, 64),
        Branches(128, 128, 256, 24, 64, 64),
        Branches(112, 144, 288, 32, 64, 64),
        Branches(256, 160, 320, 32, 128, 128),
    ),
    (Branches(256, 160, 320, 32, 128, 128), Branches(384, 192, 384, 48, 128, 128)),
)
"""Mixed blocks 3b to 5c by the stage that they belong to (the second to the fourth)."""


class Separable(nn.Sequential):
    """A convolution in space, then one in time, each with normalisation and ReLU."""

    def __init__(
        self, inputs: int, outputs: int, *, size: int, stride: int, momentum: float
    ) -> None:
        space = spatial(inputs, outputs, size=size, stride=stride)
        time = temporal(outputs, outputs, size=size, stride=stride)
        super().__init__(
            ConvNorm(space, eps=EPS, momentum=momentum), ConvNorm(time, eps=EPS, momentum=momentum)
        )


class Mixed(nn.Module):
    """Four branches that read the same input, their outputs concatenated."""

    def __init__(self, inputs: int, branches: Branches, *, width: float, momentum: float) -> None:
        super().__init__()

        def point(inputs: int, outputs: int) -> ConvNorm:
            return ConvNorm(pointwise(inputs, scaled(outputs, width)), eps=EPS, momentum=momentum)

        def reduced(middle: int, outputs: int) -> nn.Sequential:
            narrow, wide = scaled(middle, width), scaled(outputs, width)
            separable = Separable(narrow, wide, size=3, stride=1, momentum=momentum)
            return nn.Sequential(point(inputs, middle), separable)

        self.branches = nn.ModuleList(
            [
                point(inputs, branches.point),
                reduced(branches.reduce1, branches.branch1),
                reduced(branches.reduce2, branches.branch2),
                nn.Sequential(
                    MaxPool(time=3, space=3, stride=(1, 1)), point(inputs, branches.pooled)
                ),
            ]
        )
        outputs = (branches.point, branches.branch1, branches.branch2, branches.pooled)
        self.channels = sum(scaled(channels, width) for channels in outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x T x H x W to B x `channels` x T x H x W."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class S3D(nn.Module):
    """Four stages, each halving H and W again; T is halved by stages 1, 3 and 4.

    Attributes:
        channels: Channels of the four outputs, fine to coarse.
        checkpointing: Recompute activations in the backward pass: less memory, more time.
        memory_format: Order of the activations in memory, which changes how sums are rounded.
    """

    def __init__(
        self,
        *,
        width: float = 1.0,
        momentum: float = 0.1,
        memory_format: torch.memory_format = torch.channels_last_3d,
    ) -> None:
        super().__init__()
        self.memory_format = memory_format
        self.stages = nn.ModuleList([_stem(width, momentum)])
        self.channels = [scaled(STEM[1], width)]
        pools = (
            MaxPool(time=1, space=3, stride=(1, 2)),
            MaxPool(time=3, space=3, stride=(2, 2)),
            MaxPool(time=2, space=2, stride=(2, 2)),
        )
        for pool, blocks in zip(pools, MIXED, strict=True):
            stage, channels = nn.Sequential(pool), self.channels[-1]
            for branches in blocks:
                mixed = Mixed(channels, branches, width=width, momentum=momentum)
                stage.append(mixed)
                channels = mixed.channels
            self.stages.append(stage)
            self.channels.append(channels)
        self.checkpointing = False

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Map B x 3 x T x H x W to four features, fine to coarse.

        Their sizes are T/2 x H/4 x W/4, T/2 x H/8 x W/8, T/4 x H/16 x W/16 and T/8 x H/32 x W/32.
        """
        x = frames.contiguous(memory_format=self.memory_format)
        features = []
        for stage in self.stages:
            for layer in stage.children():
                x = _recomputed(layer, x) if self.checkpointing and self.training else layer(x)
            features.append(x)
        return features


def _stem(width: float, momentum: float) -> nn.Sequential:
    first, last = (scaled(channels, width) for channels in STEM)
    return nn.Sequential(
        Separable(3, first, size=7, stride=2, momentum=momentum),
        MaxPool(time=1, space=3, stride=(1, 2)),
        ConvNorm(pointwise(first, first), eps=EPS, momentum=momentum),
        Separable(first, last, size=3, stride=1, momentum=momentum),
    )


def _recomputed(layer: nn.Module, x: Tensor) -> Tensor:
    output: Tensor = checkpoint(
        layer,
        x,
        use_reentrant=False,
        preserve_rng_state=False,  # nothing here is random
        context_fn=lambda: (contextlib.nullcontext(), _statistics_kept(layer)),
    )
    return output


@contextlib.contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Keep running statistics from counting a batch twice when it is computed again."""
    norms = [each for each in module.modules() if isinstance(each, NORMS)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, torch.tensor(0)
    try:
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, tracked
