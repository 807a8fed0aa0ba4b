"""From stored frames to a network's input."""

from __future__ import annotations

import torch
from torch import Tensor

Colour = tuple[float, float, float]


def normalised(frames: Tensor, mean: Colour, std: Colour, dtype: torch.dtype) -> Tensor:
    """Scale uint8 frames, B x 3 x T x H x W, to [0, 1], subtract `mean` and divide by `std`."""
    offset, scale = (
        torch.tensor(each, dtype=dtype, device=frames.device).view(3, 1, 1, 1)
        for each in (mean, std)
    )
    return (frames.to(dtype) / 255 - offset) / scale
