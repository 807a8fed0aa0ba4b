"""Batch normalisation folded into the convolution before it, which saves passes over memory.

In evaluation mode a normalisation is an affine map of each channel, (w / s) x + (b - w m / s), and
so is its composition with a convolution (`torch.nn.utils.fusion`).
"""

from __future__ import annotations

import copy
import itertools
from typing import TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from avrsp.models.layers.domainnorm import DomainNorm

Network = TypeVar("Network", bound=nn.Module)


def folded(network: Network) -> Network:
    """Return a copy for evaluation, with each normalisation in an `nn.Sequential` folded.

    Only one that directly follows a convolution there is folded. The copy's maps are equal to
    rounding; its tensors are no longer those of a checkpoint, and it cannot be trained.
    """
    copied = copy.deepcopy(network).eval()
    for part in copied.modules():
        if isinstance(part, nn.Sequential):
            _fold(part)
    return copied


def _fold(part: nn.Sequential) -> None:
    names = list(part._modules)
    for first, second in itertools.pairwise(names):
        conv, norm = part.get_submodule(first), part.get_submodule(second)
        if isinstance(norm, DomainNorm):
            norm = norm.selected
        if isinstance(conv, nn.Conv2d | nn.Conv3d) and isinstance(norm, _BatchNorm):
            setattr(part, first, fuse_conv_bn_eval(conv, norm))
            setattr(part, second, nn.Identity())
