"""Convolutions and pooling in space or in time, the pieces of every 3D block here.

Clips are B x C x T x H x W and lie channels-last in memory (`torch.channels_last_3d`), two to ten
times faster on a CPU than channels-first. In that layout (b t) c h w and b c t (h w) are views.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def scaled(channels: int, width: float) -> int:
    """Return `channels` times `width`, rounded to a multiple of 8 and at least 8 (D14)."""
    return max(8, 8 * math.floor(channels * width / 8 + 0.5))


def pointwise(inputs: int, outputs: int, *, bias: bool = False) -> nn.Conv3d:
    """Return a 1 x 1 x 1 convolution."""
    return nn.Conv3d(inputs, outputs, 1, bias=bias)


def spatial(
    inputs: int, outputs: int, *, size: int = 3, stride: int = 1, bias: bool = False
) -> nn.Conv3d:
    """Return a 1 x size x size convolution that keeps H and W, or divides them by `stride`."""
    kernel, step, margin = (1, size, size), (1, stride, stride), (0, size // 2, size // 2)
    return nn.Conv3d(inputs, outputs, kernel, step, margin, bias=bias)


def temporal(inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> nn.Conv3d:
    """Return a size x 1 x 1 convolution that keeps T, or divides it by `stride`."""
    kernel, step, margin = (size, 1, 1), (stride, 1, 1), (size // 2, 0, 0)
    return ConvInTime(inputs, outputs, kernel, step, margin, bias=False)


class ConvInTime(nn.Conv3d):
    """A k x 1 x 1 convolution; a CPU learns it as that of a picture, T high and H W wide.

    With one thread PyTorch computes it in 3D by a matrix product of its own, in up to three times
    the time that oneDNN takes for the picture's. That rounds otherwise, which a network that was
    trained elsewhere must not: max pooling may take another of two nearly equal values.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x T x H x W to the convolution's shape."""
        if not self.training or x.device.type != "cpu":
            y: Tensor = self._conv_forward(x, self.weight, self.bias)
            return y
        stride, margin, dilation = self.stride[:2], self.padding[:2], self.dilation[:2]
        weight = self.weight.squeeze(-1)
        y = F.conv2d(x.flatten(-2), weight, self.bias, stride, margin, dilation, self.groups)
        return torch.unflatten(y, -1, x.shape[-2:])


class ConvNorm(nn.Module):
    """A convolution without bias, batch normalisation, ReLU."""

    def __init__(self, conv: nn.Conv3d, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm3d(conv.out_channels, eps=eps, momentum=momentum)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x T x H x W to the convolution's shape."""
        return F.relu(self.norm(self.conv(x)), inplace=True)


def as_frames(x: Tensor) -> Tensor:
    """View a clip as a batch of its frames."""
    return x.transpose(1, 2).flatten(0, 1)  # b c t h w -> (b t) c h w


def as_clip(frames: Tensor, length: int) -> Tensor:
    """Undo `as_frames` for clips of `length` frames."""
    return torch.unflatten(frames, 0, (-1, length)).transpose(1, 2)  # (b t) c h w -> b c t h w


class MaxPool(nn.Module):
    """Max pooling over time and space, kernel t x s x s, one stride for each of the two.

    Odd kernels pad by half their size, even ones not at all. Space and time are pooled one after
    the other, which is exact for a maximum: MaxPool3d has no deterministic backward pass on CUDA.
    """

    def __init__(self, *, time: int, space: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.time = time
        self.space = space
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x T x H x W to a clip with T, and H and W, divided by the strides."""
        time, space = self.stride
        x = as_clip(F.max_pool2d(as_frames(x), self.space, space, _margin(self.space)), x.shape[2])
        if self.time == 1:
            return x
        columns = x.flatten(3)  # b c t h w -> b c t (h w)
        pooled = F.max_pool2d(columns, (self.time, 1), (time, 1), (_margin(self.time), 0))
        return torch.unflatten(pooled, 3, (x.shape[3], -1))


def halved(x: Tensor) -> Tensor:
    """Halve H and W by averaging."""
    return as_clip(F.avg_pool2d(as_frames(x), 2), x.shape[2])


def enlarged(x: Tensor, factor: int = 2) -> Tensor:
    """Multiply H and W by `factor`, nearest neighbour: the convolution that follows smooths."""
    return as_clip(F.interpolate(as_frames(x), scale_factor=factor, mode="nearest"), x.shape[2])


def frame_means(x: Tensor) -> Tensor:
    """Average each frame over its pixels, B x C x T x H x W to B x C x T x 1 x 1."""
    return as_clip(F.avg_pool2d(as_frames(x), x.shape[-2:]), x.shape[2])


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve each frame of a clip with a weight O x C x 1 x k x k, k odd, and keep H and W."""
    margin = weight.shape[-1] // 2
    return F.conv3d(x, weight, bias, padding=(0, margin, margin))


def enlarged_convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `convolved(enlarged(x), ...)` of a weight O x C x 1 x 3 x 3, without enlarging.

    An output pixel sees four pixels of `x` at most, whose taps are summed first: a transposed
    convolution with 4 x 4 taps and stride 2 has 4 of 9 multiply-accumulates.
    """
    taps = F.pad(weight[:, :, 0].flip(-1, -2), (1, 1, 1, 1))
    rows = taps[..., :-1, :] + taps[..., 1:, :]
    summed = (rows[..., :-1] + rows[..., 1:]).transpose(0, 1)  # o c h w -> c o h w
    frames = F.conv_transpose2d(as_frames(x), summed, bias, stride=2, padding=1)
    return as_clip(frames, x.shape[2])


def _margin(kernel: int) -> int:
    return kernel // 2 if kernel % 2 else 0
