"""The training loss: a weighted mean of metrics, the same functions that evaluation reports."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from avrsp.metrics import cc, kl, sim
from avrsp.metrics.fixations import Maps
from avrsp.params import LossParams

EPSILON = torch.finfo(torch.float32).eps
"""KL's epsilon in training: float32's own (1.2e-7), where the metric has float64's (2.2e-16).

It bounds the gradient at a pixel that is predicted as zero and fixated by 8.4e6 times its density.
"""


def saliency_loss(pred: Maps, density: Maps, weights: LossParams) -> Float[Tensor, ""]:
    """Equation 19, averaged over the batch; `weights.cc` and `weights.sim` are negative rewards."""
    terms = (
        weights.kl * kl(pred, density, epsilon=EPSILON)
        + weights.cc * cc(pred, density)
        + weights.sim * sim(pred, density)
    )
    return terms.mean().to(torch.promote_types(pred.dtype, torch.float32))
