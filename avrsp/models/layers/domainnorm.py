"""Batch normalisation with statistics and an affine map of its own for each source of data.

Chang, You, Seo, Kwak and Han, "Domain-Specific Batch Normalization for Unsupervised Domain
Adaptation", CVPR 2019. In evaluation mode a normalisation is an affine map of each channel,
(w / s) x + (b - w m / s), and so is its composition with a convolution, where `folded` puts it.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


class DomainNorm(nn.Module):
    """One `nn.BatchNorm2d` a domain, named `bn_<domain>`, of which the selected one acts.

    Attributes:
        domain: The selected domain, a key of `momenta`.
    """

    def __init__(self, channels: int, momenta: Mapping[str, float], domain: str) -> None:
        super().__init__()
        for name, momentum in momenta.items():
            self.add_module(f"bn_{name}", nn.BatchNorm2d(channels, momentum=momentum))
        self.domain = domain

    @property
    def selected(self) -> nn.Module:
        """Return the normalisation of the selected domain."""
        return self.get_submodule(f"bn_{self.domain}")

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x H x W to the same shape."""
        normalised: Tensor = self.selected(x)
        return normalised


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
