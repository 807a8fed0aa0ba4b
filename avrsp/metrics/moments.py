"""The numbers of a map that CC, SIM, NSS and IG share, and the formula of each metric from them."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from avrsp.metrics.fixations import Maps, Places

Scores: TypeAlias = Float[Tensor, "*batch"]
Batch: TypeAlias = Float[Tensor, "maps H W"]
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


class Ends(NamedTuple):
    """The least and the greatest value of each map, in its own type; NaN of a map that holds it."""

    low: Scores
    high: Scores


def ends(maps: Maps) -> Ends:
    """Return the ends of the maps' ranges."""
    return Ends(maps.amin((-2, -1)), maps.amax((-2, -1)))


def raised(maps: Maps, known: Ends | None = None) -> tuple[Exact, Moments]:
    """Return each map less its base, and its moments; ends that are known need not be found."""
    base, flat = _base(known or ends(maps))
    values = exact(maps).sub_(base[..., None, None])
    return values, Moments(base, values.sum((-2, -1)), inner(values, values), flat)


def _base(known: Ends) -> tuple[Scores, Bool[Tensor, "*batch"]]:
    """Return what is subtracted of each map, and whether it is constant."""
    low, high = (end.double() for end in known)
    flat = high - low <= SMALLEST
    return torch.where(flat, 0.0, low), flat


class Comparison(NamedTuple):
    """What CC and SIM are made of: the moments of two maps, their inner product, and SIM itself."""

    p: Moments
    g: Moments
    product: Scores
    overlap: Scores


def compared(pred: Batch, density: Batch, own: Ends, other: Ends) -> Comparison:
    """Compare each map with the other of its place; their ends are known.

    Raises:
        ValueError: The maps differ in size.
    """
    if pred.shape != density.shape:
        raise ValueError(f"maps {tuple(pred.shape)} and {tuple(density.shape)}; expected one size")
    single = pred.dtype == density.dtype == torch.float32
    if not single or pred.is_cuda or pred.requires_grad or density.requires_grad:
        (x, p), (y, g) = raised(pred, own), raised(density, other)
        return Comparison(p, g, inner(x, y), intersection(x, y, p, g))
    return _by_loops(pred, density, own, other)


def _by_loops(pred: Batch, density: Batch, own: Ends, other: Ends) -> Comparison:
    """Compare as `compared` does, without copies of the maps in float64: a quarter of the time."""
    from avrsp.metrics import loops  # noqa: PLC0415 - 0.3 s that only scoring needs

    (p_base, p_flat), (g_base, g_flat) = _base(own), _base(other)
    pairs = [
        (_pixels(x), _pixels(y), p, g)
        for x, y, p, g in zip(pred, density, p_base.tolist(), g_base.tolist(), strict=True)
    ]
    found = p_base.new_tensor([loops.sums(*pair) for pair in pairs]).reshape(-1, 5)
    p_total, p_squares, g_total, g_squares, product = found.unbind(-1)
    scale = (divisor(p_total) / divisor(g_total)).tolist()
    smaller = [loops.sum_of_smaller(*pair, by) for pair, by in zip(pairs, scale, strict=True)]
    return Comparison(
        Moments(p_base, p_total, p_squares, p_flat),
        Moments(g_base, g_total, g_squares, g_flat),
        product,
        p_base.new_tensor(smaller) / divisor(p_total),
    )


def _pixels(single: Tensor) -> NDArray[np.float32]:
    """Return a map's values one after the other."""
    return single.reshape(-1).contiguous().numpy()


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
