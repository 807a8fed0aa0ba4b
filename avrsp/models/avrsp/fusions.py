"""The audio-visual fusions of Table V; `visual`, its first row, is the network without sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor, nn

from avrsp.models.avrsp.ravf import RAVF
from avrsp.models.layers.attention import Transformer
from avrsp.models.layers.conv import scaled
from avrsp.params import FusionName

FUSIONS: Final[Mapping[FusionName, Callable[[int, int, int], nn.Module]]] = {
    "add": lambda _dim, _heads, _blocks: Add(),
    "mul": lambda _dim, _heads, _blocks: Mul(),
    "concat": lambda dim, _heads, _blocks: Concat(dim),
    "bilinear": lambda dim, _heads, _blocks: Bilinear(dim),
    "mbt": lambda dim, heads, blocks: MBT(dim, heads=heads, blocks=blocks),
    "ravf": lambda dim, heads, blocks: RAVF(dim, heads=heads, blocks=blocks),
}
"""Makers of fusions from (token size, heads, blocks): visual and audio tokens to visual tokens."""


BOTTLENECK: Final = 4


class MBT(nn.Module):
    """In each block the bottleneck attends to the audio stream, then the visual one to it.

    The paper's alternating update: with its averaged one the last audio block would be dead weight.
    """

    def __init__(self, dim: int, *, heads: int, blocks: int) -> None:
        super().__init__()
        self.bottleneck = nn.Parameter(torch.empty(1, BOTTLENECK, dim))
        self.audio = nn.ModuleList([Transformer(dim, heads) for _ in range(blocks)])
        self.visual = nn.ModuleList([Transformer(dim, heads) for _ in range(blocks)])
        nn.init.trunc_normal_(self.bottleneck, std=0.02)

    def forward(self, visual: Tensor, audio: Tensor, has_sound: Tensor) -> Tensor:
        """Return visual tokens, B x N x D; unchanged for clips without sound (D12)."""
        seen, shared = visual, self.bottleneck.expand(len(visual), -1, -1)
        for attend, see in zip(self.audio, self.visual, strict=True):
            audio, shared = attend(torch.cat([audio, shared], dim=1)).split(
                [audio.shape[1], BOTTLENECK], dim=1
            )
            seen, shared = see(torch.cat([seen, shared], dim=1)).split(
                [seen.shape[1], BOTTLENECK], dim=1
            )
        return torch.where(has_sound[:, None, None], seen, visual)


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
