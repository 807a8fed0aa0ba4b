"""Equations 1 to 7 transcribed into NumPy, and what silence does to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from avrsp.models.avrsp.ravf import RAVF, RelevanceAttention, Retention, retained

Array = np.ndarray[Any, np.dtype[np.float64]]
HEADS = 4
DIM = 16


def numbers(module: torch.nn.Module) -> dict[str, Array]:
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def norm(x: Array, p: dict[str, Array], name: str) -> Array:
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return np.asarray(x * p[f"{name}.weight"] + p[f"{name}.bias"])


def gelu(x: Array) -> Array:
    erf = torch.erf(torch.from_numpy(x / np.sqrt(2))).numpy()
    return np.asarray(x * (1 + erf) / 2)


def by_hand(p: dict[str, Array], v: Array, a: Array) -> tuple[Array, Array, Array]:
    """One clip: visual tokens N x D and audio tokens M x D to F_av, Ret_A, Ret_V."""
    d = DIM // HEADS
    v_q, v_k, v_v = np.split(v @ p["visual.weight"].T + p["visual.bias"], 3, axis=1)  # eq. 1
    a_q, a_k, a_v = np.split(a @ p["audio.weight"].T + p["audio.bias"], 3, axis=1)
    attended, logits, ret_a, ret_v = [], [], [], []
    for head in range(HEADS):
        own = slice(head * d, (head + 1) * d)
        ret_a.append(v_q[:, own] @ a_k[:, own].T / np.sqrt(d))  # eq. 2
        ret_v.append(a_q[:, own] @ v_k[:, own].T / np.sqrt(d))  # eq. 3
        v2a = ret_a[-1] @ a_v[:, own] + v_v[:, own]  # eq. 4
        a2v = ret_v[-1] @ v_v[:, own] + a_v[:, own]  # eq. 5
        means = [norm(v2a.mean(0), p, "weigh.visual"), norm(a2v.mean(0), p, "weigh.audio")]
        hidden = gelu(p["weigh.mlp.0.weight"] @ np.concatenate(means) + p["weigh.mlp.0.bias"])
        logits.append((p["weigh.mlp.2.weight"] @ hidden).item())
        attended.append(v2a)
    weights = np.exp(logits) / np.exp(logits).sum()  # eq. 6
    fused = np.concatenate([w * x for w, x in zip(weights, attended, strict=True)], axis=1)  # eq. 7
    return fused, np.stack(ret_a), np.stack(ret_v)


@pytest.fixture
def attention() -> RelevanceAttention:
    torch.manual_seed(0)
    module = RelevanceAttention(DIM, HEADS).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


@pytest.fixture
def tokens() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, 6, DIM).double(), torch.randn(2, 3, DIM).double()


def test_attention_is_equations_1_to_7(
    attention: RelevanceAttention, tokens: tuple[Tensor, Tensor]
) -> None:
    visual, audio = tokens
    with torch.no_grad():
        fused, retention = attention(visual, audio, torch.tensor([True, True]))
    for clip in range(2):
        expected = by_hand(numbers(attention), visual[clip].numpy(), audio[clip].numpy())
        found = (fused[clip], retention.audio[clip], retention.visual[clip])
        for mine, hand in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine.numpy(), hand, atol=1e-5)


def test_block_adds_norms_and_refines(tokens: tuple[Tensor, Tensor]) -> None:
    """Attention, residual, LayerNorm, feed-forward, residual, LayerNorm; audio stays the same."""
    torch.manual_seed(0)
    ravf = RAVF(DIM, heads=HEADS, blocks=2).double()
    p = numbers(ravf)
    visual, audio = (x[0].numpy() for x in tokens)
    for block in ("blocks.0.", "blocks.1."):
        own = {name.removeprefix(block): x for name, x in p.items() if name.startswith(block)}
        inner = {n.removeprefix("attention."): x for n, x in own.items() if "attention." in n}
        visual = norm(visual + by_hand(inner, visual, audio)[0], own, "norm")
        first, last = "feed_forward.layers.0", "feed_forward.layers.2"
        hidden = gelu(visual @ own[f"{first}.weight"].T + own[f"{first}.bias"])
        refined = visual + hidden @ own[f"{last}.weight"].T + own[f"{last}.bias"]
        visual = norm(refined, own, "feed_forward.norm")
    with torch.no_grad():
        found = ravf(*tokens, torch.tensor([True, True]))[0]
    np.testing.assert_allclose(found.numpy(), visual, atol=1e-5)


def test_silence_leaves_the_visual_values(
    attention: RelevanceAttention, tokens: tuple[Tensor, Tensor]
) -> None:
    visual, audio = tokens
    silent = torch.tensor([True, False])
    with torch.no_grad():
        fused, retention = attention(visual, audio, silent)
        other, _ = attention(visual, audio * 3 - 1, silent)
        values = visual[1] @ attention.visual.weight[2 * DIM :].T + attention.visual.bias[2 * DIM :]
    assert not torch.allclose(fused[0], other[0])
    torch.testing.assert_close(fused[1], other[1], rtol=0, atol=0)
    share = fused[1] / values  # one weight a head
    torch.testing.assert_close(share, share[:1].expand_as(share))
    torch.testing.assert_close(share[0, :: DIM // HEADS].sum().item(), 1.0)
    assert not retention.audio[1].any()
    assert not retention.visual[1].any()


def test_retention_starts_with_no_preference_for_any_sound() -> None:
    torch.manual_seed(0)
    module = RelevanceAttention(64, 8)
    visual, audio = torch.randn(16, 12, 64), torch.randn(16, 2, 64)
    _, retention = module(visual, audio, torch.ones(16, dtype=torch.bool))
    for kind in retention:
        assert kind.mean().item() == pytest.approx(0.0, abs=0.1)
        assert kind.std().item() == pytest.approx(1.0, abs=0.2)  # as large as it may be relevant


def test_retention_is_read_from_the_run_itself(tokens: tuple[Tensor, Tensor]) -> None:
    ravf = RAVF(DIM, heads=HEADS, blocks=3).double()
    with retained(ravf) as seen:
        ravf(*tokens, torch.tensor([True, True]))
    ravf(*tokens, torch.tensor([True, True]))
    retention = [block.retention for block in seen]
    assert [tuple(r.audio.shape) for r in retention] == [(2, HEADS, 6, 3)] * 3
    assert [tuple(r.visual.shape) for r in retention] == [(2, HEADS, 3, 6)] * 3


def test_what_sound_adds_is_measured_from_equation_4(
    attention: RelevanceAttention, tokens: tuple[Tensor, Tensor]
) -> None:
    visual, audio = tokens
    with torch.no_grad():
        _, retention = attention(visual, audio, torch.tensor([True, False]))
        found = attention.contribution(visual, audio, retention)

        def values(affine: torch.nn.Linear, seen: Tensor) -> Tensor:
            return seen[0] @ affine.weight[2 * DIM :].T + affine.bias[2 * DIM :]

        parts = torch.tensor_split(values(attention.audio, audio), HEADS, dim=1)
        added = torch.cat(
            [kept @ part for kept, part in zip(retention.audio[0], parts, strict=True)], dim=1
        )
    size = (added.norm() / values(attention.visual, visual).norm()).item()
    selectivity = ((added - added.mean(dim=0)).norm() / added.norm()).item()
    assert found.size[0].item() == pytest.approx(size, rel=1e-5)
    assert found.selectivity[0].item() == pytest.approx(selectivity, rel=1e-5)
    assert found.size[1].isnan()
    assert found.selectivity[1].isnan()


def test_what_every_position_gets_alike_is_not_selective(
    attention: RelevanceAttention, tokens: tuple[Tensor, Tensor]
) -> None:
    visual, audio = tokens
    alike = torch.ones(len(visual), HEADS, visual.shape[1], audio.shape[1], dtype=visual.dtype)
    with torch.no_grad():
        found = attention.contribution(visual, audio, Retention(alike, alike.mT))
    assert found.selectivity.max() < 1e-6
