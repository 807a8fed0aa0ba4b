"""3D ResNet: residual networks of bottleneck blocks whose 3 x 3 convolutions also span 3 frames.

Hara, Kataoka and Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?",
CVPR 2018. Names, strides and paddings are those of github.com/kenshohara/3D-ResNets-PyTorch (MIT)
with shortcuts of type B. A ResNet-50 has 3, 4, 6 and 3 blocks of 64, 128, 256 and 512 planes.
"""

from __future__ import annotations

from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.models.layers.conv import MaxPool, pointwise, scaled

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


class ResNet3D(nn.Module):
    """A ResNet-50 as far as its third layer.

    Attributes:
        channels: Channels after the first convolution and after each layer.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        first, *planes = (scaled(each, width) for each in (STEM, 64, 128, 256))
        self.channels = [first, *(EXPANSION * each for each in planes)]
        self.conv1 = stem(first)
        self.bn1 = nn.BatchNorm3d(first)
        self.maxpool = MaxPool(time=3, space=3, stride=(2, 2))
        self.layer1 = layer(self.channels[0], planes[0], blocks=3, stride=1)
        self.layer2 = layer(self.channels[1], planes[1], blocks=4, stride=2)
        self.layer3 = layer(self.channels[2], planes[2], blocks=6, stride=2)

    def start(self, frames: Tensor) -> Tensor:
        """Map B x 3 x T x H x W to B x C x T x H/2 x W/2."""
        return F.relu(self.bn1(self.conv1(frames)), inplace=True)
