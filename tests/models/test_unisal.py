from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from avrsp import models
from avrsp.models.import_checkpoint import import_checkpoint
from avrsp.models.layers.domainnorm import DomainNorm, folded
from avrsp.models.layers.gaussians import enlarged_and_smoothed
from avrsp.models.recipe import GroundTruth
from avrsp.models.registry import WindowSize
from avrsp.models.unisal import ENTRY, unisal_entry, unisal_network
from avrsp.models.unisal.unisal_network import Domain, Settings, Unisal
from avrsp.prediction.engine import Request, engine
from avrsp.prediction.speed import Speed
from tests.models import golden
from tests.models.golden import REPOSITORY, Golden

WEIGHTS = REPOSITORY.parent / "shared" / "weights" / "unisal" / "weights_best.pth"
FORM = ENTRY.variants["v"]
DOMAINS = pytest.mark.parametrize("domain", ["dhf1k", "salicon"])


def reference(domain: Domain) -> tuple[Golden, Unisal]:
    """Return what the original gave with a domain, and the network with the original's weights."""
    small, network = golden.small(f"unisal_{domain}"), Unisal(Settings(domain=domain))
    small.fill(network, FORM)
    return small, network


def frames(of: Golden, case: str) -> Tensor:
    """Return the frames that the original was given, as B x 3 x T x H x W."""
    described = of.meta["cases"][case]["inputs"]["frames"]
    batch, length, channels, height, width = described["shape"]
    name = f"unisal.frames.{length}x{height}x{width}"
    drawn = golden.frames(name, (batch, channels, length, height, width)).float()
    given = drawn.transpose(1, 2).contiguous().numpy().tobytes()
    assert hashlib.sha256(given).hexdigest() == described["sha256"]
    return drawn


def video(length: int, height: int = 64, width: int = 96) -> Tensor:
    """Return a uint8 RGB clip, 3 x T x H x W."""
    draw = torch.Generator().manual_seed(0)
    return torch.randint(256, (3, length, height, width), generator=draw, dtype=torch.uint8)


def small_network(domain: Domain = "dhf1k") -> Unisal:
    torch.manual_seed(0)
    return Unisal(Settings(domain=domain, width=0.25))


def test_its_tensors_are_the_published_ones() -> None:
    golden.assert_same_tensors(Unisal(), golden.small("unisal_dhf1k"), FORM)


@DOMAINS
def test_it_equals_the_original(domain: Domain) -> None:
    small, network = reference(domain)
    expected, clip = small.outputs("small"), frames(small, "small")
    noise = small.noise("small", "log_saliency")
    with torch.no_grad():
        single = network.from_normalised(clip)
        exact = network.double().from_normalised(clip.double())
    torch.testing.assert_close(single, expected["log_saliency"][:, :, 0], atol=4 * noise, rtol=0)
    target = expected["log_saliency__f64"][:, :, 0].double()
    torch.testing.assert_close(exact, target, atol=1e-6, rtol=0)


def test_its_state_equals_the_original() -> None:
    small, network = reference("dhf1k")
    with torch.no_grad():
        _, state = network.double().step(frames(small, "small").double(), None)
    expected = small.outputs("small")["hidden__f64"].double()
    assert state is not None
    torch.testing.assert_close(state, expected, atol=1e-6, rtol=0)


@DOMAINS
def test_its_gradients_are_the_original_ones(domain: Domain) -> None:
    small, network = reference(domain)
    logs, state = network.double().step(frames(small, "small").double(), None)
    outputs = {"log_saliency": logs[:, :, None]} | ({} if state is None else {"hidden": state})
    golden.assert_gradients(network, outputs, small, FORM)


@DOMAINS
def test_it_equals_the_original_at_full_size(domain: Domain) -> None:
    native, network = golden.native(f"unisal_{domain}"), Unisal(Settings(domain=domain))
    native.fill(network, FORM)
    with torch.no_grad():
        logs = network.from_normalised(frames(native, "native"))
    picked = native.meta["cases"]["native"]["picked"].get("log_saliency", [0])
    noise = native.noise("small", "log_saliency") if domain == "dhf1k" else 1e-4
    expected = native.outputs("native")["log_saliency"][:, :, 0]
    torch.testing.assert_close(logs[:, picked], expected, atol=4 * noise, rtol=0)


