"""Multi-scale regulator gate (MRG), section III-C, equations 13 to 15."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from avrsp.nn.conv import enlarged, spatial


class Gate(nn.Module):
    """Weigh the channels of the fused feature by what it and the picture hold at one scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weigh = spatial(2 * channels, channels, bias=True)
        self.out = spatial(channels, channels, bias=True)
        # Gates start at one half: twice the gain keeps the fused feature's size from gate to gate.
        nn.init.normal_(self.out.weight, std=2 / math.sqrt(9 * channels))

    def forward(self, fused: Tensor, skip: Tensor) -> Tensor:
        """Map two features B x C x T x H x W of one size to F_gated of that size."""
        weight = torch.sigmoid(self.weigh(torch.cat([fused, skip], dim=1)))
        weight = weight.mean((2, 3, 4), keepdim=True)  # eq. 14
        gated: Tensor = self.out(weight * fused)  # eq. 15
        return gated


class Ungated(nn.Module):
    """Stand where a scale has no gate: the upsampled fused feature goes on as it is (D8)."""

    def forward(self, fused: Tensor, skip: Tensor) -> Tensor:
        """Return `fused`."""
        return fused


class Regulator(nn.Module):
    """Carry the fused feature from scale to scale, through gates at the `pairs` finest (D7)."""

    def __init__(self, channels: int, *, scales: int, pairs: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList([Ungated() for _ in range(scales - pairs)])
        self.gates.extend(Gate(channels) for _ in range(pairs))

    def forward(self, fused: Tensor, skips: list[Tensor]) -> list[Tensor]:
        """Map F_av at the coarsest scale, and the skips, to one fused feature a scale."""
        carried: list[Tensor] = []
        for gate, skip in zip(self.gates, skips, strict=True):
            if carried:
                fused = enlarged(fused)  # eq. 13
            fused = gate(fused, skip)
            carried.append(fused)
        return carried
