"""TASED-Net against what the original gives from the same weights and frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from avrsp.models import tased
from avrsp.models.layers.unpool import peaks, unpooled
from avrsp.models.tased import TASED, Settings, finished, loss, published_key, window
from tests.models import golden, renamed


@pytest.fixture(scope="module")
def reference() -> golden.Golden:
    return golden.small("tased")


@pytest.fixture
def model(reference: golden.Golden) -> TASED:
    network = TASED()
    renamed.fill(network, reference, published_key, {})
    return network


def test_tensors_have_the_published_names_and_shapes(reference: golden.Golden) -> None:
    renamed.assert_same_tensors(TASED(), reference, published_key, {})


def test_maps_and_gradients_equal_the_originals(reference: golden.Golden, model: TASED) -> None:
    frames = reference.frames("small")
    expected = reference.outputs("small")["saliency__f64"].double()
    with torch.no_grad():
        single = model.from_normalised(frames)
    assert (single - expected).abs().max() < 4 * reference.noise("small", "saliency")
    saliency = model.double().from_normalised(frames.double())
    assert (saliency - expected).abs().max() < 1e-6
    renamed.assert_gradients(model, saliency, reference, published_key)


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


def test_a_batch_is_learned_at_a_small_width_by_the_recipes_rates() -> None:
    torch.manual_seed(1)
    model = TASED(Settings(width=0.125))
    frames = torch.randint(256, (1, 3, 32, 32, 32), dtype=torch.uint8)
    density = torch.zeros(1, 32, 32)
    density[:, 4:12, 4:12] = 1
    groups = tased.parameter_groups(model)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    optimiser = torch.optim.SGD(groups, momentum=tased.RECIPE.momentum)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        losses.append(loss(model(frames), density))
        torch.autograd.backward(losses[-1])
        optimiser.step()
    assert losses[-1] < 0.5 * losses[0]


def test_the_loss_equals_the_originals() -> None:
    logits, true, _ = golden.loss_inputs()
    (expected,) = (value for name, value in golden.loss_values().items() if "tased" in name)
    assert loss(logits.sigmoid(), true).item() == pytest.approx(expected, abs=1e-6)


def test_windows_end_at_their_frame() -> None:
    assert window(40, 100) == list(range(9, 41))
    assert window(31, 100) == list(range(32))
    assert window(30, 100) == list(range(61, 29, -1))
    assert window(2, 4) == [3] * 31 + [2]


def test_finished_maps_are_cut_to_steps_blurred_and_have_maximum_one() -> None:
    maps = torch.rand(2, 40, 24, generator=torch.Generator().manual_seed(1))
    for ours, each in zip(finished(maps), maps.double().numpy(), strict=True):
        expected = gaussian_filter(np.floor(each * 255) / 255, 7.0)
        np.testing.assert_allclose(ours.numpy(), expected / expected.max(), atol=1e-5)
    assert not finished(torch.zeros(1, 8, 8)).any()
