"""Multimodal bottleneck transformer, a fusion of Table V (D11).

Nagrani et al., "Attention Bottlenecks for Multimodal Fusion", NeurIPS 2021: two streams of
tokens that meet only in a few bottleneck tokens.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from avrsp.nn.attention import Transformer

BOTTLENECK: Final = 4


class MBT(nn.Module):
    """In each block the bottleneck hears the audio stream, then speaks to the visual one.

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
        for hear, see in zip(self.audio, self.visual, strict=True):
            audio, shared = hear(torch.cat([audio, shared], dim=1)).split(
                [audio.shape[1], BOTTLENECK], dim=1
            )
            seen, shared = see(torch.cat([seen, shared], dim=1)).split(
                [seen.shape[1], BOTTLENECK], dim=1
            )
        return torch.where(has_sound[:, None, None], seen, visual)
