"""Saliency metrics: `(..., H, W)` maps to `(...)` scores, no reduction, no device, no logging.

Definitions are those of the MIT benchmark's code (cvzoya/saliency) without its random jitter:
NSS divides by the N-1 deviation, SIM compares maps that are min-max scaled before their sums are
made one, KL uses that code's epsilon. All but the AUCs are computed in float64 and have finite
gradients everywhere; the AUCs compare values in the prediction's own type.

A map without structure is chance and no error: a constant prediction scores CC 0, NSS 0 and AUC
0.5, and stands for the uniform distribution in KL, SIM and IG. A map of zeros has no distribution
and stays zero, as in the MIT code. Without a fixation, NSS, IG and the AUCs are NaN.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from avrsp.fixations import Fixations, Maps, at_or_above, comparable, locate, thresholds

Scores: TypeAlias = Float[Tensor, "*batch"]
Baseline: TypeAlias = Float[Tensor, "*#batch H W"]

EPSILON = 2.2204e-16
"""MATLAB's eps, which keeps the logarithms of the MIT code finite."""

ROUNDING = 1e-13
"""How far a map of one value strays from its own float64 mean, relative to that mean."""

SMALLEST = 1e-19
"""Sums, ranges and deviations up to this are zero; above it, gradients are finite in float32."""


def kl(pred: Maps, density: Maps, *, epsilon: float = EPSILON) -> Scores:
    """Kullback-Leibler divergence of the prediction from the density (equation 16), in nats."""
    p, g = _distribution(pred.double()), _distribution(density.double())
    return (g * torch.log((epsilon + g) / (epsilon + p))).sum((-2, -1))


def cc(pred: Maps, density: Maps) -> Scores:
    """Linear correlation of the two maps (equation 17); 0 where either map is constant."""
    p, p_norm, p_flat = _centred(pred)
    g, g_norm, g_flat = _centred(density)
    score = (p * g).sum((-2, -1)) / (p_norm * g_norm)
    return torch.where(p_flat | g_flat, 0.0, score)


def sim(pred: Maps, density: Maps) -> Scores:
    """Intersection of the two maps as distributions (equation 18), each min-max scaled first."""
    return torch.minimum(_stretched(pred), _stretched(density)).sum((-2, -1))


def nss(pred: Maps, fixations: Fixations) -> Scores:
    """Mean of the prediction at the fixated pixels, in standard deviations from its mean."""
    centred, norm, flat = _centred(pred)
    lift, count = _mean_at(centred, *locate(pred, fixations))
    deviation = norm / math.sqrt(pred.shape[-2] * pred.shape[-1] - 1)
    return _unless_empty(torch.where(flat, 0.0, lift / deviation), count)


def ig(pred: Maps, fixations: Fixations, baseline: Baseline) -> Scores:
    """Information gain over `baseline` at the fixated pixels, in bits a fixation."""
    gain = torch.log2(EPSILON + _stretched(pred)) - torch.log2(EPSILON + _stretched(baseline))
    return _unless_empty(*_mean_at(gain, *locate(pred, fixations)))


def auc_judd(pred: Maps, fixations: Fixations) -> Scores:
    """Area under the ROC curve with a threshold at each fixated value (Judd et al. 2009).

    Fixated pixels are the positives and all others the negatives. Both rates count the pixels at
    or above the threshold, so a tie earns half, which is what jitter gives it on average.
    """
    values = comparable(pred)
    limits, fixated = thresholds(values, *locate(pred, fixations))
    hits = fixated - torch.searchsorted(limits, limits)
    false_alarms = at_or_above(values, limits) - hits
    others = (values.shape[-1] - fixated).clamp_min(1)
    first = torch.zeros_like(fixated, dtype=torch.float64)
    x = torch.cat([first, (false_alarms.double() / others).flip(-1), first + 1], -1)
    y = torch.cat([first, (hits.double() / fixated).flip(-1), first + 1], -1)
    return _unless_empty(torch.trapezoid(y, x), fixated.squeeze(-1)).reshape(pred.shape[:-2])


def auc_shuffled(pred: Maps, fixations: Fixations, others: Fixations) -> Scores:
    """Probability that a fixated pixel outscores one of `others`, a tie counting half.

    `others` are fixations of other frames. The MIT code averages over 100 random draws from them;
    this is the value that such draws estimate.
    """
    values = comparable(pred)
    positives, fixated = thresholds(values, *locate(pred, fixations))
    negatives, compared = thresholds(values, *locate(pred, others))
    below = torch.searchsorted(negatives, positives).double()
    wins = (below + torch.searchsorted(negatives, positives, right=True)) / 2
    real = torch.arange(positives.shape[-1], device=pred.device) < fixated
    pairs = fixated * compared
    area = (wins * real).sum(-1, keepdim=True) / pairs
    return _unless_empty(area, pairs).reshape(pred.shape[:-2])


def _exact(maps: Tensor) -> Tensor:
    """Return a float64 copy to be changed in place: fresh memory costs more than arithmetic."""
    return maps.to(torch.float64, copy=True)


def _distribution(maps: Tensor) -> Tensor:
    """Divide each map by its sum; a map of zeros stays zero."""
    total = maps.sum((-2, -1), keepdim=True)
    return maps / torch.where(total > SMALLEST, total, 1.0)


def _stretched(maps: Tensor) -> Tensor:
    """Return each map, its minimum subtracted, as a distribution.

    The division by the range that min-max scaling asks for cancels in the one by the sum. From a
    constant map nothing is subtracted.
    """
    low, high = (end((-2, -1), keepdim=True).double() for end in (maps.amin, maps.amax))
    raised = _exact(maps).sub_(torch.where(high - low > SMALLEST, low, 0.0))
    return _distribution(raised)


def _centred(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return maps less their means, the norms of these, and which maps are constant.

    The norm of a constant map is given as 1: a quotient by it has a finite gradient.
    """
    maps = _exact(maps)
    mean = maps.mean((-2, -1), keepdim=True)
    stray = (ROUNDING * mean.detach().abs()).clamp_min(SMALLEST).squeeze((-2, -1))
    centred = maps.sub_(mean)
    norm = torch.linalg.vector_norm(centred, dim=(-2, -1))
    flat = norm <= stray * math.sqrt(maps.shape[-2] * maps.shape[-1])
    return centred, torch.where(flat, 1.0, norm), flat


def _mean_at(maps: Tensor, pixel: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
    """Return each map's mean over its located pixels, and how many those are."""
    shape = maps.shape[:-2]
    total = maps.new_zeros(shape.numel()).index_add(0, frame, maps.flatten()[pixel])
    count = torch.bincount(frame, minlength=shape.numel())
    return (total / count.clamp_min(1)).reshape(shape), count.reshape(shape)


def _unless_empty(score: Tensor, count: Tensor) -> Tensor:
    return torch.where(count > 0, score, torch.nan)
