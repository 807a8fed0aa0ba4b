"""The metrics on tensors: `(..., H, W)` maps to `(...)` scores; `avrsp.metrics` documents them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from avrsp.metrics.fixations import (
    PLANE,
    Counts,
    Fixations,
    Maps,
    Places,
    Thresholds,
    at_or_above,
    comparable,
    locate,
    thresholds,
)
from avrsp.metrics.moments import (
    EPSILON,
    Ends,
    Moments,
    Scores,
    compared,
    correlation,
    divisor,
    ends,
    exact,
    information,
    inner,
    intersection,
    lift,
    mean_at,
    raised,
    unless_empty,
)

__all__ = [
    "PLANE",
    "auc_judd",
    "auc_shuffled",
    "cc",
    "ig",
    "kl",
    "nss",
    "pieces",
    "sim",
    "together",
]

Baseline: TypeAlias = Float[Tensor, "*#batch H W"]

PIECE = 1 << 18
"""Pixels that a CPU works on at a time."""


def kl(pred: Maps, density: Maps, *, epsilon: float = EPSILON) -> Scores:
    """Kullback-Leibler divergence of the prediction from the density (equation 16), in nats."""
    p, g = _distribution(pred), _distribution(density)
    return inner(g, (g + epsilon).div_(p.add_(epsilon)).log_())


def cc(pred: Maps, density: Maps) -> Scores:
    """Linear correlation of the two maps (equation 17); 0 where either map is constant."""
    (x, p), (y, g) = raised(pred), raised(density)
    return correlation(inner(x, y), p, g, _pixels(pred))


def sim(pred: Maps, density: Maps) -> Scores:
    """Intersection of the two maps as distributions (equation 18), each min-max scaled first."""
    (x, p), (y, g) = raised(pred), raised(density)
    return intersection(x, y, p, g)


def nss(pred: Maps, fixations: Fixations) -> Scores:
    """Mean of the prediction at the fixated pixels, in standard deviations from its mean."""
    return lift(pred, raised(pred)[1], locate(pred, fixations))


def ig(pred: Maps, fixations: Fixations, baseline: Baseline) -> Scores:
    """Information gain over `baseline` at the fixated pixels, in bits a fixation."""
    places, own = locate(pred, fixations), raised(pred)[1]
    gain = information(pred, own, places) - _of_baseline(pred, baseline, places)
    return unless_empty(*mean_at(gain, places, own.total))


def auc_judd(pred: Maps, fixations: Fixations) -> Scores:
    """Area under the ROC curve with a threshold at each fixated value (Judd et al. 2009).

    Fixated pixels are the positives and all others the negatives. Both rates count the pixels at
    or above the threshold, so a tie earns half, which is what jitter gives it on average.
    """
    values, own = comparable(pred), ends(pred)
    limits, fixated = thresholds(values, locate(pred, fixations))
    return _roc_area(limits, fixated, at_or_above(values, limits, *own), own, _pixels(pred))


def together(pred: Maps, density: Maps, fixations: Fixations) -> dict[str, Scores]:
    """Score maps n x H x W by `cc`, `sim`, `nss` and `auc_judd`; what these share is made once."""
    places, pixels, cut = locate(pred, fixations), _pixels(pred), pieces(pred)
    limits, fixated = thresholds(comparable(pred), places)
    rows = torch.split(limits, [len(piece) for piece in cut])
    parts = [_compared(*piece) for piece in zip(cut, pieces(density), rows, strict=True)]
    above, *rest = (torch.cat(each) for each in zip(*parts, strict=True))
    own, p, g = Ends(*rest[:2]), Moments(*rest[2:6]), Moments(*rest[6:10])
    product, overlap = rest[10:]
    return {
        "cc": correlation(product, p, g, pixels),
        "sim": overlap,
        "nss": lift(pred, p, places),
        "auc_judd": _roc_area(limits, fixated, above, own, pixels),
    }


def pieces(maps: Maps) -> Sequence[Tensor]:
    """Split maps n x H x W so that on a CPU what is computed between stays in its cache."""
    return torch.split(maps, len(maps) if maps.is_cuda else max(1, PIECE // _pixels(maps)))


def auc_shuffled(pred: Maps, fixations: Fixations, others: Fixations) -> Scores:
    """Probability that a fixated pixel outscores one of `others`, a tie counting half.

    `others` are fixations of other frames. The MIT code averages over 100 random draws from them;
    this is the value that such draws estimate.
    """
    values = comparable(pred)
    positives, fixated = thresholds(values, locate(pred, fixations))
    negatives, drawn = thresholds(values, locate(pred, others))
    below = torch.searchsorted(negatives, positives).double()
    wins = (below + torch.searchsorted(negatives, positives, right=True)) / 2
    real = torch.arange(positives.shape[-1], device=pred.device) < fixated
    pairs = (fixated * drawn).reshape(pred.shape[:-2]) * _ordered(ends(pred))
    return unless_empty((wins * real).sum(-1).reshape(pairs.shape) / pairs, pairs)


def _of_baseline(pred: Maps, baseline: Baseline, places: Places) -> Tensor:
    """Return the information of the baseline, broadcast to `pred`, at each place."""
    if baseline.shape[:-2].numel() > 1:
        maps = baseline.expand_as(pred)
        return information(maps, raised(maps)[1], places)
    only = Places(places.pixel % _pixels(baseline), torch.zeros_like(places.frame))
    return information(baseline, raised(baseline)[1], only)


def _pixels(maps: Maps) -> int:
    return maps.shape[-2] * maps.shape[-1]


def _compared(pred: Maps, density: Maps, limits: Thresholds) -> tuple[Tensor, ...]:
    """Return the counts of `at_or_above`, the ends of the predictions, and their comparison."""
    own = ends(pred)
    p, g, product, overlap = compared(pred, density, own, ends(density))
    return at_or_above(comparable(pred), limits, *own), *own, *p, *g, product, overlap


def _roc_area(limits: Thresholds, fixated: Tensor, above: Counts, own: Ends, pixels: int) -> Scores:
    """Return the area below a curve through the rates at each row's limits."""
    hits = fixated - torch.searchsorted(limits, limits)
    others = (pixels - fixated).clamp_min(1)
    first = torch.zeros_like(fixated, dtype=torch.float64)
    x = torch.cat([first, ((above - hits).double() / others).flip(-1), first + 1], -1)
    y = torch.cat([first, (hits.double() / fixated).flip(-1), first + 1], -1)
    known = fixated.reshape(own.high.shape) * _ordered(own)
    return unless_empty(torch.trapezoid(y, x).reshape(known.shape), known)


def _ordered(own: Ends) -> Tensor:
    """Say of which maps no value is NaN."""
    return ~own.high.isnan()


def _distribution(maps: Maps) -> Tensor:
    """Return each map divided by its sum; a map of zeros stays zero."""
    values = exact(maps)
    return values.div_(divisor(values.sum((-2, -1)))[..., None, None])
