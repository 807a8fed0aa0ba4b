"""The loss is the weighted mean of the metrics that evaluation reports."""

from __future__ import annotations

import pytest
import torch

from avrsp import metrics
from avrsp.params import LossParams
from avrsp.train import optimisation as loss

WEIGHTS = LossParams(kl=1.0, cc=-0.1, sim=-0.1)


def maps(seed: int) -> torch.Tensor:
    return torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(seed))


def test_equation_19() -> None:
    pred, density = maps(0), maps(1)
    expected = metrics.kl(pred, density) - 0.1 * metrics.cc(pred, density)
    expected -= 0.1 * metrics.sim(pred, density)
    found = loss.saliency_loss(pred, density, WEIGHTS)
    assert found.item() == pytest.approx(expected.mean().item(), rel=1e-4)  # the larger epsilon
    assert found.dtype == torch.float32


def test_a_perfect_prediction_earns_both_rewards() -> None:
    assert loss.saliency_loss(maps(0), maps(0), WEIGHTS).item() == pytest.approx(-0.2, abs=1e-6)


def test_each_term_can_be_switched_off() -> None:
    found = loss.saliency_loss(maps(0), maps(1), LossParams(kl=0.0, cc=0.0, sim=-1.0))
    assert found.item() == pytest.approx(-metrics.sim(maps(0), maps(1)).mean().item(), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("value", [0.0, 1e-40, 0.3, 1.0])
def test_a_constant_map_has_a_finite_loss_and_gradient(value: float, dtype: torch.dtype) -> None:
    density = maps(1)
    density[1] = 0
    pred = torch.full((3, 6, 7), value, dtype=dtype, requires_grad=True)
    found = loss.saliency_loss(pred, density, WEIGHTS)
    found.backward()  # type: ignore[no-untyped-call]
    assert pred.grad is not None
    assert torch.isfinite(found)
    assert torch.isfinite(pred.grad).all()


def test_gradcheck() -> None:
    pred = (maps(0) + 0.1).double().requires_grad_()
    density = maps(1).double()
    assert torch.autograd.gradcheck(
        lambda each: loss.saliency_loss(each, density, WEIGHTS), (pred,)
    )


def test_descent_finds_the_density() -> None:
    density = maps(1)
    logits = torch.zeros_like(density, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(150):
        optimiser.zero_grad()
        found = loss.saliency_loss(logits.sigmoid(), density, WEIGHTS)
        found.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert metrics.cc(logits.sigmoid(), density).min() > 0.98
