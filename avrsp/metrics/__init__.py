"""Saliency metrics: `(..., H, W)` maps to `(...)` scores, of Torch tensors or NumPy arrays.

Each function returns the kind that it is given. Tensors stay on their device and keep gradients;
arrays may have any real type. There is no reduction: average as your protocol says.

Definitions are those of the MIT benchmark's code (cvzoya/saliency) without its random jitter:
NSS divides by the N-1 deviation, SIM compares maps that are min-max scaled before their sums are
made one, KL uses that code's epsilon. All but the AUCs are computed in float64 and have finite
gradients everywhere; the AUCs compare values in the prediction's own type.

A map without structure is chance and no error: a constant prediction scores CC 0, NSS 0 and AUC
0.5, and stands for the uniform distribution in KL, SIM and IG. A map of zeros has no distribution
and stays zero, as in the MIT code. Without a fixation, NSS, IG and the AUCs are NaN.

Fixations are masks of the maps' shape, in which what is not 0 is fixated, or a list of integers
m x 3 (row, col, frame), frames counted through the leading axes; of one map also m x 2 (row, col).
A pixel that is listed twice counts once.

Example:
    >>> import numpy as np
    >>> from avrsp import metrics
    >>> pred = np.array([[0.0, 1.0], [2.0, 5.0]])
    >>> density = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> round(float(metrics.cc(pred, density)), 4)
    0.8018
    >>> float(metrics.auc_judd(pred, np.array([[1, 1]])))
    1.0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avrsp.metrics import definitions
from avrsp.metrics.moments import EPSILON

__all__ = ["auc_judd", "auc_shuffled", "cc", "ig", "kl", "nss", "sim"]

Array: TypeAlias = NDArray[Any]
Kind = TypeVar("Kind", Tensor, Array)
"""A Torch tensor or a NumPy array, the same in all arguments and in the result."""


def kl(pred: Kind, density: Kind, *, epsilon: float = EPSILON) -> Kind:
    """Kullback-Leibler divergence of the prediction from the density (equation 16), in nats.

    Args:
        pred: Maps (..., H, W), whose sums are made one.
        density: Likewise.
        epsilon: Added in the quotient, to keep the logarithm finite.

    Returns:
        Scores (...), 0 at best.

    Raises:
        TypeError: The arguments are not of one kind.
        ValueError: The maps differ in size.

    Example:
        >>> import torch
        >>> float(kl(torch.ones(4, 4), torch.ones(4, 4)))
        0.0
    """
    return _compared(definitions.kl, pred, density, epsilon=epsilon)


def cc(pred: Kind, density: Kind) -> Kind:
    """Linear correlation of the two maps (equation 17); 0 where either map is constant.

    Args:
        pred: Maps (..., H, W).
        density: Likewise.

    Returns:
        Scores (...) in [-1, 1].

    Raises:
        TypeError: The arguments are not of one kind.
        ValueError: The maps differ in size.
    """
    return _compared(definitions.cc, pred, density)


def sim(pred: Kind, density: Kind) -> Kind:
    """Intersection of the two maps as distributions (equation 18), each min-max scaled first.

    Args:
        pred: Maps (..., H, W).
        density: Likewise.

    Returns:
        Scores (...) in [0, 1].

    Raises:
        TypeError: The arguments are not of one kind.
        ValueError: The maps differ in size.

    Example:
        >>> float(sim(np.array([[0.0, 1.0], [2.0, 5.0]]), np.array([[0.0, 0.0], [1.0, 1.0]])))
        0.75
    """
    return _compared(definitions.sim, pred, density)


def nss(pred: Kind, fixations: Kind) -> Kind:
    """Mean of the prediction at the fixated pixels, in standard deviations from its mean.

    Args:
        pred: Maps (..., H, W).
        fixations: Masks, or a list; see the module.

    Returns:
        Scores (...); NaN without a fixation.

    Raises:
        TypeError: The arguments are not of one kind.
        ValueError: A listed fixation lies outside the maps, or the masks have another shape.
    """
    return _placed(definitions.nss, pred, fixations)


def ig(pred: Kind, fixations: Kind, baseline: Kind) -> Kind:
    """Information gain over `baseline` at the fixated pixels, in bits a fixation.

    Args:
        pred: Maps (..., H, W).
        fixations: Masks, or a list; see the module.
        baseline: Maps of the same size, such as a centre prior; leading axes are broadcast.

    Returns:
        Scores (...); NaN without a fixation.

    Raises:
        TypeError: The arguments are not of one kind.
        ValueError: A listed fixation lies outside the maps, or shapes do not fit.
    """
    _check_sizes(pred, baseline)
    return _placed(definitions.ig, pred, fixations, maps=(baseline,))


def auc_judd(pred: Kind, fixations: Kind) -> Kind:
    """Area under the ROC curve with a threshold at each fixated value (Judd et al. 2009).

    Fixated pixels are the positives and all others the negatives. Both rates count the pixels at
    or above the threshold, so a tie earns half, which is what jitter gives it on average.

    Args:
        pred: Maps (..., H, W).
        fixations: Masks, or a list; see the module.

    Returns:
        Scores (...) in [0, 1]; NaN without a fixation.

    Raises:
        TypeError: The arguments are not of one kind.
        ValueError: A listed fixation lies outside the maps, or the masks have another shape.

    Example:
        >>> auc_judd(np.eye(3), np.eye(3, dtype=bool)).item()
        1.0
    """
    return _placed(definitions.auc_judd, pred, fixations)


def auc_shuffled(pred: Kind, fixations: Kind, others: Kind) -> Kind:
    """Probability that a fixated pixel outscores one of `others`, a tie counting half.

    The MIT code averages over 100 random draws from the others; this is the value that such draws
    estimate.

    Args:
        pred: Maps (..., H, W).
        fixations: Masks, or a list; see the module.
        others: Fixations of other frames, in the same form.

    Returns:
        Scores (...) in [0, 1]; NaN without a fixation or without others.

    Raises:
        TypeError: The arguments are not of one kind.
        ValueError: A listed fixation lies outside the maps, or the masks have another shape.
    """
    return _placed(definitions.auc_shuffled, pred, fixations, others)


def _compared(metric: Callable[..., Tensor], pred: Kind, density: Kind, **options: float) -> Kind:
    _check_sizes(pred, density)
    if isinstance(pred, Tensor):
        return metric(pred, density, **options)
    return metric(_maps(pred), _maps(density), **options).numpy()


def _placed(
    metric: Callable[..., Tensor], pred: Kind, *fixations: Kind, maps: tuple[Kind, ...] = ()
) -> Kind:
    _check_kinds(pred, *fixations, *maps)
    for each in fixations:
        _check_fixations(pred, each)
    if isinstance(pred, Tensor):
        return metric(pred, *fixations, *maps)
    found = metric(_maps(pred), *map(_fixations, fixations), *map(_maps, maps))
    return found.numpy()


def _check_sizes(pred: Tensor | Array, other: Tensor | Array) -> None:
    _check_kinds(pred, other)
    if pred.shape[-2:] != other.shape[-2:] or pred.ndim < definitions.PLANE:
        shapes = f"{tuple(pred.shape)} and {tuple(other.shape)}"
        raise ValueError(f"maps of shapes {shapes}; expected (..., H, W) of one size")


def _check_kinds(*given: Tensor | Array) -> None:
    alike = all(isinstance(each, Tensor) for each in given)
    if not alike and not all(isinstance(each, np.ndarray) for each in given):
        names = ", ".join(type(each).__name__ for each in given)
        raise TypeError(f"found {names}; expected Torch tensors, or NumPy arrays, in all arguments")


def _check_fixations(pred: Tensor | Array, fixations: Tensor | Array) -> None:
    listed = fixations.ndim == definitions.PLANE and "bool" not in str(fixations.dtype)
    if not listed and tuple(fixations.shape) != tuple(pred.shape):
        shapes = f"{tuple(fixations.shape)} for maps {tuple(pred.shape)}"
        raise ValueError(f"masks of {shapes}; expected one for each map, or a list m x 3")
    if isinstance(fixations, Tensor) and fixations.is_floating_point():
        _check_whole(fixations.detach().cpu().double().numpy())


def _maps(array: Array) -> Tensor:
    """Return an array as a tensor that shares its memory where it can."""
    if array.dtype.kind not in "biuf":
        raise TypeError(f"maps of type {array.dtype}; expected real numbers")
    exact = array.dtype.kind == "f" and array.dtype.itemsize <= np.dtype(np.float64).itemsize
    return _shared(array, array.dtype.newbyteorder("=") if exact else np.dtype(np.float64))


def _fixations(array: Array) -> Tensor:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"fixations of type {array.dtype}; expected a mask or integers")
    if array.dtype.kind == "f":
        _check_whole(array)
    return _shared(array, np.dtype(bool if array.dtype.kind == "b" else np.int64))


def _check_whole(fixations: Array) -> None:
    if (fixations != np.round(fixations)).any():
        raise ValueError("fixations between pixels; expected a mask or integers")


def _shared(array: Array, dtype: np.dtype[Any]) -> Tensor:
    whole = np.require(array, dtype, ("C", "W"))
    return torch.from_numpy(whole)
