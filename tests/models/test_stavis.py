"""STAViS against what the original gives from the same weights, frames and sound."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from avrsp.errors import WeightsError
from avrsp.models import stavis
from avrsp.models.layers.soundnet import SoundNet
from avrsp.models.recipe import GroundTruth
from avrsp.models.registry import Variant
from avrsp.models.stavis import ENTRY, PAPER, RULES, Settings, STAViS, loss, loss_terms
from avrsp.models.weights import convert_encoder, load_into
from tests.models import golden

NETWORKS = {"stavis_v": Settings(), "stavis_av": Settings(variant="av")}


@pytest.fixture(params=NETWORKS)
def reference(request: pytest.FixtureRequest) -> golden.Golden:
    return golden.small(request.param)


def form(reference: golden.Golden) -> Variant:
    return ENTRY.variants[NETWORKS[reference.name].variant]


def filled(reference: golden.Golden) -> STAViS:
    network = STAViS(NETWORKS[reference.name])
    reference.fill(network, form(reference))
    return network


def inputs(reference: golden.Golden, case: str) -> tuple[Tensor, Tensor]:
    return reference.frames(case), reference.sound(case)[:, 0]


def outputs(network: STAViS, frames: Tensor, sound: Tensor) -> dict[str, Tensor]:
    """Name what is supervised as the references do."""
    *sides, logits = network.all_logits(frames, sound)
    return {f"logits_{depth}": side for depth, side in enumerate(sides)} | {"logits": logits}


def test_tensors_have_the_published_names_and_shapes(reference: golden.Golden) -> None:
    golden.assert_same_tensors(STAViS(NETWORKS[reference.name]), reference, form(reference))


def test_logits_and_gradients_equal_the_originals(reference: golden.Golden) -> None:
    network, (frames, sound) = filled(reference), inputs(reference, "small")
    expected = reference.outputs("small")
    with torch.no_grad():
        single = outputs(network, frames, sound)
    found = outputs(network.double(), frames.double(), sound.double())
    assert {f"{name}__f64" for name in found} == expected.keys()
    for name, logits in found.items():
        exact = expected[f"{name}__f64"][:, 0].double()
        assert (single[name] - exact).abs().max() < 4 * reference.noise("small", name)
        assert (logits - exact).abs().max() < 1e-5
    golden.assert_gradients(network, found, reference, form(reference))


@pytest.mark.slow
def test_logits_at_full_size_equal_the_originals(reference: golden.Golden) -> None:
    reference = golden.native(reference.name)
    with torch.no_grad():
        found = outputs(filled(reference), *inputs(reference, "native"))
    for name, expected in reference.outputs("native").items():
        apart = (found[name] - expected[:, 0]).abs().max()
        assert apart < 4 * reference.noise("small", name)


def test_a_batch_of_one_gives_what_it_gives_among_others(reference: golden.Golden) -> None:
    network, (frames, sound) = filled(reference), inputs(reference, "small")
    with torch.no_grad():
        both = network.from_normalised(frames, sound)
        alone = network.from_normalised(frames[1:], sound[1:])
    assert alone.shape == (1, 64, 64)
    torch.testing.assert_close(alone, both[1:], rtol=0, atol=1e-4)


def test_only_the_variant_with_sound_changes_with_it(reference: golden.Golden) -> None:
    network, (frames, sound) = filled(reference), inputs(reference, "small")
    with torch.no_grad():
        silent = network.from_normalised(frames)
        zeros = network.from_normalised(frames, torch.zeros_like(sound))
        apart = (network.from_normalised(frames, sound) - silent).abs().max().item()
    torch.testing.assert_close(zeros, silent, rtol=0, atol=0)
    meta = reference.meta["cases"]["small"]["zeroing_an_input_changes_outputs_by_max_abs"]
    assert apart == pytest.approx(meta["sound"]["logits"], rel=1e-4)


@pytest.mark.parametrize("length", [8, 16])
def test_frames_and_sound_are_scaled_first_and_absent_sound_is_zero(length: int) -> None:
    torch.manual_seed(1)
    settings = Settings.model_validate({"variant": "av", "width": 0.125})
    network = STAViS(settings).eval()
    torch.nn.init.normal_(network.fuseav.weight)  # it starts at 0.001: sound would hardly matter
    frames = torch.randint(256, (2, 3, length, 32, 48), dtype=torch.uint8)
    sound = torch.rand(2, 1, 2205 * length) * 2 - 1
    mean = torch.tensor([114.7748, 107.7354, 99.4750]).view(3, 1, 1, 1)
    with torch.no_grad():
        saliency = network(frames, sound, torch.tensor([True, False]))
        sounding = torch.sigmoid(network.from_normalised(frames - mean, sound * 256))
        silent = torch.sigmoid(network.from_normalised(frames - mean))
    assert saliency.shape == (2, 32, 48)
    torch.testing.assert_close(
        saliency, torch.stack([sounding[0], silent[1]]), rtol=1e-3, atol=1e-4
    )
    assert not torch.allclose(sounding[1], silent[1], atol=1e-3)


def sound_file() -> dict[str, Tensor]:
    """Return SoundNet's tensors under the names and shapes of the authors' own code."""
    reference = golden.small("stavis_av")
    return {
        f"module.{key}": reference.weight(key, golden.empty(key, shape))
        for key, shape in reference.shapes().items()
        if key.startswith("soundnet8.")
    }


def test_the_file_that_sound_starts_from_is_read_as_whole_networks_are(tmp_path: Path) -> None:
    torch.save(sound_file(), tmp_path / "soundnet8.pth")
    target, warning = convert_encoder("soundnet8-stavis", tmp_path / "soundnet8.pth", tmp_path)
    assert warning is None
    started, whole = SoundNet(), filled(golden.small("stavis_av")).soundnet8.state_dict()
    load_into(started, target)
    assert started.state_dict().keys() == whole.keys()
    for key, tensor in started.state_dict().items():
        assert torch.equal(tensor, whole[key]), key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("module.soundnet8.22.running_var"), r"missing soundnet8\.22\.running_var"),
        (lambda s: s.update({"module.soundnet8.25.weight": torch.zeros(1)}), "extra soundnet8.25"),
        (
            lambda s: s.update({"module.soundnet8.0.weight": torch.zeros(16, 1, 1, 32)}),
            r"misshapen soundnet8\.0\.weight: \(16, 1, 32\), expected \(16, 1, 64\)",
        ),
    ],
)
def test_a_wrong_tensor_of_that_file_is_named(
    change: Callable[[dict[str, Tensor]], object], said: str, tmp_path: Path
) -> None:
    state = sound_file()
    change(state)
    torch.save({"state_dict": state}, tmp_path / "soundnet8.pth")
    with pytest.raises(WeightsError, match=said):
        convert_encoder("soundnet8-stavis", tmp_path / "soundnet8.pth", tmp_path)
    assert not [*tmp_path.glob("*.safetensors")]


def test_enlarging_starts_bilinear() -> None:
    side = STAViS(Settings(width=0.125)).get_submodule("score_dsn.1")
    assert isinstance(side, stavis.Side)
    x = torch.rand(1, 16, 6, 5)
    enlarged = torch.nn.functional.interpolate(x, scale_factor=4, mode="bilinear")
    found = side._cropped(side.upscale(x))
    inner = (..., slice(2, -2), slice(2, -2))  # outside, one repeats edges and the other fades
    torch.testing.assert_close(found[inner], enlarged[inner])


def test_the_loss_equals_the_originals() -> None:
    logits, true, fixated = golden.loss_inputs()
    values = golden.loss_values()
    found = dict(zip(("bce", "cc", "nss"), loss_terms(logits, true, fixated), strict=True))
    for name, expected in values.items():
        if name.startswith("stavis."):
            term = found.pop(name.removeprefix("stavis.").split()[0])
            assert term.tolist() == pytest.approx(expected, abs=1e-6, rel=1e-6)
    assert not found


def test_side_maps_weigh_less_as_training_goes_on() -> None:
    logits, true, fixated = golden.loss_inputs()
    bce, correlation, lift = loss_terms(logits, true, fixated)
    one = (0.1 * bce + 2 * correlation + lift).mean()
    for progress, weight in ((0.0, 3.0), (0.75, 1.5), (1.0, 1.0)):
        found = loss([logits] * 3, GroundTruth(true, fixated, progress))
        assert found.item() == pytest.approx(weight * one.item())


def test_nobody_looking_is_no_nan() -> None:
    logits = torch.randn(1, 8, 8).requires_grad_()
    torch.autograd.backward(
        loss([logits], GroundTruth(torch.zeros(1, 8, 8), torch.zeros(1, 8, 8) > 0, 0))
    )
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(("variant", "trunk"), [("v", 1e-3), ("av", 1e-4)])
def test_learning_rates_are_those_of_the_parts(variant: str, trunk: float) -> None:
    network = STAViS(Settings.model_validate({"variant": variant, "width": 0.125}))
    method = ENTRY.recipe_for(audio=variant == "av")
    groups = method.groups
    expected = {
        "trunk.conv1.weight": trunk,
        "trunk.layer3.5.bn3.bias": trunk,
        "score_dsn.2.side_prep.weight": 1e-4,
        "score_dsn.2.side_prep.bias": 2e-4,
        "score_dsn.2.score_dsn.weight": 1e-5,
        "score_dsn.2.score_dsn.bias": 2e-5,
        "score_dsn.2.upscale.weight": 1e-5,
    }
    if variant == "av":
        expected |= {
            "soundnet8.layers.6.0.weight": 1e-3,
            "fusion3.w_a_rgb.bias": 1e-2,
            "fuseav.weight": 1e-5,
        }
    else:
        expected["fuse.bias"] = 2e-5
    assert method.paper["finetune"]["lr"] == trunk
    batch = method.sample["batch"] / (PAPER["batch"] * PAPER["accumulate"])
    assert method.sample["lr"] == trunk * (batch if variant == "av" else 1)
    for name, rate in expected.items():
        assert network.get_parameter(name) is not None
        factors = [each.rate for each in groups if re.search(each.pattern, name)]
        assert trunk * [*factors, 1.0][0] == pytest.approx(rate), name


def test_windows_have_their_frame_in_the_middle_and_repeat_at_the_end() -> None:
    rule = RULES[16]
    assert rule(8, 100).tolist() == list(range(16))
    assert rule(3, 100).tolist() == list(range(16))
    assert rule(50, 100).tolist() == list(range(42, 58))
    assert rule(99, 100).tolist() == [*range(91, 100), *range(91, 98)]
    assert rule(0, 1).tolist() == [0] * 16
    assert RULES[8](50, 100).tolist() == list(range(46, 54))