@pytest.mark.parametrize("cuts", [[1] * 7, [3, 1, 3], [6, 1]])
def test_a_sequence_in_parts_gives_the_maps_of_the_whole(cuts: list[int]) -> None:
    network = small_network().double().eval()
    clip = network.normalised(video(7)[None])
    with torch.no_grad():
        whole = network.from_normalised(clip)
        state, parts = None, []
        for part in torch.split(clip, cuts, dim=2):
            logs, state = network.step(part, state)
            parts.append(logs)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-12, rtol=0)


def test_an_image_is_no_sequence_of_one_frame() -> None:
    network = small_network().eval()
    image = network.normalised(video(1)[None])
    with torch.no_grad():
        still, (moving, _) = network.from_normalised(image), network.step(image, None)
        images = small_network("salicon").eval()
        logs, state = images.step(image, None)
        assert state is None
        torch.testing.assert_close(logs, images.from_normalised(image))
    assert (still - moving).abs().max() > 0.01


def by_definition(network: Unisal, clip: Tensor, step: int) -> list[Tensor]:
    """Predict as the original does: every `step`-th frame, six at a time, the state carried on."""
    maps: dict[int, Tensor] = {}
    for first in range(min(step, clip.shape[1])):
        sequence, state = range(first, clip.shape[1], step), None
        for at in range(0, len(sequence), 6):
            chunk = sequence[at : at + 6]
            with torch.no_grad():
                logs, state = network.step(network.normalised(clip[None, :, list(chunk)]), state)
            maps |= zip(chunk, unisal_network.saliency(logs[0]), strict=True)
    return [maps[frame] for frame in range(clip.shape[1])]


@pytest.mark.parametrize("domain", ["dhf1k", "hollywood", "salicon"])
@pytest.mark.parametrize("length", [3, 5, 38])
def test_each_frame_of_a_video_is_predicted_by_the_originals_order(
    length: int, domain: Domain
) -> None:
    network, clip = small_network(domain).eval(), video(length, 32, 64)
    spec = ENTRY.input({"domain": domain}, WindowSize(12, 32, 64))
    run = engine(network, spec, Speed(torch.device("cpu"), "float32", 1), ENTRY.engine)
    frames = [each.permute(1, 2, 0).numpy() for each in clip.unbind(1)]
    maps = list(run.maps(frames, Request(np.zeros(0, np.float32), 30.0, count=length)))
    expected = by_definition(network, clip, spec.step)
    assert len(maps) == length
    for found, each in zip(maps, expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(found), each, atol=1e-5, rtol=0)


def test_the_map_of_a_window_is_its_last_frames() -> None:
    network, windows = small_network().eval(), torch.stack([video(3), video(3).flip(1)])
    with torch.no_grad():
        maps = network(windows, torch.ones(2, 1, 6615), torch.ones(2, dtype=torch.bool))
        logs = network.from_normalised(network.normalised(windows))
    assert maps.shape == (2, 64, 96)
    torch.testing.assert_close(maps, unisal_network.saliency(logs[:, -1]))
    assert maps.min() >= 0
    torch.testing.assert_close(maps.amax((1, 2)), torch.ones(2))
    torch.testing.assert_close(logs.exp().sum((2, 3)), torch.ones(2, 3))


