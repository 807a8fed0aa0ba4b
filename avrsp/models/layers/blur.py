"""Gaussian blur of maps whose borders are mirrored, the edge pixel repeated (scipy's `reflect`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def blurred(maps: Tensor, deviation: float, radius: int) -> Tensor:
    """Blur B x H x W by a Gaussian of `deviation` pixels that is cut off at `radius` pixels."""
    offsets = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    taps = torch.exp(-0.5 * (offsets / deviation) ** 2)
    taps = taps / taps.sum()
    rows, columns = (_mirrored(side, radius, maps.device) for side in maps.shape[-2:])
    x = F.conv2d(maps[:, None, rows], taps.view(1, 1, -1, 1))
    return F.conv2d(x[..., columns], taps.view(1, 1, 1, -1))[:, 0]


def _mirrored(side: int, radius: int, device: torch.device) -> Tensor:
    """Return which pixel each place of a padded row shows, however narrow the row is."""
    places = torch.arange(-radius, side + radius, device=device) % (2 * side)
    return torch.minimum(places, 2 * side - 1 - places)
