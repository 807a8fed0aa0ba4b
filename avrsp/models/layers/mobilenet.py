"""MobileNetV2, an image encoder of inverted residual blocks, with features of three resolutions.

Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018. Names of tensors are those of github.com/tonylins/pytorch-mobilenet-v2 (Apache-2.0),
whose ImageNet weights fit. 2,223,872 parameters at width 1, without the classifier.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final, NamedTuple

from torch import Tensor, nn

from avrsp.models.layers.conv import scaled

Norm = Callable[[int], nn.Module]
"""Returns a normalisation of so many channels."""

STEM: Final = 32
LAST: Final = 1280
FINE, MIDDLE = 64, 160
"""Channels at width 1 of the features that are handed out at 1/8 and 1/16 of the input's size."""


class Group(NamedTuple):
    """Inverted residual blocks of the same width; the first may halve H and W."""

    expansion: int
    channels: int
    blocks: int
    stride: int


GROUPS: Final = (
    Group(1, 16, 1, 1),
    Group(6, 24, 2, 2),
    Group(6, 32, 3, 2),
    Group(6, FINE, 4, 2),
    Group(6, 96, 3, 1),
    Group(6, MIDDLE, 3, 2),
    Group(6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """A 1 x 1 expansion (if any), a depthwise 3 x 3 and a linear 1 x 1, each with a normalisation.

    Attributes:
        residual: Whether the input is added to the output.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        expansion: int,
        norm: Norm,
        stride: int = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        middle = inputs * expansion
        depthwise = nn.Conv2d(middle, middle, 3, stride, 1, groups=middle, bias=False)
        layers = [depthwise, norm(middle), nn.ReLU6(inplace=True)]
        if expansion > 1:
            expand = nn.Conv2d(inputs, middle, 1, bias=False)
            layers = [expand, norm(middle), nn.ReLU6(inplace=True), *layers]
        self.conv = nn.Sequential(*layers, nn.Conv2d(middle, outputs, 1, bias=False), norm(outputs))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x H x W to B x outputs x H x W, divided by the stride."""
        output: Tensor = self.conv(x)
        return x + output if self.residual else output


class MobileNetV2(nn.Module):
    """Blocks `features.0` to `features.18`; every block with stride 2 halves H and W.

    The two blocks that lead from 1/8 to 1/16 and from 1/16 to 1/32 run at full size, and every
    second row and column of their outputs goes on: what they drop is wanted by a decoder.

    Attributes:
        channels: Channels of the three features, coarse to fine.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        stem, last = scaled(STEM, width), scaled(LAST, width)
        blocks: list[nn.Module] = [
            nn.Sequential(
                nn.Conv2d(3, stem, 3, 2, 1, bias=False),
                nn.BatchNorm2d(stem),
                nn.ReLU6(inplace=True),
            )
        ]
        self._tapped: list[int] = []
        inputs = stem
        for group, index in ((g, i) for g in GROUPS for i in range(g.blocks)):
            outputs, stride = scaled(group.channels, width), group.stride if index == 0 else 1
            tapped = stride > 1 and group.channels in {FINE, MIDDLE}
            if tapped:
                self._tapped.append(len(blocks))
            blocks.append(
                InvertedResidual(
                    inputs,
                    outputs,
                    expansion=group.expansion,
                    norm=nn.BatchNorm2d,
                    stride=1 if tapped else stride,
                    residual=index > 0,
                )
            )
            inputs = outputs
        blocks.append(
            nn.Sequential(
                nn.Conv2d(inputs, last, 1, bias=False), nn.BatchNorm2d(last), nn.ReLU6(inplace=True)
            )
        )
        self.features = nn.Sequential(*blocks)
        self.channels = (last, scaled(MIDDLE, width), scaled(FINE, width))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map B x 3 x H x W to features at 1/32, 1/16 and 1/8 of H and W."""
        bounds = [0, *(index + 1 for index in self._tapped), len(self.features)]
        fine, middle, coarse = (
            self.features[start:end] for start, end in itertools.pairwise(bounds)
        )
        at_8 = fine(images)
        at_16 = middle(at_8[..., ::2, ::2])
        return coarse(at_16[..., ::2, ::2]), at_16, at_8
