"""Batch normalisation with statistics and an affine map of its own for each source of data.

Chang, You, Seo, Kwak and Han, "Domain-Specific Batch Normalization for Unsupervised Domain
Adaptation", CVPR 2019.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


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
