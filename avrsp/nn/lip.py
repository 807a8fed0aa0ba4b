"""Local importance pooling along time (D2).

Gao, Wang and Wu, "LIP: Local Importance-based Pooling", ICCV 2019; there in space, here in time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avrsp.nn.conv import pointwise


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
