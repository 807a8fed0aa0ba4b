"""3D ResNet: residual networks of bottleneck blocks whose 3 x 3 convolutions also span 3 frames.

Hara, Kataoka and Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?",
CVPR 2018. Names, strides and paddings are those of github.com/kenshohara/3D-ResNets-PyTorch (MIT)
with shortcuts of type B. A ResNet-50 has 3, 4, 6 and 3 blocks of 64, 128, 256 and 512 planes.
"""

from __future__ import annotations

from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.models.layers.conv import pointwise

STEM: Final = 64
"""Channels of the first convolution."""
EXPANSION: Final = 4
"""Channels of a block's output for each of its planes."""


class Bottleneck(nn.Module):
    """1 x 1 x 1, 3 x 3 x 3 and 1 x 1 x 1 convolutions beside a shortcut.

    Args:
        inputs: Channels of the input.
        planes: Channels inside; the output has `EXPANSION` times as many.
        stride: Of T, H and W alike.
    """

    def __init__(self, inputs: int, planes: int, *, stride: int = 1) -> None:
        super().__init__()
        outputs = EXPANSION * planes
        self.conv1 = pointwise(inputs, planes)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = pointwise(planes, outputs)
        self.bn3 = nn.BatchNorm3d(outputs)
        self.downsample = (
            None
            if (inputs, stride) == (outputs, 1)
            else nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map B x inputs x T x H x W to B x 4 planes x T x H x W, divided by the stride."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        return F.relu(self.bn3(self.conv3(x)) + shortcut, inplace=True)


def stem(channels: int) -> nn.Conv3d:
    """Return the first convolution: 7 x 7 x 7, which halves H and W."""
    return nn.Conv3d(3, channels, 7, (1, 2, 2), 3, bias=False)


def layer(inputs: int, planes: int, *, blocks: int, stride: int) -> nn.Sequential:
    """Return blocks of the same width, the first of which has the stride."""
    first = Bottleneck(inputs, planes, stride=stride)
    return nn.Sequential(
        first, *(Bottleneck(EXPANSION * planes, planes) for _ in range(blocks - 1))
    )
