"""The layers of sliding windows, from one block of activations to the next.

Each takes its weights from a layer of S3D, or of the neck, whose normalisation has been folded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.prediction.shared_activations import (
    BlockActivations,
    Kernel,
    PositionLayout,
    PositionValues,
    SharedCache,
)


class SlidingLayer(ABC):
    """One layer or several, from block to block; it remembers what it needs of earlier blocks."""

    layout: PositionLayout
    """The layout of what it returns."""

    @abstractmethod
    def __call__(self, block: BlockActivations) -> BlockActivations:
        """Return the layer's output for the same frames."""


class InFrame(SlidingLayer):
    """A module that treats each frame by itself."""

    def __init__(self, module: nn.Module, layout: PositionLayout) -> None:
        self.module = module
        self.layout = layout

    def __call__(self, block: BlockActivations) -> BlockActivations:
        """Apply the module as if all rows were frames of one clip."""
        y = self.module(block.x[None].permute(0, 4, 1, 2, 3))  # f h w c -> 1 c f h w
        return block.followed_by(y[0].permute(1, 2, 3, 0).contiguous())


class InSpace(SlidingLayer):
    """A 1 x k x k convolution with ReLU, as one of pictures, which is faster than one of clips."""

    def __init__(self, conv: nn.Conv3d, layout: PositionLayout) -> None:
        self.weight = conv.weight[:, :, 0].contiguous(memory_format=torch.channels_last)
        self.bias = conv.bias
        self.stride = conv.stride[1:]
        self.margin = tuple(int(margin) for margin in conv.padding[1:])
        self.layout = layout

    def __call__(self, block: BlockActivations) -> BlockActivations:
        """Convolve all rows."""
        pictures = block.x.permute(0, 3, 1, 2)  # f h w c -> f c h w
        y = F.conv2d(pictures, self.weight, self.bias, self.stride, self.margin)
        return block.followed_by(F.relu(y, inplace=True).permute(0, 2, 3, 1).contiguous())


class Peaks(SlidingLayer):
    """Max pooling in space: rows, then columns, several times faster than with their indices."""

    def __init__(self, size: int, stride: int, layout: PositionLayout) -> None:
        self.size = size
        self.stride = stride
        self.layout = layout

    def __call__(self, block: BlockActivations) -> BlockActivations:
        """Pool all rows; H and W are even where the stride is 2."""
        x = block.x
        for axis in (1, 2):
            x = self._pooled(x.transpose(0, axis)).transpose(0, axis)
        return block.followed_by(x.contiguous())

    def _pooled(self, x: Tensor) -> Tensor:
        """Pool along the first axis: 2 positions, or 3 around each one that the stride leaves."""
        if len(x) == 1:
            return x
        if self.stride == 1:
            pairs, y = torch.maximum(x[:-1], x[1:]), torch.empty_like(x)
            y[0], y[-1] = pairs[0], pairs[-1]
            torch.maximum(pairs[:-1], pairs[1:], out=y[1:-1])
            return y
        y = torch.maximum(x[::2], x[1::2])
        if self.size > 2:  # noqa: PLR2004 - the kernel reaches back
            torch.maximum(y[1:], x[1:-1:2], out=y[1:])
        return y


class AlongTime(SlidingLayer):
    """A layer that mixes positions."""

    def __init__(
        self, kernel: Kernel, layout: PositionLayout, target: PositionLayout | None = None
    ) -> None:
        self.kernel = kernel
        self.cache = SharedCache(layout)
        self.before = layout
        self.layout = layout.through(kernel) if target is None else target

    def __call__(self, block: BlockActivations) -> BlockActivations:
        """Compute the shared positions of the new frames, then the own ones of the windows."""
        fresh, windowed = self.cache.take(block)
        y = block.x.new_empty((block.rows(self.layout), *block.x.shape[1:3], self.outputs(block.x)))
        start = 0
        if self.layout.shares:
            newest = self.layout.count - 1 - self.layout.right
            self._fill(y[: block.frames], newest, fresh)
            start = block.frames
        if block.windows:
            for position in self.layout.own:
                self._fill(y[start : start + block.windows], position, windowed)
                start += block.windows
        return block.followed_by(self.finished(y), self.layout)

    def _fill(self, out: Tensor, position: int, source: PositionValues) -> None:
        taps = self.kernel.read(position, self.before.count)
        self.compute(out, [(tap, source(before)) for tap, before in taps])

    def outputs(self, x: Tensor) -> int:
        """Return the channels of the output."""
        return x.shape[-1]

    def finished(self, y: Tensor) -> Tensor:
        """Return the output after what is done to all of it."""
        return y

    @abstractmethod
    def compute(self, out: Tensor, read: list[tuple[int, Tensor]]) -> None:
        """Write one position, N x H x W x C, from the taps and the positions that they read."""


class Convolution(AlongTime):
    """A k x 1 x 1 convolution with ReLU: one matrix product a tap, none for the padding."""

    def __init__(self, conv: nn.Conv3d, layout: PositionLayout) -> None:
        kernel = Kernel(conv.kernel_size[0], conv.stride[0], int(conv.padding[0]))
        super().__init__(kernel, layout)
        self.taps = conv.weight[..., 0, 0].permute(2, 1, 0).contiguous()  # o c k -> k c o
        self.bias = conv.weight.new_zeros(len(conv.weight)) if conv.bias is None else conv.bias

    def outputs(self, x: Tensor) -> int:
        """Return the channels of the output."""
        return self.taps.shape[2]

    def compute(self, out: Tensor, read: list[tuple[int, Tensor]]) -> None:
        """Add up the products."""
        rows = out.flatten(0, 2)
        addend = self.bias
        for tap, x in read:
            torch.addmm(addend, x.flatten(0, 2), self.taps[tap], out=rows)
            addend = rows

    def finished(self, y: Tensor) -> Tensor:
        """Rectify in place."""
        return y.relu_()


class Maximum(AlongTime):
    """Max pooling in time."""

    def compute(self, out: Tensor, read: list[tuple[int, Tensor]]) -> None:
        """Take the greatest."""
        first, *others = (x for _, x in read)
        if not others:
            out.copy_(first)
        for x in others:
            first = torch.maximum(first, x, out=out)


class Weighed(AlongTime):
    """LIP's mean over neighbouring positions, of values and logits side by side in C."""

    def outputs(self, x: Tensor) -> int:
        """Return the channels of the values."""
        return x.shape[-1] // 2

    def compute(self, out: Tensor, read: list[tuple[int, Tensor]]) -> None:
        """Weigh by the softmax of the logits, without stacking them."""
        pairs = [x.chunk(2, dim=-1) for _, x in read]
        greatest = reduce(torch.maximum, [logits for _, logits in pairs])
        weights = torch.zeros_like(greatest)
        out.zero_()
        for values, logits in pairs:
            weight = (logits - greatest).exp_()
            out.addcmul_(weight, values)
            weights.add_(weight)
        out.div_(weights)
