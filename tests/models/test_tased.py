"""TASED-Net against what the original gives from the same weights and frames."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from avrsp.models.recipe import GroundTruth
from avrsp.models.tased import ENTRY, TASED, Settings, loss, peaks, unpooled
from tests.models import golden

FORM = ENTRY.variants["v"]


@pytest.fixture(scope="module")
def reference() -> golden.Golden:
    return golden.small("tased")


@pytest.fixture
def model(reference: golden.Golden) -> TASED:
    network = TASED()
    reference.fill(network, FORM)
    return network


def test_tensors_have_the_published_names_and_shapes(reference: golden.Golden) -> None:
    golden.assert_same_tensors(TASED(), reference, FORM)


def test_maps_and_gradients_equal_the_originals(reference: golden.Golden, model: TASED) -> None:
    frames = reference.frames("small")
    golden.assert_same_maps(model, frames, reference, FORM)


@pytest.mark.slow
def test_maps_at_full_size_equal_the_originals(model: TASED) -> None:
    reference = golden.native("tased")
    with torch.no_grad():
        saliency = model.from_normalised(reference.frames("native"))
    apart = (saliency - reference.outputs("native")["saliency"]).abs()
    # Another processor may round otherwise, and pooling then finds the other of two pixels that
    # are equal but for that: the original in float64 leaves its own float32 maps at 187 pixels.
    assert (apart < 4 * reference.noise("small", "saliency")).float().mean() > 0.99
    assert apart.max() < 0.1


@pytest.mark.parametrize(("kernel", "padding"), [(2, 0), (3, 1)])
def test_unpooling_equals_torchs_on_one_thread(kernel: int, padding: int) -> None:
    x = torch.relu(golden.normal("x", (2, 3, 4, 8, 12)))  # zeros, so that there are ties
    values = golden.normal("values", (2, 3, 4, 4, 6))
    sizes = ((1, kernel, kernel), (1, 2, 2), (0, padding, padding))
    _, places = nn.MaxPool3d(*sizes, return_indices=True)(x)
    ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
    found = unpooled(ours, peaks(x, kernel=kernel, padding=padding))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = nn.MaxUnpool3d(*sizes)(theirs, places, output_size=x.shape)
    torch.set_num_threads(before)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    weights = golden.normal("weights", tuple(x.shape))
    for output in (found, expected):
        torch.autograd.backward((output * weights).sum())
    assert ours.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0)


def test_frames_are_read_between_minus_one_and_one() -> None:
    model = TASED(Settings(width=0.125)).eval()
    frames = torch.randint(256, (2, 3, 32, 32, 64), dtype=torch.uint8)
    with torch.no_grad():
        saliency = model(frames)
        expected = model.from_normalised(frames * (2 / 255) - 1)
    assert saliency.shape == (2, 32, 64)
    torch.testing.assert_close(saliency, expected)


def test_the_loss_equals_the_originals() -> None:
    logits, true, _ = golden.loss_inputs()
    (expected,) = (value for name, value in golden.loss_values().items() if "tased" in name)
    assert loss(logits.sigmoid(), GroundTruth(true, true > 0, 0)).item() == pytest.approx(
        expected, abs=1e-6
    )
