"""Max unpooling: values go back to where max pooling found the largest ones, the same every time.

Windows of a pooling that overlap may have found the same pixel. `nn.MaxUnpool3d` then writes it
more than once, and which value stays depends on the order of threads. Here it is the value of the
last window, row by row, as with one thread.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from avrsp.models.layers.conv import as_clip, as_frames


@torch.no_grad()
def peaks(x: Tensor, *, kernel: int, padding: int) -> Tensor:
    """Return where kernel x kernel pooling with stride 2 finds its maxima, pixels of each frame.

    B x C x T x H x W gives B x C x T x H/2 x W/2 indices into the H W pixels, row by row.
    """
    _, found = F.max_pool2d(as_frames(x), kernel, 2, padding, return_indices=True)
    return as_clip(found, x.shape[2])


def unpooled(x: Tensor, places: Tensor) -> Tensor:
    """Enlarge B x C x T x h x w to 2h x 2w: each value at its place of `peaks`, zeros elsewhere."""
    pixels = x.flatten(3), places.flatten(3)  # b c t h w -> b c t (h w)
    flat: Tensor = _Unpool.apply(*pixels)  # type: ignore[no-untyped-call]
    return torch.unflatten(flat, 3, (2 * x.shape[3], 2 * x.shape[4]))


class _Unpool(torch.autograd.Function):
    """B x C x T x n values to 4n pixels; every value has its pixel's gradient, overwritten or not.

    That gradient is the one of `nn.MaxUnpool3d`, which published networks were trained with.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, places: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(places)
        shape = (*values.shape[:3], 4 * values.shape[3])
        windows = torch.arange(values.shape[3], device=values.device).expand_as(places)
        last = torch.full(shape, -1, device=values.device)
        last = last.scatter_reduce(3, places, windows, "amax")  # no sum: its order cannot matter
        return torch.where(last < 0, 0, values.gather(3, last.clamp_min(0)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (places,) = ctx.saved_tensors
        return grad.gather(3, places), None
