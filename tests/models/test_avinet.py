"""AViNet against what the original gives from the same weights, frames and sound."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from avrsp.errors import ParamsError
from avrsp.models.vinet import ENTRY
from avrsp.models.vinet.audiovisual import AViNet, BilinearSound, Positions, build
from avrsp.models.vinet.visual import Settings, VariantName
from tests.models import golden

VARIANTS: dict[str, VariantName] = {
    "avinet_bilinear": "av-bilinear",
    "avinet_bilinear_transformer": "av-bilinear-transformer",
    "avinet_concat_transformer": "av-concat-transformer",
}


def small(variant: VariantName) -> AViNet:
    torch.manual_seed(1)
    model = build(Settings(variant=variant, length=8, width=0.125, size=(64, 64)))
    assert isinstance(model, AViNet)
    return model


def filled(reference: golden.Golden) -> AViNet:
    variant = VARIANTS[reference.name]
    model = build(Settings(variant=variant))
    assert isinstance(model, AViNet)
    reference.fill(model, ENTRY.variants[variant])
    return model


@pytest.fixture
def clip() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(2)
    frames = torch.randint(256, (2, 3, 8, 64, 64), dtype=torch.uint8, generator=draw)
    return frames, 0.1 * torch.randn(2, 1, 17_640, generator=draw)


@pytest.mark.parametrize("name", VARIANTS)
def test_tensors_and_weights_are_the_originals(name: str) -> None:
    reference = golden.small(name)
    form = ENTRY.variants[VARIANTS[name]]
    golden.assert_same_tensors(filled(reference), reference, form)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_maps_equal_the_originals_and_depend_on_sound_as_much(name: str) -> None:
    reference = golden.native(name)
    model, frames = filled(reference), reference.frames("native")
    waveform = reference.sound("native")[..., 0]
    expected = reference.outputs("native")
    effect = reference.meta["cases"]["native"]["zeroing_an_input_changes_outputs_by_max_abs"]
    with torch.no_grad():
        features = model.backbone(frames)
        saliency = model.decode(features, waveform)
        silent = model.decode(features)
        noise = reference.noise("native", "saliency")
        assert (saliency - expected["saliency__f64"]).abs().max() < 4 * noise
        assert (saliency - silent).abs().max() == pytest.approx(
            effect["sound"]["saliency"], abs=4 * noise
        )
        model.double()
        saliency = model.from_normalised(frames.double(), waveform.double())
    assert (saliency - expected["saliency__f64"]).abs().max() < 1e-6


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_without_sound_it_gets_zeros(variant: VariantName, clip: tuple[Tensor, Tensor]) -> None:
    (frames, waveform), model = clip, small(variant).eval()
    with torch.no_grad():
        sounding = model(frames, waveform)
        silent = model(frames)
        first = model(frames, waveform, torch.tensor([True, False]))
    assert sounding.shape == (2, 64, 64)
    assert not torch.equal(sounding, silent)
    torch.testing.assert_close(first, torch.stack([sounding[0], silent[1]]))


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_every_parameter_is_trained(variant: VariantName, clip: tuple[Tensor, Tensor]) -> None:
    model = small(variant).train()
    model(*clip).sum().backward()
    assert [name for name, each in model.named_parameters() if each.grad is None] == []


def test_the_waveform_is_scaled_as_soundnet_was_trained(clip: tuple[Tensor, Tensor]) -> None:
    (frames, waveform), model = clip, small("av-bilinear").eval()
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None, None]
    with torch.no_grad():
        expected = model.from_normalised((frames / 255 - mean) / std, 256 * waveform)
        torch.testing.assert_close(model(frames, waveform), expected)


def test_the_bilinear_fusion_equals_its_definition() -> None:
    model = build(Settings(variant="av-bilinear", width=0.125))
    assert isinstance(model, BilinearSound)
    picture, sound = torch.randn(2, 128, 4, 7, 12), torch.randn(2, 128, 3)
    pooled = F.max_pool3d(picture, (4, 1, 1), (2, 1, 2)).flatten(2)
    weight, bias = model.bilinear.weight, model.bilinear.bias
    fused = torch.einsum("bci,kij,bcj->bck", pooled, weight, sound) + bias
    expected = fused.view(2, 128, 4, 7, 12)
    torch.testing.assert_close(model.fuse(picture, sound), expected, rtol=1e-4, atol=1e-4)


def test_positions_are_sines_and_cosines() -> None:
    table = Positions(5, 8)(torch.zeros(5, 1, 8))[:, 0]
    for number in range(5):
        for pair in range(4):
            angle = number / 10_000 ** (2 * pair / 8)
            assert table[number, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[number, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_fusions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"found 112 channels of the picture and 104 of sound"):
        build(Settings(variant="av-bilinear", width=0.1))
    with pytest.raises(ParamsError, match=r"found 2 positions"):
        build(Settings(variant="av-bilinear-transformer", length=8, width=0.125, size=(32, 64)))
