"""The fusions of Table V without attention: the mean sound joins every visual token alike (D11).

Each takes visual tokens B x N x D, audio tokens B x M x D and `has_sound` (B bool), and returns
visual tokens, those of a clip without sound unchanged (D12).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avrsp.nn.conv import scaled


class Simple(nn.Module):
    """Join each visual token with the mean audio token."""

    def forward(self, visual: Tensor, audio: Tensor, has_sound: Tensor) -> Tensor:
        """Return fused visual tokens, B x N x D."""
        joined = self.join(visual, audio.mean(dim=1, keepdim=True))
        return torch.where(has_sound[:, None, None], joined, visual)

    def join(self, visual: Tensor, sound: Tensor) -> Tensor:
        """Map visual tokens B x N x D and one sound token B x 1 x D to B x N x D."""
        raise NotImplementedError


class Add(Simple):
    """Element-wise addition."""

    def join(self, visual: Tensor, sound: Tensor) -> Tensor:
        """Return visual + sound."""
        return visual + sound


class Mul(Simple):
    """Element-wise multiplication."""

    def join(self, visual: Tensor, sound: Tensor) -> Tensor:
        """Return visual * sound."""
        return visual * sound


class Concat(Simple):
    """Concatenation of channels, mapped back to D."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(2 * dim, dim)

    def join(self, visual: Tensor, sound: Tensor) -> Tensor:
        """Return W [visual, sound] + b."""
        joined: Tensor = self.reduce(torch.cat([visual, sound.expand_as(visual)], dim=-1))
        return joined


class Bilinear(Simple):
    """A bilinear form between both modalities, each reduced to an eighth of its channels first."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        rank = scaled(dim, 1 / 8)
        self.visual = nn.Linear(dim, rank)
        self.audio = nn.Linear(dim, rank)
        self.form = nn.Bilinear(rank, rank, dim)

    def join(self, visual: Tensor, sound: Tensor) -> Tensor:
        """Return visual' W sound + b for each output channel."""
        left, right = self.visual(visual), self.audio(sound)
        # The sound is one token a clip: apply it to the form first, then a matrix is left.
        matrix = torch.einsum("oij,bmj->boi", self.form.weight, right)
        return torch.einsum("bni,boi->bno", left, matrix) + self.form.bias
