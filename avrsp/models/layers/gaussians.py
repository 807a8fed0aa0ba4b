"""Learned Gaussian maps, and a large convolution that starts as one.

The maps say where people look whatever the image shows, such as its centre: Cornia, Baraldi, Serra
and Cucchiara, "A Deep Multi-Level Network for Saliency Prediction", ICPR 2016. The convolution is
of a map that was enlarged by repeating its pixels, and is done without enlarging it.
"""

from __future__ import annotations

import itertools
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

COUNT: Final = 16


def gaussian(size: int, mean: Tensor, log_deviation: Tensor) -> Tensor:
    """Return exp(-((u - mean) / deviation)^2 / 2), ... x size, at places u from 0 to 1."""
    places = torch.linspace(0, 1, size, dtype=mean.dtype, device=mean.device)
    distance = (places - mean[..., None]) / log_deviation[..., None].exp()
    return torch.exp(-(distance**2) / 2)


def prior_maps(parameters: Tensor, height: int, width: int) -> Tensor:
    """Return the maps, 16 x height x width, of parameters laid out as in `first_priors`."""
    (y, x), (y_deviation, x_deviation) = (each.unbind(1) for each in parameters.unbind(2))
    return gaussian(height, y, y_deviation)[:, :, None] * gaussian(width, x, x_deviation)[:, None]


def first_priors() -> Tensor:
    """Return means and log-deviations (last axis) along y and x (middle axis), 16 x 2 x 2.

    Nine spots on a grid, three wide columns, three wide rows and one over all: read off UNISAL's
    published weights, where decay has drawn all of them by one factor towards zero.
    """
    spots = [(place, -1.5) for place in (0.25, 0.5, 0.75)]
    wide = [(0.5, 0.0)]
    axes = ((spots, spots), (wide, spots), (spots, wide), (wide, wide))
    return torch.tensor([pair for y, x in axes for pair in itertools.product(y, x)])


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
