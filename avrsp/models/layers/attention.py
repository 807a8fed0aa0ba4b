"""Attention over tokens B x N x D: heads, self-attention, and the post-norm feed-forward half."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Map tokens B x N x D to B x heads x N x D/heads."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)  # b n (h d) -> b h n d


def merge_heads(x: Tensor) -> Tensor:
    """Undo `split_heads`."""
    return x.transpose(1, 2).flatten(2)  # b h n d -> b n (h d)


class SelfAttention(nn.Module):
    """Scaled dot-product attention of the tokens among themselves."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(dim, 3 * dim, bias=False)  # softmax cancels a key's bias
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map B x N x D to B x N x D."""
        query, key, value = (split_heads(part, self.heads) for part in self.project(x).chunk(3, -1))
        attended = F.scaled_dot_product_attention(query, key, value)
        output: Tensor = self.out(merge_heads(attended))
        return output


class FeedForward(nn.Module):
    """A two-layer perceptron on each token, its residual, LayerNorm."""

    def __init__(self, dim: int, expansion: int = 4) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, expansion * dim), nn.GELU(), nn.Linear(expansion * dim, dim)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map B x N x D to B x N x D."""
        output: Tensor = self.norm(x + self.layers(x))
        return output


class Transformer(nn.Module):
    """A post-norm encoder block."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(dim, heads)
        self.norm = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map B x N x D to B x N x D."""
        output: Tensor = self.feed_forward(self.norm(x + self.attention(x)))
        return output
