"""Relevance-guided audio-visual fusion (RAVF), section III-B, equations 1 to 7."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avrsp.models.layers.attention import FeedForward, merge_heads, split_heads


class Retention(NamedTuple):
    """How much of each modality one block retains; not normalised, zero for silent clips.

    Attributes:
        audio: Ret_A (eq. 2), B x heads x N x M: what each visual token retains of the sound.
        visual: Ret_V (eq. 3), B x heads x M x N: what each audio token retains of the picture.
    """

    audio: Tensor
    visual: Tensor


class Contribution(NamedTuple):
    """What the sound adds to the visual tokens of one block: Ret_A A_V in eq. 4, over all heads.

    Attributes:
        size: B, its norm over that of V_V.
        selectivity: B, 0 to 1: how much of its norm is left when its mean over the visual tokens
            is taken away. At 0 every position gets the same, whatever stands there.
    """

    size: Tensor
    selectivity: Tensor


class RelevanceAttention(nn.Module):
    """Relevance-aware multi-head cross-attention, without softmax over tokens."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.size = dim // heads  # d_k
        self.visual = nn.Linear(dim, 3 * dim)  # W_vq, W_vk, W_vv of eq. 1
        self.audio = nn.Linear(dim, 3 * dim)  # W_aq, W_ak, W_av
        self.weigh = HeadWeights(self.size)
        self._start()

    def forward(self, visual: Tensor, audio: Tensor, has_sound: Tensor) -> tuple[Tensor, Retention]:
        """Return F_av, B x N x D, and the retention that it was made with.

        Where a clip has no sound, nothing of it is retained: F_av is the visual values, their
        heads weighted by themselves alone (D12).
        """
        v_q, v_k, v_v = self._projected(self.visual, visual)
        a_q, a_k, a_v = self._projected(self.audio, audio)
        scale = 1 / math.sqrt(self.size)
        sounding = has_sound[:, None, None, None]
        ret_a = torch.where(sounding, v_q @ a_k.mT * scale, 0.0)  # eq. 2
        ret_v = torch.where(sounding, a_q @ v_k.mT * scale, 0.0)  # eq. 3
        v2a = ret_a @ a_v + v_v  # eq. 4
        a2v = ret_v @ v_v + a_v  # eq. 5
        weights = self.weigh(v2a, torch.where(sounding, a2v, 0.0))
        return merge_heads(weights * v2a), Retention(ret_a, ret_v)  # eq. 7

    def contribution(self, visual: Tensor, audio: Tensor, retention: Retention) -> Contribution:
        """Return what the sound added; NaN where it added nothing."""
        added = retention.audio @ self._projected(self.audio, audio)[2]
        varying = added - added.mean(dim=2, keepdim=True)
        size, left, values = (
            part.float().flatten(1).norm(dim=1)
            for part in (added, varying, self._projected(self.visual, visual)[2])
        )
        return Contribution(torch.where(size > 0, size / values, torch.nan), left / size)

    def _projected(self, affine: nn.Linear, tokens: Tensor) -> tuple[Tensor, ...]:
        """Return query, key and value of eq. 1, B x heads x tokens x d_k each."""
        return tuple(split_heads(part, self.heads) for part in affine(tokens).chunk(3, -1))

    def _start(self) -> None:
        """Start each affine map of eq. 1 Xavier-uniform and without a bias.

        Biases that begin with a retention near 1 add both modalities everywhere: where half of the
        sounds are irrelevant, training then takes longer to tell sounds apart.
        """
        for affine in (self.visual, self.audio):
            for part in affine.weight.data.chunk(3):
                nn.init.xavier_uniform_(part)
            nn.init.zeros_(affine.bias)


class HeadWeights(nn.Module):
    """Equation 6: one weight a head, from the means of both modalities over their tokens (D4).

    Means are layer-normalised: a2v sums over N tokens without softmax, so its size grows with N.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.visual = nn.LayerNorm(dim)
        self.audio = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(
            nn.Linear(2 * dim, 2 * dim),
            nn.GELU(),
            nn.Linear(2 * dim, 1, bias=False),  # softmax cancels a bias that all heads share
        )

    def forward(self, v2a: Tensor, a2v: Tensor) -> Tensor:
        """Map B x heads x N x d and B x heads x M x d to weights B x heads x 1 x 1 of sum 1."""
        means = [self.visual(v2a.mean(dim=2)), self.audio(a2v.mean(dim=2))]
        logits: Tensor = self.mlp(torch.cat(means, dim=-1))  # b heads 1
        return logits.softmax(dim=1)[..., None]


class RAVFBlock(nn.Module):
    """Attention, residual, LayerNorm, feed-forward, residual, LayerNorm."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention = RelevanceAttention(dim, heads)
        self.norm = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim)

    def forward(self, visual: Tensor, audio: Tensor, has_sound: Tensor) -> Tensor:
        """Return refined visual tokens, B x N x D."""
        fused, _ = self.attention(visual, audio, has_sound)
        refined: Tensor = self.feed_forward(self.norm(visual + fused))
        return refined


class RAVF(nn.Module):
    """N blocks that refine the visual tokens; the audio tokens are the same in each (D5)."""

    def __init__(self, dim: int, *, heads: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([RAVFBlock(dim, heads) for _ in range(blocks)])

    def forward(self, visual: Tensor, audio: Tensor, has_sound: Tensor) -> Tensor:
        """Return fused visual tokens, B x N x D."""
        for block in self.blocks:
            visual = block(visual, audio, has_sound)
        return visual


class Heard(NamedTuple):
    """What one RAVF block retained, and what that added."""

    retention: Retention
    contribution: Contribution


@contextlib.contextmanager
def retained(network: nn.Module) -> Iterator[list[Heard]]:
    """Collect what each RAVF block retains while `network` runs, in the blocks' order."""
    seen: list[Heard] = []

    def note(
        block: RelevanceAttention, inputs: tuple[Tensor, ...], output: tuple[Tensor, Retention]
    ) -> None:
        visual, audio, _ = inputs
        seen.append(Heard(output[1], block.contribution(visual, audio, output[1])))

    hooks = [
        part.register_forward_hook(note)
        for part in network.modules()
        if isinstance(part, RelevanceAttention)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
