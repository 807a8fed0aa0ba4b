"""The numbers of a map that CC, SIM, NSS and IG share, and the formula of each metric from them."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from avrsp.metrics.fixations import Maps, Places

Scores: TypeAlias = Float[Tensor, "*batch"]
Exact: TypeAlias = Float[Tensor, "*batch H W"]

EPSILON = 2.2204e-16
"""MATLAB's eps, which keeps the logarithms of the MIT code finite."""

SMALLEST = 1e-19
"""Sums and ranges up to this are zero; above it, gradients are finite in float32."""


class Moments(NamedTuple):
    """What is kept of each map, in float64.

    Attributes:
        base: Its minimum; 0 for a constant map.
        total: Sum of its values, the base subtracted.
        squares: Sum of their squares.
        flat: Whether it is constant.
    """

    base: Scores
    total: Scores
    squares: Scores
    flat: Bool[Tensor, "*batch"]


def raised(maps: Maps) -> tuple[Exact, Moments]:
    """Return each map less its base, and its moments."""
    low, high = maps.amin((-2, -1)).double(), maps.amax((-2, -1)).double()
    flat = high - low <= SMALLEST
    base = torch.where(flat, 0.0, low)
    values = exact(maps).sub_(base[..., None, None])
    return values, Moments(base, values.sum((-2, -1)), inner(values, values), flat)


def exact(maps: Maps) -> Exact:
    """Return a float64 copy to be changed in place: fresh memory costs more than arithmetic."""
    return maps.to(torch.float64, copy=True)


def inner(x: Exact, y: Exact) -> Scores:
    """Return the sum of the products of two maps' values."""
    batch = x.shape[:-2]
    at_once = x.is_cuda or x.requires_grad or y.requires_grad or not batch.numel()
    if at_once and batch.numel() != 1:
        return (x * y).sum((-2, -1))
    # BLAS needs no memory for the products: several times faster
    pairs = zip(x.reshape(batch.numel(), -1), y.reshape(batch.numel(), -1), strict=True)
    return torch.stack([torch.dot(*pair) for pair in pairs]).reshape(batch)


def divisor(total: Scores) -> Scores:
    """Return what makes each map a distribution: its sum, or 1 for a map of zeros."""
    return torch.where(total > SMALLEST, total, 1.0)


def correlation(product: Scores, p: Moments, g: Moments, pixels: int) -> Scores:
    """Return CC from the inner product of two raised maps of so many pixels."""
    score = (product - p.total * g.total / pixels) / (_norm(p, pixels) * _norm(g, pixels))
    return torch.where(p.flat | g.flat, 0.0, score)


def intersection(x: Exact, y: Exact, p: Moments, g: Moments) -> Scores:
    """Return SIM of two raised maps: the sum of the smaller of the two distributions.

    The division by the range that min-max scaling asks for cancels in the one by the sum. Unless
    a gradient is wanted, `y` is overwritten.
    """
    own, other = divisor(p.total), divisor(g.total)
    scale = (own / other)[..., None, None]
    scaled = y * scale if x.requires_grad or y.requires_grad else y.mul_(scale)
    return scaled.clamp_(max=x).sum((-2, -1)) / own


def lift(maps: Maps, p: Moments, places: Places) -> Scores:
    """Return NSS: the mean over the places in N-1 deviations from the map's mean."""
    pixels = maps.shape[-2] * maps.shape[-1]
    mean, count = mean_at(_picked(maps, p, places), places, p.total)
    score = (mean - p.total / pixels) * (math.sqrt(pixels - 1) / _norm(p, pixels))
    return unless_empty(torch.where(p.flat, 0.0, score), count)


def information(maps: Maps, p: Moments, places: Places) -> Tensor:
    """Return log2 of the map as a distribution, at each place."""
    share = _picked(maps, p, places) / divisor(p.total).flatten()[places.frame]
    return torch.log2(EPSILON + share)


def unless_empty(scores: Tensor, count: Tensor) -> Tensor:
    """Return the scores, NaN where nothing was counted."""
    return torch.where(count > 0, scores, torch.nan)


def _norm(p: Moments, pixels: int) -> Scores:
    """Return the norm of each map about its mean; 1 for a constant one, to be divided by.

    As one of the values is 0, their squares about the mean sum to at least the mean's square: what
    cancels here costs n float64 steps at most.
    """
    return torch.where(p.flat, 1.0, p.squares - p.total**2 / pixels).sqrt()


def _picked(maps: Maps, p: Moments, places: Places) -> Tensor:
    return maps.flatten()[places.pixel].double() - p.base.flatten()[places.frame]


def mean_at(values: Tensor, places: Places, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of the values at each map's places, and how many those are, as `like`."""
    total = like.new_zeros(like.numel()).index_add(0, places.frame, values)
    count = torch.bincount(places.frame, minlength=like.numel())
    return (total / count.clamp_min(1)).reshape(like.shape), count.reshape(like.shape)
