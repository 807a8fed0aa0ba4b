"""Loops that Numba compiles."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import torch

from avrsp.metrics import definitions, loops

DOUBLED = "def doubled(x):\n    return x + x\n"


def test_a_loop_works_where_nothing_can_be_kept_on_disk() -> None:
    names: dict[str, object] = {}
    exec(compile(DOUBLED, "/nowhere/doubled.py", "exec"), names)
    doubled = names["doubled"]
    assert callable(doubled)
    with pytest.raises(RuntimeError, match="no locator"):
        numba.njit(doubled, cache=True)
    assert loops.compiled()(doubled)(21) == 42


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_loops_agree_with_tensors(kind: torch.dtype) -> None:
    rng = torch.Generator().manual_seed(0)
    pred = torch.rand(3, 40, 56, generator=rng).sub(0.4).to(kind)
    density = torch.rand(3, 40, 56, generator=rng) ** 4
    pred[1] = 0.25
    density[2] = 0
    places = torch.randint(0, 40, (50, 3), generator=rng).remainder(torch.tensor([40, 56, 3]))
    by_loops = definitions.together(pred, density, places)
    by_tensors = definitions.together(pred.double().requires_grad_(), density, places)
    for name, scores in by_loops.items():
        torch.testing.assert_close(scores, by_tensors[name].detach(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("side", ["x", "y"])
def test_nan_on_either_side_is_not_passed_over(side: str) -> None:
    x, y = np.linspace(1, 2, 100), np.linspace(2, 1, 100)
    {"x": x, "y": y}[side][70] = np.nan
    assert np.isnan(loops.sum_of_smaller(x, y, 0.5, 0.5, 1.0))
    assert np.isnan(loops.sums(x, y, 0.5, 0.5)[-1])
