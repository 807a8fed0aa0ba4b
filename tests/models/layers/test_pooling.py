"""LIP against a NumPy transcription; ASPP's reach."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avrsp.models.layers.aspp import ASPP, LIP, Atrous


@pytest.mark.parametrize("window", [2, 4])
def test_lip_weighs_frames_by_exp_of_their_logits(window: int) -> None:
    torch.manual_seed(0)
    pool = LIP(3, window).double()
    torch.nn.init.normal_(pool.logit.weight)
    x = torch.randn(2, 3, 8, 2, 5, dtype=torch.float64)
    values, kernel = x.numpy(), pool.logit.weight.detach().numpy()[:, :, 0, 0, 0]
    weight = np.exp(np.einsum("oc,bcthw->bothw", kernel, values))
    expected = np.empty((2, 3, 8 // window, 2, 5))
    for t in range(8 // window):
        frames = slice(t * window, (t + 1) * window)
        total = (weight[:, :, frames] * values[:, :, frames]).sum(2)
        expected[:, :, t] = total / weight[:, :, frames].sum(2)
    np.testing.assert_allclose(pool(x).detach().numpy(), expected, atol=1e-5)


def test_lip_starts_as_the_mean() -> None:
    x = torch.randn(1, 4, 4, 2, 2)
    torch.testing.assert_close(LIP(4, 2)(x), torch.unflatten(x, 2, (2, 2)).mean(3))


@pytest.mark.parametrize(("height", "reach"), [(2, 1), (8, 4), (40, 12)])
def test_dilation_shrinks_to_half_the_shorter_side(height: int, reach: int) -> None:
    view = Atrous(1, 8, dilation=12).eval()
    torch.nn.init.ones_(view.conv.weight)
    x = torch.zeros(1, 1, 1, height, 48)
    x[..., height // 2, 24] = 1.0
    lit = view(x)[0, 0, 0].nonzero()
    assert lit[:, 1].max() - 24 == reach
    assert view(x).shape == (1, 8, 1, height, 48)


def test_aspp_sees_space_but_not_other_frames() -> None:
    torch.manual_seed(0)
    pyramid = ASPP(4, 16, (1, 3)).eval()
    x = torch.randn(1, 4, 3, 6, 6)
    other = x.clone()
    other[:, :, 0] += 1
    before, after = pyramid(x), pyramid(other)
    assert not torch.allclose(before[:, :, 0], after[:, :, 0])
    torch.testing.assert_close(before[:, :, 1:], after[:, :, 1:])
