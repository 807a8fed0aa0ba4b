"""Saliency decoder, section III-D: four blocks from the coarsest scale to the map (D8, D9)."""

from __future__ import annotations

from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.nn.conv import ConvNorm, enlarged, scaled, spatial

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
        x = fused[0].new_zeros(())
        for block, carried, skip in zip(self.blocks, fused, skips, strict=True):
            x = enlarged(block(x + carried + skip))
        logits = self.score(self.fold(x).squeeze(2))
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
