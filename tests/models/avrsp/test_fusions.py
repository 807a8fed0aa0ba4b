"""What every audio-visual fusion promises, and the values of the simple ones."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from avrsp.models.avrsp.fusions import FUSIONS, Add, Bilinear, Concat, Mul
from avrsp.params import FusionName

DIM = 32


def test_every_name_but_the_visual_network_is_a_fusion() -> None:
    assert set(FUSIONS) == set(get_args(FusionName)) - {"visual"}


@pytest.mark.parametrize("name", FUSIONS)
def test_sound_reaches_every_token_but_never_a_silent_clip(name: FusionName) -> None:
    torch.manual_seed(0)
    fusion = FUSIONS[name](DIM, 8, 2)
    visual, audio, other = torch.randn(2, 5, DIM), torch.randn(2, 3, DIM), torch.randn(2, 3, DIM)
    sounding = torch.tensor([True, False])
    one, two = fusion(visual, audio, sounding), fusion(visual, other, sounding)
    assert one.shape == visual.shape
    assert ((one[0] - two[0]).abs().amax(-1) > 1e-6).all()
    torch.testing.assert_close(one[1], two[1], rtol=0, atol=0)
    if name != "ravf":
        torch.testing.assert_close(one[1], visual[1], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["concat", "bilinear", "mbt", "ravf"])
def test_no_parameter_of_a_fusion_is_dead(name: FusionName) -> None:
    torch.manual_seed(0)
    fusion = FUSIONS[name](DIM, 8, 2)
    sounding = torch.tensor([True, True])
    fused = fusion(torch.randn(2, 5, DIM), torch.randn(2, 3, DIM), sounding)
    (fused * torch.randn_like(fused)).sum().backward()
    for key, parameter in fusion.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().max() > 1e-7, key


def test_simple_fusions_join_the_mean_sound() -> None:
    visual, audio = torch.randn(1, 5, DIM), torch.randn(1, 3, DIM)
    sounding, mean = torch.tensor([True]), audio.mean(1, keepdim=True)
    torch.testing.assert_close(Add()(visual, audio, sounding), visual + mean)
    torch.testing.assert_close(Mul()(visual, audio, sounding), visual * mean)
    concat = Concat(DIM)
    left, right = concat.reduce.weight.chunk(2, 1)
    expected = visual @ left.T + mean @ right.T + concat.reduce.bias
    torch.testing.assert_close(concat(visual, audio, sounding), expected)


def test_bilinear_is_torchs_bilinear_of_the_reduced_tokens() -> None:
    fusion = Bilinear(DIM)
    visual, audio = torch.randn(2, 5, DIM), torch.randn(2, 3, DIM)
    mean = audio.mean(1, keepdim=True).expand_as(visual).contiguous()
    expected = fusion.form(fusion.visual(visual), fusion.audio(mean))
    found = fusion(visual, audio, torch.tensor([True, True]))
    torch.testing.assert_close(found, expected)
