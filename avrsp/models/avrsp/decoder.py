"""Saliency decoder, section III-D: four blocks from the coarsest scale to the map (D8, D9)."""

from __future__ import annotations

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.models.layers.conv import (
    ConvNorm,
    convolved,
    enlarged,
    enlarged_convolved,
    frame_means,
    halved,
    scaled,
    spatial,
)

LENGTH: Final = 4
"""T of the features that 32 frames leave, the longest there is."""
START: Final = -2.0
"""The map's logit at the start: most of a map is dark, and the sigmoid is not flat there."""


class Decoder(nn.Module):
    """At each scale add the fused feature and the skip, convolve, and double H and W."""

    def __init__(self, channels: int, *, scales: int) -> None:
        super().__init__()
        half = scaled(channels, 0.5)
        widths = [channels] * (scales - 1) + [half]
        self.blocks = nn.ModuleList([ConvNorm(spatial(channels, width)) for width in widths])
        self.fold = Fold(half)
        self.score = nn.Conv2d(half, 1, 3, padding=1)
        nn.init.constant_(self.score.get_parameter("bias"), START)

    def forward(self, fused: list[Tensor], skips: list[Tensor]) -> Tensor:
        """Map features B x C x T x H x W, coarse to fine, to logits B x 8H x 8W of the coarsest."""
        coarsest, *finer = zip(self.blocks, fused, skips, strict=True)
        block, carried, skip = coarsest
        x = block(carried + skip)
        for block, carried, skip in finer:
            x = block(enlarged(x) + carried + skip)
        # Equal neighbours stay equal where only time is mixed, so that is done before enlarging.
        score = self.score.weight[:, :, None]
        logits = enlarged_convolved(self.fold(x), score, self.score.bias).squeeze(2)
        return F.interpolate(logits, scale_factor=2, mode="bilinear").squeeze(1)


class Fold(nn.Module):
    """Fold time by a convolution that ends at the last frame, the one the map belongs to.

    Shorter clips use its last taps, as if zeros preceded them: one network serves every length.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        conv = nn.Conv3d(channels, channels, (LENGTH, 1, 1), bias=False)
        self.block = ConvNorm(conv)

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x T x H x W, T at most 4, to B x C x 1 x H x W."""
        y = F.conv3d(x, self.block.conv.weight[:, :, -x.shape[2] :], self.block.conv.bias)
        return F.relu(self.block.norm(y), inplace=True)


class Gate(nn.Module):
    """Weigh the channels of the fused feature by what it and the picture hold at one scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weigh = spatial(2 * channels, channels, bias=True)
        self.out = spatial(channels, channels, bias=True)
        # Gates start at one half: twice the gain keeps the fused feature's size from gate to gate.
        nn.init.normal_(self.out.weight, std=2 / math.sqrt(9 * channels))

    def forward(self, fused: Tensor, skip: Tensor) -> Tensor:
        """Map F B x C x T x H x W of the skip's size, or of half its H and W, to F_gated."""
        carry = convolved if fused.shape[-1] == skip.shape[-1] else enlarged_convolved
        own, beside = self.weigh.weight.chunk(2, dim=1)
        # the convolution of both side by side
        logits = carry(fused, own) + convolved(skip, beside, self.weigh.bias)
        weight = frame_means(torch.sigmoid(logits)).mean(2, keepdim=True)  # eq. 14
        return carry(weight * fused, self.out.weight, self.out.bias)  # eq. 15


class Ungated(nn.Module):
    """Stand where a scale has no gate: the upsampled fused feature goes on as it is (D8)."""

    def forward(self, fused: Tensor, skip: Tensor) -> Tensor:
        """Return `fused` at the skip's size."""
        return fused if fused.shape[-1] == skip.shape[-1] else enlarged(fused)


class Regulator(nn.Module):
    """Carry the fused feature from scale to scale, through gates at the `pairs` finest (D7)."""

    def __init__(self, channels: int, *, scales: int, pairs: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList([Ungated() for _ in range(scales - pairs)])
        self.gates.extend(Gate(channels) for _ in range(pairs))

    def forward(self, fused: Tensor, skips: list[Tensor]) -> list[Tensor]:
        """Map F_av at the coarsest scale, and the skips, to one fused feature a scale."""
        carried: list[Tensor] = []
        for gate, skip in zip(self.gates, skips, strict=True):
            fused = gate(fused, skip)  # eq. 13
            carried.append(fused)
        return carried


class Synergy(nn.Module):
    """Enhance the `pairs` finest scales by their neighbours (D6, D7).

    Those scales and the next coarser one go through eq. 9 to 11 at once; coarser ones pass through.
    """

    def __init__(self, channels: int, *, scales: int, pairs: int) -> None:
        super().__init__()
        self.plain = max(0, scales - pairs - 1)
        read = scales - self.plain
        self.first = nn.ModuleList([spatial(channels, channels, bias=True) for _ in range(read)])
        self.second = Exchange(channels, inputs=read, outputs=read)
        self.third = Exchange(channels, inputs=read, outputs=pairs)

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        """Map features B x C x T x H x W, coarse to fine, to as many of the same sizes."""
        x1 = [conv(x) for conv, x in zip(self.first, pyramid[self.plain :], strict=True)]  # eq. 9
        x3 = self.third(self.second(x1))  # eq. 10, 11
        enhanced = len(pyramid) - len(x3)
        residual = [x + own for x, own in zip(x3, pyramid[enhanced:], strict=True)]  # eq. 12
        return [*pyramid[:enhanced], *residual]


class Exchange(nn.Module):
    """U(coarser) + C(same) + D(finer) for the `outputs` finest of `inputs` scales.

    C is a convolution, U and D are a change of scale followed by one. C alone has a bias:
    the three are summed. A neighbour that does not exist contributes nothing (D6).
    """

    def __init__(self, channels: int, *, inputs: int, outputs: int) -> None:
        super().__init__()
        self.start = inputs - outputs
        self.same = nn.ModuleList([spatial(channels, channels, bias=True) for _ in range(outputs)])
        coarser = min(outputs, inputs - 1)
        self.up = nn.ModuleList([spatial(channels, channels) for _ in range(coarser)])
        self.down = nn.ModuleList([spatial(channels, channels) for _ in range(outputs - 1)])

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        """Map `inputs` features, coarse to fine, to the `outputs` finest."""
        mixed = [conv(x) for conv, x in zip(self.same, scales[self.start :], strict=True)]
        first = len(mixed) - len(self.up)
        for i, up in enumerate(self.up, start=first):
            coarser = scales[self.start + i - 1]
            mixed[i] = mixed[i] + enlarged_convolved(coarser, up.get_parameter("weight"))
        for i, down in enumerate(self.down):
            mixed[i] = mixed[i] + down(halved(scales[self.start + i + 1]))
        return mixed
