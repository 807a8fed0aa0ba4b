"""ViNet-S against what the original gives from the same weights and frames."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from avrsp.models.recipe import GroundTruth
from avrsp.models.vinet_s import ENTRY, Settings, ViNetS, loss
from tests.models import golden

FORM = ENTRY.variants["v"]
NETWORKS = {"vinet_s": Settings(), "vinet_s_train_upsampling": Settings(aligned=True)}


def filled(reference: golden.Golden) -> ViNetS:
    model = ViNetS(NETWORKS[reference.name])
    reference.fill(model, FORM)
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_and_gradients_equal_the_originals(name: str) -> None:
    reference = golden.small(name)
    model, frames = filled(reference), reference.frames("small")
    golden.assert_same_maps(model, frames, reference, FORM)


def test_tensors_and_cost_are_the_originals() -> None:
    reference = golden.small("vinet_s")
    with torch.device("meta"):
        model = ViNetS(Settings())
        frames = torch.empty(reference.meta["cases"]["small"]["inputs"]["frames"]["shape"])
        with FlopCounterMode(display=False) as counter:
            model.from_normalised(frames)
    golden.assert_same_tensors(model, reference, FORM)
    assert counter.get_total_flops() == 2 * reference.meta["cases"]["small"]["macs"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_maps_at_full_size_equal_the_originals(name: str) -> None:
    reference = golden.native(name)
    with torch.no_grad():
        saliency = filled(reference).from_normalised(reference.frames("native"))
    expected = reference.outputs("native")["saliency"]
    assert (saliency - expected).abs().max() < 4 * reference.noise("small", "saliency")


def test_any_width_can_be_built() -> None:
    frames = torch.randint(256, (2, 3, 32, 32, 64), dtype=torch.uint8)
    for width in (0.05, 0.125, 0.3):
        assert ViNetS(Settings(width=width)).eval()(frames).shape == (2, 32, 64)


def test_the_loss_is_the_originals_divergence_less_its_correlation() -> None:
    logits, true, _ = golden.loss_inputs()
    values = golden.loss_values()
    expected = values["vinet.kldiv"] - values["vinet.cc"]
    assert loss(logits.sigmoid(), GroundTruth(true, true > 0, 0)).item() == pytest.approx(
        expected, abs=1e-6
    )
