"""ViNet against what the original gives from the same weights and frames."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from avrsp.models.recipe import GroundTruth
from avrsp.models.vinet import ENTRY
from avrsp.models.vinet.visual import Settings, ViNet, loss
from tests.models import golden

FORM = ENTRY.variants["v"]
NETWORKS = {
    "vinet": Settings(),
    "vinet_16": Settings(length=16),
    "vinet_hier0": Settings(skips=0),
    "vinet_hier1": Settings(skips=1),
    "vinet_hier2": Settings(skips=2),
}


LONGER = [pytest.param(f"vinet_hier{skips}", marks=pytest.mark.slow) for skips in (0, 1)]


@pytest.fixture(params=["vinet", "vinet_16", "vinet_hier2", *LONGER])
def reference(request: pytest.FixtureRequest) -> golden.Golden:
    return golden.small(request.param)


def filled(reference: golden.Golden) -> ViNet:
    model = ViNet(NETWORKS[reference.name])
    reference.fill(model, FORM)
    return model


def test_tensors_have_the_published_names_and_shapes(reference: golden.Golden) -> None:
    model = ViNet(NETWORKS[reference.name])
    golden.assert_same_tensors(model, reference, FORM)


def test_maps_and_gradients_equal_the_originals(reference: golden.Golden) -> None:
    model, frames = filled(reference), reference.frames("small")
    golden.assert_same_maps(model, frames, reference, FORM)


def test_a_window_costs_what_the_originals_costs(reference: golden.Golden) -> None:
    with torch.device("meta"):
        model = ViNet(NETWORKS[reference.name])
        frames = torch.empty(reference.meta["cases"]["small"]["inputs"]["frames"]["shape"])
        with FlopCounterMode(display=False) as counter:
            model.from_normalised(frames)
    assert counter.get_total_flops() == 2 * reference.meta["cases"]["small"]["macs"]


@pytest.mark.slow
def test_maps_at_full_size_equal_the_originals() -> None:
    reference = golden.native("vinet")
    with torch.no_grad():
        saliency = filled(reference).from_normalised(reference.frames("native"))
    expected = reference.outputs("native")["saliency"]
    assert (saliency - expected).abs().max() < 4 * reference.noise("small", "saliency")


@pytest.mark.parametrize("length", [8, 16, 32])
def test_frames_are_normalised_first(length: int) -> None:
    torch.manual_seed(1)
    model = ViNet(Settings.model_validate({"length": length, "width": 0.125})).eval()
    frames = torch.randint(256, (2, 3, length, 32, 64), dtype=torch.uint8)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    shares = (frames.movedim(1, -1) / 255 - mean) / std
    with torch.no_grad():
        saliency = model(frames)
        expected = model.from_normalised(shares.movedim(-1, 1))
    assert saliency.shape == (2, 32, 64)
    torch.testing.assert_close(saliency, expected)


@pytest.mark.parametrize("fault", [{"skips": 2, "length": 16}, {"size": (224, 380)}, {"depth": 1}])
def test_impossible_settings_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"found (skips|size)|depth"):
        Settings.model_validate(fault)


def test_the_loss_equals_the_originals() -> None:
    logits, true, _ = golden.loss_inputs()
    assert loss(logits.sigmoid(), GroundTruth(true, true > 0, 0)).item() == pytest.approx(
        golden.loss_values()["vinet.kldiv"], abs=1e-6
    )


def test_the_loss_has_finite_gradients_where_the_map_is_zero() -> None:
    pred = torch.rand(1, 8, 8).mul(torch.arange(8) > 3).requires_grad_()
    torch.autograd.backward(
        loss(pred, GroundTruth(torch.rand(1, 8, 8), torch.ones(1, 8, 8) > 0, 0))
    )
    assert pred.grad is not None
    assert pred.grad.isfinite().all()
