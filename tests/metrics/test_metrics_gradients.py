"""All metrics but the AUCs can be trained on: their gradients are right, and finite everywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from avrsp import metrics


def _gradient_cases() -> list[Tensor]:
    noise = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(0))
    flat = torch.ones(2, 5, 6)
    return [noise, flat, 0 * flat, 1e-30 * noise, 1e-42 * flat, 0.1 * flat, torch.eye(6)[:5] * flat]


@pytest.mark.parametrize("density", _gradient_cases()[:3])
@pytest.mark.parametrize("pred", _gradient_cases())
def test_gradients_are_finite_everywhere(pred: Tensor, density: Tensor) -> None:
    fixations = torch.tensor([[1, 2, 0], [3, 4, 0]])  # the second map has none
    scores: list[Callable[[Tensor], Tensor]] = [
        lambda maps: metrics.kl(maps, density),
        lambda maps: metrics.cc(maps, density),
        lambda maps: metrics.sim(maps, density),
        lambda maps: metrics.nss(maps, fixations)[0],
        lambda maps: metrics.ig(maps, fixations, density)[0],
    ]
    for score in scores:
        maps = pred.clone().requires_grad_()
        score(maps).sum().backward()  # type: ignore[no-untyped-call]
        assert maps.grad is not None
        assert torch.isfinite(maps.grad).all()


def test_gradcheck() -> None:
    generator = torch.Generator().manual_seed(0)
    pred, density = (torch.rand(2, 4, 5, generator=generator).double() + 0.1 for _ in range(2))
    fixations = torch.tensor([[1, 2, 0], [3, 4, 0], [0, 0, 1]])
    pred.requires_grad_()
    for score, truth in (
        (metrics.kl, density),
        (metrics.cc, density),
        (metrics.sim, density),
        (metrics.nss, fixations),
    ):
        assert torch.autograd.gradcheck(score, (pred, truth))
    assert torch.autograd.gradcheck(metrics.ig, (pred, fixations, density))
