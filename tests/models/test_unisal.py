from __future__ import annotations

import hashlib
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from avrsp.models import unisal
from avrsp.models.layers.domainnorm import DomainNorm
from avrsp.models.layers.folding import folded
from avrsp.models.layers.smoothing import enlarged_and_smoothed
from avrsp.models.unisal import Domain, Settings, Unisal
from avrsp.models.weights import read_torch
from tests.models import golden
from tests.models.golden import REPOSITORY, Golden

WEIGHTS = REPOSITORY.parent / "shared" / "weights" / "unisal" / "weights_best.pth"
DOMAINS = pytest.mark.parametrize("domain", ["dhf1k", "salicon"])


def reference(domain: Domain) -> tuple[Golden, Unisal]:
    """Return what the original gave with a domain, and the network with the original's weights."""
    small, network = golden.small(f"unisal_{domain}"), Unisal(Settings(domain=domain))
    small.fill(network)
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
    golden.assert_same_tensors(Unisal(), golden.small("unisal_dhf1k"))


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
    golden.assert_gradients(network, outputs, small)


@DOMAINS
def test_it_equals_the_original_at_full_size(domain: Domain) -> None:
    native, network = golden.native(f"unisal_{domain}"), Unisal(Settings(domain=domain))
    native.fill(network)
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
        network.select("salicon")
        logs, state = network.step(image, None)
        assert state is None
        torch.testing.assert_close(logs, network.from_normalised(image))
    assert (still - moving).abs().max() > 0.01


@pytest.mark.parametrize("length", [3, 5, 38])
def test_each_frame_of_a_video_is_predicted_by_the_originals_order(length: int) -> None:
    network, clip = small_network().double().eval(), video(length, 32, 64)
    expected: dict[int, Tensor] = {}
    for chunks in unisal.subsequences(length, 5):
        state = None
        for chunk in chunks:
            with torch.no_grad():
                logs, state = network.step(network.normalised(clip[None, :, list(chunk)]), state)
            expected |= zip(chunk, unisal.saliency(logs[0]), strict=True)
    maps = list(unisal.predict_video(network, clip.unbind(1)))
    assert len(maps) == length == len(expected)
    for index, each in enumerate(maps):
        torch.testing.assert_close(each, expected[index], atol=1e-12, rtol=0)


def test_chunks_are_six_frames_five_apart() -> None:
    first, *_, last = unisal.subsequences(64, 5)
    assert [list(chunk) for chunk in first] == [
        [0, 5, 10, 15, 20, 25],
        [30, 35, 40, 45, 50, 55],
        [60],
    ]
    assert [list(chunk) for chunk in last][-1] == [34, 39, 44, 49, 54, 59]
    assert len(unisal.subsequences(2, 5)) == 2


def test_the_map_of_a_window_is_its_last_frames() -> None:
    network, windows = small_network().eval(), torch.stack([video(3), video(3).flip(1)])
    with torch.no_grad():
        maps = network(windows, torch.ones(2, 1, 6615), torch.ones(2, dtype=torch.bool))
        logs = network.from_normalised(network.normalised(windows))
    assert maps.shape == (2, 64, 96)
    torch.testing.assert_close(maps, unisal.saliency(logs[:, -1]))
    assert maps.min() >= 0
    torch.testing.assert_close(maps.amax((1, 2)), torch.ones(2))
    torch.testing.assert_close(logs.exp().sum((2, 3)), torch.ones(2, 3))


def test_frames_are_normalised_by_imagenet() -> None:
    grey = torch.full((1, 3, 1, 1, 1), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(small_network().normalised(grey).flatten(), expected)


def test_each_domain_has_its_own_map() -> None:
    network = Unisal()
    golden.small("unisal_dhf1k").fill(network)
    clip, maps = frames(golden.small("unisal_salicon"), "small"), []
    for domain in unisal.DOMAINS:
        network.select(domain)
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
    terms = unisal.loss_terms(logs, density, fixations)
    values = golden.loss_values()
    for name, term in zip(("kld", "nss", "cc"), terms, strict=True):
        expected = torch.tensor(values[f"unisal.{name} B x T"])
        torch.testing.assert_close(term.float(), expected, atol=1e-6, rtol=0)
    kl, nss, cc = (term.mean() for term in terms)
    expected = kl - 0.1 * nss - 0.1 * cc
    torch.testing.assert_close(unisal.loss(logs, density, fixations), expected)


def test_the_loss_is_taken_at_the_size_of_the_ground_truth() -> None:
    logits, density, _ = (each[:, None].double() for each in golden.loss_inputs())
    large = F.interpolate(density, scale_factor=2)
    enlarged = F.interpolate(logits, size=(80, 112), mode="bilinear")
    expected, given = (
        unisal.loss(each.flatten(2).log_softmax(-1).view_as(each), large, large > 0.8)
        for each in (enlarged, logits)
    )
    torch.testing.assert_close(given, expected)


def test_a_frame_without_fixations_has_nss_one() -> None:
    logits, density, _ = (each[:, None] for each in golden.loss_inputs())
    fixations = torch.zeros_like(density, dtype=torch.bool)
    logs = logits.flatten(2).log_softmax(-1).view_as(logits).requires_grad_()
    _, nss, _ = unisal.loss_terms(logs, density, fixations)
    assert nss.tolist() == [[1], [1]]
    unisal.loss(logs, density, fixations).backward()  # type: ignore[no-untyped-call]
    assert logs.grad is not None
    assert logs.grad.isfinite().all()


def test_the_encoder_learns_at_a_tenth() -> None:
    network = small_network()
    encoder, others = unisal.parameter_groups(network)
    counted = len(encoder["params"]) + len(others["params"])
    assert counted == len(list(network.parameters()))
    assert len(encoder["params"]) == len(list(network.cnn.parameters()))
    assert encoder["lr"] == pytest.approx(0.004)
    assert others["weight_decay"] == pytest.approx(1e-4)


def test_a_small_network_learns_a_clip() -> None:
    network = small_network().train()
    clip = network.normalised(torch.stack([video(2), video(2).flip(3)]))
    density = torch.zeros(2, 2, 64, 96)
    density[:, :, 20:30, 40:60] = 1
    optimiser = torch.optim.SGD(unisal.parameter_groups(network), momentum=0.9)
    losses = []
    for _ in range(8):
        loss = unisal.loss(network.from_normalised(clip), density, density > 0)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), unisal.RECIPE.clip_norm)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.5


@pytest.mark.data
def test_the_published_weights_load() -> None:
    if not WEIGHTS.is_file():
        pytest.skip(f"no {WEIGHTS}: the published weights are not in the repository")
    (published,) = unisal.CHECKPOINTS
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == published.sha256
    network = Unisal()
    network.load_state_dict(read_torch(WEIGHTS), strict=True)
    disc = torch.full((3, 1, 224, 384), 40, dtype=torch.uint8)
    disc[0, 0, 100:130, 280:310] = 250
    with torch.no_grad():
        saliency = network.eval()(disc[None])[0]
    row, column = divmod(int(saliency.argmax()), 384)
    assert 95 < row < 135
    assert 275 < column < 315
