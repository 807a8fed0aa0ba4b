from __future__ import annotations

import pytest
import torch
from torch import Tensor

from avrsp.models.avrsp.decoder import Decoder, Fold
from avrsp.models.avrsp.network import AVRSP, Settings
from avrsp.models.avrsp.ravf import retained

WIDTH = 0.05


@pytest.fixture
def model() -> AVRSP:
    torch.manual_seed(0)
    return AVRSP(Settings(width=WIDTH)).eval()


@pytest.fixture
def clips() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    frames = torch.randint(0, 256, (2, 3, 16, 64, 96), dtype=torch.uint8)
    sound = torch.rand(2, 1, 35_280) * 2 - 1
    return frames, sound, torch.tensor([True, False])


def test_retention_is_collected_while_the_network_runs(
    model: AVRSP, clips: tuple[Tensor, Tensor, Tensor]
) -> None:
    with torch.no_grad(), retained(model) as heard:
        model(*clips)
    retention = [block.retention for block in heard]
    tokens, steps = 2 * 2 * 3, 2  # X0 is T/8 x H/32 x W/32
    assert [tuple(r.audio.shape) for r in retention] == [(2, 8, tokens, steps)] * 2
    assert [tuple(r.visual.shape) for r in retention] == [(2, 8, steps, tokens)] * 2
    for block in retention:
        assert block.audio[0].any()
        assert not block.audio[1].any()


def test_other_fusions_retain_nothing(clips: tuple[Tensor, Tensor, Tensor]) -> None:
    with retained(model := AVRSP(Settings(width=WIDTH, fusion="add"))) as retention:
        model(*clips)
    assert retention == []


def test_frames_are_normalised_as_imagenet_was(model: AVRSP) -> None:
    frames = torch.arange(3 * 8 * 32 * 32).remainder(256).byte().view(1, 3, 8, 32, 32)
    found = model.normalised(frames)
    assert found.dtype == torch.float32
    expected = (frames[0, 1, 2, 3, 5] / 255 - 0.456) / 0.224
    torch.testing.assert_close(found[0, 1, 2, 3, 5], expected)
    with torch.no_grad():
        torch.testing.assert_close(model(frames), model.from_normalised(found))


def test_the_visual_network_is_part_of_the_audio_visual_one(model: AVRSP) -> None:
    """V's weights fit under their own names, so that AV can start from them."""
    visual = AVRSP(Settings(width=WIDTH, audio=False)).state_dict()
    whole = model.state_dict()
    assert {name for name in whole if name not in visual} == {
        name for name in whole if name.startswith("listen.")
    }
    assert all(whole[name].shape == tensor.shape for name, tensor in visual.items())


def test_features_lead_to_the_same_map(model: AVRSP, clips: tuple[Tensor, Tensor, Tensor]) -> None:
    frames, *sound = clips
    with torch.no_grad():
        features = model.encode(frames)
        torch.testing.assert_close(model.from_features(features, *sound), model(*clips))
        torch.testing.assert_close(model.from_features(features), model(frames))


def test_fewer_frames_are_folded_as_if_zeros_preceded_them() -> None:
    torch.manual_seed(0)
    fold = Fold(8).eval()
    short = torch.randn(1, 8, 2, 4, 6)
    padded = torch.cat([torch.zeros_like(short), short], dim=2)
    torch.testing.assert_close(fold(short), fold(padded))


def test_maps_start_dark_but_not_flat() -> None:
    torch.manual_seed(0)
    sizes = [(2, 3), (4, 6), (8, 12), (16, 24)]
    features = [torch.randn(4, 16, 2, *size).relu() for size in sizes]
    logits = Decoder(16, scales=4)(features, features)
    assert logits.shape == (4, 64, 96)
    assert -3 < logits.mean() < -1
    assert 0.01 < logits.std() < 2
