"""From stored frames to a network's input."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

Colour = tuple[float, float, float]

IMAGENET_MEAN: Final[Colour] = (0.485, 0.456, 0.406)
IMAGENET_STD: Final[Colour] = (0.229, 0.224, 0.225)
"""Of RGB in [0, 1]."""


def normalised(frames: Tensor, mean: Colour, std: Colour, dtype: torch.dtype) -> Tensor:
    """Scale uint8 frames, B x 3 x T x H x W, to [0, 1], subtract `mean` and divide by `std`."""
    offset, scale = (
        torch.tensor(each, dtype=dtype, device=frames.device).view(3, 1, 1, 1)
        for each in (mean, std)
    )
    return (frames.to(dtype) / 255 - offset) / scale
