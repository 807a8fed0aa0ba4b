"""Equations 9 to 15 transcribed into NumPy: synergy, gates, and how many scales they cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from avrsp.models.avrsp.decoder import Gate, Regulator, Synergy

Array = np.ndarray[Any, np.dtype[np.float64]]
CHANNELS = 3


def conv(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """1 x 3 x 3 convolution of C x T x H x W with zero padding."""
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.zeros((len(weight), *x.shape[1:]))
    for i in range(3):
        for j in range(3):
            window = padded[:, :, i : i + height, j : j + width]
            y += np.einsum("oc,cthw->othw", weight[:, :, 0, i, j], window)
    return y if bias is None else y + bias[:, None, None, None]


def up(x: Array) -> Array:
    return x.repeat(2, axis=2).repeat(2, axis=3)


def down(x: Array) -> Array:
    c, t, h, w = x.shape
    return np.asarray(x.reshape(c, t, h // 2, 2, w // 2, 2).mean((3, 5)))


def pyramid() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(1, CHANNELS, 2, 2 * 2**i, 3 * 2**i).double() for i in range(4)]


def synergy_by_hand(p: dict[str, Array], x: list[Array], pairs: int) -> list[Array]:
    first = max(0, 3 - pairs)  # the coarsest scale that is read
    read = x[first:]

    def mix(name: str, scales: list[Array], wanted: list[int]) -> list[Array]:
        ups = [i for i in wanted if i > 0]
        downs = [i for i in wanted if i < len(scales) - 1]
        mixed = []
        for i in wanted:
            same = f"{name}.same.{wanted.index(i)}"
            y = conv(scales[i], p[f"{same}.weight"], p[f"{same}.bias"])
            if i in ups:
                y = y + conv(up(scales[i - 1]), p[f"{name}.up.{ups.index(i)}.weight"])
            if i in downs:
                y = y + conv(down(scales[i + 1]), p[f"{name}.down.{downs.index(i)}.weight"])
            mixed.append(y)
        return mixed

    x1 = [conv(s, p[f"first.{i}.weight"], p[f"first.{i}.bias"]) for i, s in enumerate(read)]
    x2 = mix("second", x1, list(range(len(x1))))
    x3 = mix("third", x2, list(range(len(x2) - pairs, len(x2))))
    return [*x[: 4 - pairs], *(a + b for a, b in zip(x3, x[4 - pairs :], strict=True))]


@pytest.mark.parametrize("pairs", [1, 2, 3, 4])
def test_synergy_is_equations_9_to_12(pairs: int) -> None:
    module = Synergy(CHANNELS, scales=4, pairs=pairs).double()
    p = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    features = pyramid()
    with torch.no_grad():
        found = module(features)
    expected = synergy_by_hand(p, [x[0].numpy() for x in features], pairs)
    for mine, hand in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine[0].numpy(), hand, atol=1e-5)


def test_a_scale_hears_neighbours_two_steps_away_and_no_further() -> None:
    module = Synergy(CHANNELS, scales=4, pairs=3).double()
    features = pyramid()
    before = module(features)
    features[0] = features[0] + 1
    changed = [not torch.equal(a, b) for a, b in zip(before, module(features), strict=True)]
    assert changed == [True, True, True, False]


def test_gate_is_equations_14_and_15() -> None:
    torch.manual_seed(0)
    gate = Gate(CHANNELS).double()
    p = {name: tensor.numpy() for name, tensor in gate.state_dict().items()}
    fused, skip = (torch.randn(1, CHANNELS, 2, 4, 6).double() for _ in range(2))
    joined = np.concatenate([fused[0].numpy(), skip[0].numpy()])
    weight = 1 / (1 + np.exp(-conv(joined, p["weigh.weight"], p["weigh.bias"])))
    weight = weight.mean((1, 2, 3), keepdims=True)
    expected = conv(weight * fused[0].numpy(), p["out.weight"], p["out.bias"])
    with torch.no_grad():
        np.testing.assert_allclose(gate(fused, skip)[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("pairs", [0, 1, 3, 4])
def test_gates_follow_one_another_at_the_finest_scales(pairs: int) -> None:
    """Equation 13; where there is no gate, the upsampled fused feature goes on (D8)."""
    skips = pyramid()
    fused = torch.randn_like(skips[0])
    regulator = Regulator(CHANNELS, scales=4, pairs=pairs).double()
    carried, expected = regulator(fused, skips), fused[0].detach().numpy()
    for scale, (found, gate) in enumerate(zip(carried, regulator.gates, strict=True)):
        expected = up(expected) if scale else expected
        if scale >= 4 - pairs:
            x = torch.from_numpy(expected)[None]
            expected = gate(x, skips[scale])[0].detach().numpy()
        np.testing.assert_allclose(found[0].detach().numpy(), expected, atol=1e-8)
    assert sum(p.numel() for p in regulator.parameters()) == pairs * sum(
        p.numel() for p in Gate(CHANNELS).parameters()
    )