def test_frames_are_normalised_by_imagenet() -> None:
    grey = torch.full((1, 3, 1, 1, 1), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(small_network().normalised(grey).flatten(), expected)


def test_each_domain_has_its_own_map() -> None:
    clip, maps = frames(golden.small("unisal_salicon"), "small"), []
    for domain in unisal_network.DOMAINS:
        network = Unisal(Settings(domain=domain))
        golden.small("unisal_dhf1k").fill(network, FORM)
        with torch.no_grad():
            maps.append(network.from_normalised(clip))
    for one, other in itertools.combinations(maps, 2):
        assert (one - other).abs().max() > 0.01
    expected = golden.small("unisal_salicon").outputs("small")["log_saliency"][:, :, 0]
    torch.testing.assert_close(maps[-1], expected, atol=1e-4, rtol=0)


def test_smoothing_equals_a_convolution_of_the_enlarged_map() -> None:
    x, kernel = torch.randn(2, 1, 3, 5).double(), torch.randn(1, 1, 41, 41).double()
    enlarged = F.interpolate(x, scale_factor=8, mode="nearest")
    expected = F.conv2d(F.pad(enlarged, (20, 20, 20, 20), mode="replicate"), kernel)
    torch.testing.assert_close(enlarged_and_smoothed(x, kernel, 8), expected)


def test_folding_leaves_the_maps_as_they_are() -> None:
    small, network = reference("dhf1k")
    clip = frames(small, "small").double()
    fast = folded(network.double())
    assert sum(isinstance(part, DomainNorm) for part in fast.modules()) == 6  # the cell's factors
    with torch.no_grad():
        expected = network.from_normalised(clip)
        torch.testing.assert_close(fast.from_normalised(clip), expected, atol=1e-10, rtol=0)


def test_training_changes_its_own_domains_statistics_only() -> None:
    network = small_network("ucfsports").train()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    network.from_normalised(network.normalised(torch.stack([video(2), video(2).flip(3)])))
    after = network.state_dict()
    changed = {
        key for key in before if "running" in key and not torch.equal(before[key], after[key])
    }
    assert changed
    assert not {key for key in changed if key.startswith("cnn.")}
    assert all("bn_UCFSports" in key or key.startswith("post_cnn.") for key in changed)
    assert after["rnn.cell_list.0.drop_mask_1"].unique().tolist() == [0, 1.25]


def test_the_loss_is_the_originals() -> None:
    logits, density, fixations = (each[:, None] for each in golden.loss_inputs())
    fixations = fixations.bool()
    logs = logits.flatten(2).log_softmax(-1).view_as(logits)
    terms = unisal_entry.loss_terms(logs, density, fixations)
    values = golden.loss_values()
    for name, term in zip(("kld", "nss", "cc"), terms, strict=True):
        expected = torch.tensor(values[f"unisal.{name} B x T"])
        torch.testing.assert_close(term.float(), expected, atol=1e-6, rtol=0)
    kl, nss, cc = (term.mean() for term in terms)
    expected = kl - 0.1 * nss - 0.1 * cc
    truth = GroundTruth(density, fixations, 0)
    torch.testing.assert_close(unisal_entry.loss(logs, truth), expected)


def test_a_frame_without_fixations_has_nss_one() -> None:
    logits, density, _ = (each[:, None] for each in golden.loss_inputs())
    fixations = torch.zeros_like(density, dtype=torch.bool)
    logs = logits.flatten(2).log_softmax(-1).view_as(logits).requires_grad_()
    _, nss, _ = unisal_entry.loss_terms(logs, density, fixations)
    assert nss.tolist() == [[1], [1]]
    torch.autograd.backward(unisal_entry.loss(logs, GroundTruth(density, fixations, 0)))
    assert logs.grad is not None
    assert logs.grad.isfinite().all()


def test_parts_of_other_domains_do_not_learn() -> None:
    network = small_network("hollywood")
    learning = {name for name, each in network.named_parameters() if each.requires_grad}
    fixed = {name for name, _ in network.named_parameters()} - learning
    assert {"adaptation.hollywood.weight", "coarse_gaussians.hollywood"} < learning
    assert {"adaptation.dhf1k.weight", "smoothing.salicon.weight"} < fixed
    torch.autograd.backward(network(video(3)[None]).sum())
    assert learning == {name for name, each in network.named_parameters() if each.grad is not None}


@pytest.mark.data
def test_the_published_weights_load(tmp_path: Path) -> None:
    if not WEIGHTS.is_file():
        pytest.skip(f"no {WEIGHTS}: the published weights are not in the repository")
    folder, known, _ = import_checkpoint(ENTRY, WEIGHTS, tmp_path)
    assert known is ENTRY.checkpoints[0]
    network, spec = models.load(folder)
    assert (spec.height, spec.width, spec.step) == (224, 384, 5)
    disc = torch.full((3, 1, 224, 384), 40, dtype=torch.uint8)
    disc[0, 0, 100:130, 280:310] = 250
    with torch.no_grad():
        saliency = network(disc[None])[0]
    row, column = divmod(int(saliency.argmax()), 384)
    assert 95 < row < 135
    assert 275 < column < 315
