"""A large convolution of a map that was enlarged by repeating its pixels, without enlarging it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def enlarged_and_smoothed(x: Tensor, kernel: Tensor, factor: int) -> Tensor:
    """Enlarge B x 1 x h x w by `factor`, nearest neighbour, and convolve it, its edges repeated.

    `kernel` is 1 x 1 x k x k, k odd. The enlarged map is blocks of equal values, so each of the
    `factor`^2 places in a block needs only the sums of the kernel over the blocks that it sees: for
    factor 8 and k = 41, 7 x 7 products a pixel in place of 41 x 41, with the same result.
    """
    size = kernel.shape[-1]
    place = torch.arange(factor, device=x.device)
    tap = torch.arange(-(size // 2), size // 2 + 1, device=x.device)
    reach = -(-(size // 2) // factor)
    block = (place[:, None] + tap).div(factor, rounding_mode="floor") + reach
    seen = F.one_hot(block, 2 * reach + 1).to(kernel.dtype)  # place x tap x block
    rows = torch.einsum("puk,uv->pkv", seen, kernel[0, 0])
    sums = torch.einsum("qvl,pkv->pqkl", seen, rows)
    padded = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    return F.pixel_shuffle(F.conv2d(padded, sums.flatten(0, 1)[:, None]), factor)
