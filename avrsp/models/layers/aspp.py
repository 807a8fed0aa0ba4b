"""Atrous spatial pyramid pooling: what lies at several distances around a place (D1).

Chen et al., "DeepLab", TPAMI 2017, on each frame of a 3D feature.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.models.layers.conv import (
    ConvNorm,
    as_clip,
    as_frames,
    frame_means,
    pointwise,
    scaled,
    spatial,
)


class Atrous(ConvNorm):
    """A dilated 1 x 3 x 3 convolution whose dilation shrinks to what the map can hold."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__(spatial(inputs, outputs))
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x T x H x W to as many maps of the same size."""
        reach = max(1, min(self.dilation, min(x.shape[-2:]) // 2))
        y = F.conv3d(
            x,
            self.conv.weight,
            self.conv.bias,
            padding=(0, reach, reach),
            dilation=(1, reach, reach),
        )
        return F.relu(self.norm(y), inplace=True)


class ASPP(nn.Module):
    """Reduce to `outputs` channels, look near, far and at the whole frame, and join the views."""

    def __init__(self, inputs: int, outputs: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        branch = scaled(outputs, 0.25)
        self.reduce = ConvNorm(pointwise(inputs, outputs))
        self.local = nn.ModuleList(
            [
                ConvNorm(pointwise(outputs, branch)),
                *(Atrous(outputs, branch, dilation) for dilation in dilations),
            ]
        )
        # The frame's mean is one value a channel: batch normalisation would need several clips.
        self.whole = pointwise(outputs, branch, bias=True)
        self.join = pointwise((len(dilations) + 2) * branch, outputs, bias=True)
        nn.init.kaiming_normal_(self.join.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map B x inputs x T x H x W to B x outputs x T x H x W."""
        x = self.reduce(x)
        local = torch.cat([view(x) for view in self.local], dim=1)
        whole = F.relu(self.whole(frame_means(x)))
        # What holds for a whole frame is joined once a frame, not at each of its pixels.
        seen, known = self.join.weight.tensor_split([local.shape[1]], dim=1)
        y = as_clip(F.conv2d(as_frames(local), seen[:, :, 0]), x.shape[2])
        return F.relu(y + F.conv3d(whole, known, self.join.bias), inplace=True)


class LIP(nn.Module):
    """Average each `window` neighbouring frames with weights exp(logit), one logit a value.

    The logits start at zero, as a plain mean. They have no bias: the normalisation cancels it.
    """

    def __init__(self, channels: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.logit = pointwise(channels, channels)
        nn.init.zeros_(self.logit.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x T x H x W to B x C x T/window x H x W."""
        # b c (t window) h w -> b c t window h w
        values = torch.unflatten(x, 2, (-1, self.window))
        weights = torch.unflatten(self.logit(x), 2, (-1, self.window)).softmax(dim=3)
        return (weights * values).sum(dim=3)
