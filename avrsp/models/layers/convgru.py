"""A recurrent layer over feature maps: a gated recurrent unit whose products are convolutions.

Ballas, Yao, Pal and Courville, "Delving Deeper into Convolutional Networks for Learning Video
Representations", ICLR 2016; separable convolutions, normalisations and factors as in UNISAL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]
"""Returns a normalisation of so many channels."""

GATES: Final = ("r", "z", "h")
"""Reset gate, update gate, and the candidate for the new state."""


class SeparableConv2d(nn.Sequential):
    """A depthwise 3 x 3 convolution, a normalisation, ReLU6, and a 1 x 1 convolution."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        depthwise = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False)
        self.add_module("conv_dw", depthwise)
        self.add_module("sep_bn", norm(channels))
        self.add_module("relu", nn.ReLU6(inplace=True))
        self.add_module("conv_sep", nn.Conv2d(channels, channels, 1, bias=False))


class ConvGRUCell(nn.Module):
    """One step: r = s(Wr x + Ur h + br), z = s(Wz x + Uz h + bz), n = tanh(W x + r U h + bh).

    The new state is (1 - z) h + z n. Each product W x and U h is a separable convolution, then a
    normalisation, then a factor for each channel. In training, `drop_mask_1` scales the channels
    of h that enter the three products, by zero or by 1 / (1 - dropout).
    """

    def __init__(self, channels: int, norm: Norm, *, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        for gate in GATES:
            for kind, source in (("w", "x"), ("u", "h")):
                self.add_module(_product(kind, gate), SeparableConv2d(channels, norm))
                self.add_module(_norm(gate, source), norm(channels))
                factor = nn.Parameter(torch.ones(channels, 1, 1))
                self.register_parameter(f"a_{gate}_{source}", factor)
            self.register_parameter(f"b_{gate}", nn.Parameter(torch.zeros(channels, 1, 1)))
        self.drop_mask_1: Tensor
        self.register_buffer("drop_mask_1", torch.ones(len(GATES), channels))

    def redraw_mask(self) -> None:
        """Draw which channels of the state each product drops until the next call."""
        self.drop_mask_1 = F.dropout(torch.ones_like(self.drop_mask_1), self.dropout)

    def project(self, x: Tensor) -> Tensor:
        """Map the input B x C x H x W to its products and biases, B x 3 x C x H x W."""
        products = [self._of_input(gate, x) for gate in GATES]
        return torch.stack(products, dim=1)

    def forward(self, projected: Tensor, state: Tensor) -> Tensor:
        """Return the new state B x C x H x W from what `project` returns and the last state."""
        seen = [state] * len(GATES)
        if self.training:
            seen = [state * mask[:, None, None] for mask in self.drop_mask_1]
        r, z, h = (self._of_state(*each) for each in zip(GATES, seen, strict=True))
        reset = torch.sigmoid(projected[:, 0] + r)
        update = torch.sigmoid(projected[:, 1] + z)
        candidate = torch.tanh(projected[:, 2] + reset * h)
        return (1 - update) * state + update * candidate

    def _of_input(self, gate: str, x: Tensor) -> Tensor:
        bias: Tensor = self.get_parameter(f"b_{gate}")
        return self._scaled(gate, "x", self.get_submodule(_product("w", gate))(x)) + bias

    def _of_state(self, gate: str, state: Tensor) -> Tensor:
        return self._scaled(gate, "h", self.get_submodule(_product("u", gate))(state))

    def _scaled(self, gate: str, source: str, product: Tensor) -> Tensor:
        normalised: Tensor = self.get_submodule(_norm(gate, source))(product)
        return self.get_parameter(f"a_{gate}_{source}") * normalised


class ConvGRU(nn.Module):
    """One cell, `cell_list.0`, applied along a sequence."""

    def __init__(self, channels: int, norm: Norm, *, dropout: float) -> None:
        super().__init__()
        self.cell_list = nn.ModuleList([ConvGRUCell(channels, norm, dropout=dropout)])

    @property
    def cell(self) -> ConvGRUCell:
        """Return the cell."""
        (cell,) = self.cell_list
        assert isinstance(cell, ConvGRUCell)
        return cell

    def forward(self, projected: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the states B x T x C x H x W after each step, and the last one.

        `projected` is B x T x 3 x C x H x W, what the cell's `project` makes of each input.
        `state` is what an earlier part of the sequence ended with; None starts one, from zeros.
        """
        if state is None:
            state = torch.zeros_like(projected[:, 0, 0])
            if self.training:
                self.cell.redraw_mask()
        states = []
        for step in projected.unbind(1):
            state = self.cell(step, state)
            states.append(state)
        return torch.stack(states, dim=1), state


def _product(kind: str, gate: str) -> str:
    return kind if gate == "h" else f"{kind}_{gate}"


def _norm(gate: str, source: str) -> str:
    return f"norm_{'out' if gate == 'h' else gate}_{source}"
