"""Loops that Numba compiles."""

from __future__ import annotations

import inspect
from pathlib import Path

import numba
import numpy as np
import pytest
import torch

from avrsp.metrics import definitions, loops, moments

DOUBLED = "def doubled(x):\n    return x + x\n"


def test_a_loop_works_where_nothing_can_be_kept_on_disk(tmp_path: Path) -> None:
    names: dict[str, object] = {}
    exec(compile(DOUBLED, str(tmp_path / "absent.py"), "exec"), names)
    doubled = names["doubled"]
    assert callable(doubled)
    with pytest.raises(RuntimeError, match="no locator"):
        numba.njit(doubled, cache=True)
    assert loops.compiled()(doubled)(21) == 42


@pytest.mark.parametrize(
    "layout", ["plain", "every second column", "one map for all", "transposed"]
)
def test_the_loops_agree_with_tensors(layout: str) -> None:
    rng = torch.Generator().manual_seed(0)
    pred = torch.rand(3, 40, 56, generator=rng).sub(0.4)
    density = torch.rand(3, 40, 56, generator=rng) ** 4
    pred[1] = 0.25
    density[2] = 0
    shown = {
        "plain": pred,
        "every second column": pred.repeat_interleave(2, -1)[..., ::2],
        "one map for all": pred[:1].expand(3, -1, -1),
        "transposed": pred.mT.contiguous().mT,
    }[layout]
    places = torch.randint(0, 40, (50, 3), generator=rng).remainder(torch.tensor([40, 56, 3]))
    by_loops = definitions.together(shown, density, places)
    by_tensors = definitions.together(shown.double().requires_grad_(), density, places)
    for name in ("cc", "sim", "nss"):
        expected = by_tensors[name].detach()
        torch.testing.assert_close(by_loops[name], expected, rtol=1e-12, atol=1e-15)


def test_maps_of_two_sizes_are_refused_where_nothing_else_checks() -> None:
    pred, density = torch.rand(2, 8, 6), torch.rand(2, 4, 3)
    with pytest.raises(ValueError, match=r"\(2, 8, 6\) and \(2, 4, 3\); expected one size"):
        inspect.unwrap(moments.compared)(pred, density, moments.ends(pred), moments.ends(density))


@pytest.mark.parametrize("side", ["x", "y"])
def test_nan_on_either_side_is_not_passed_over(side: str) -> None:
    x, y = np.linspace(1, 2, 100, dtype=np.float32), np.linspace(2, 1, 100, dtype=np.float32)
    {"x": x, "y": y}[side][70] = np.nan
    assert np.isnan(loops.sum_of_smaller(x, y, 0.5, 0.5, 1.0))
    assert np.isnan(loops.sums(x, y, 0.5, 0.5)[-1])
