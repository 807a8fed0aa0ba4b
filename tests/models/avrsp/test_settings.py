"""What every row of Tables III, IV and V promises, at the smallest width."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from avrsp.models import registry
from avrsp.params import FUSIONS
from avrsp.types import SOUND_RATE

TABLE_III = [
    {"audio": audio, "synergy": synergy, "gate": gate}
    for audio, synergy, gate in product((False, True), repeat=3)
]
TABLE_IV = [{"audio": audio, "pairs": pairs} for audio in (False, True) for pairs in (0, 1, 2, 4)]
TABLE_V = [{"fusion": fusion} for fusion in FUSIONS if fusion != "ravf"]
ROWS: list[dict[str, Any]] = [*TABLE_III, *TABLE_IV, *TABLE_V]

# A bias before batch normalisation: the mean takes it away again (D18).
CANCELLED = {f"listen.soundnet.layers.{layer}.0.bias" for layer in range(7)}

SHOWN = [{"audio": False, "pairs": 2}, {"fusion": "mbt"}, {"audio": True, "pairs": 4}]
EVERY_LENGTH = [pytest.param(row, marks=() if row in SHOWN else pytest.mark.slow) for row in ROWS]

Clips = tuple[Tensor, Tensor]


def network(row: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    return registry.build("avrsp", width=0.05, **row)


def clips(batch: int, length: int = 8) -> Clips:
    generator = torch.Generator().manual_seed(batch + length)
    shape = (batch, 3, length, 64, 96)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    sound = torch.rand(batch, 1, SOUND_RATE * length // 10, generator=generator)
    return frames, 2 * sound - 1


def label(row: dict[str, Any]) -> str:
    return "-".join(f"{key}={value}" for key, value in row.items())


def listens(row: dict[str, Any]) -> bool:
    return bool(row.get("audio", True)) and row.get("fusion") != "visual"


def check_map(saliency: Tensor, frames: Tensor) -> None:
    assert saliency.shape == (len(frames), *frames.shape[3:])
    assert saliency.dtype == torch.float32
    assert saliency.isfinite().all()
    assert (saliency >= 0).all()
    assert (saliency <= 1).all()


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_every_parameter_learns_within_two_steps(row: dict[str, Any]) -> None:
    model = network(row)
    frames, sound = clips(2)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    learnt = set()
    for _ in range(2):
        optimiser.zero_grad()
        saliency = model(frames, sound)
        (saliency * torch.linspace(-1, 1, saliency.numel()).view_as(saliency)).sum().backward()
        check_map(saliency, frames)
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            if parameter.grad.any():
                learnt.add(name)
        optimiser.step()
    names = {name for name, _ in model.named_parameters()}
    assert names - learnt <= CANCELLED


@pytest.mark.parametrize("length", [8, 16, 32])
@pytest.mark.parametrize("row", EVERY_LENGTH, ids=label)
def test_every_clip_length_trains_at_batch_1(row: dict[str, Any], length: int) -> None:
    model = network(row)
    frames, sound = clips(1, length)
    saliency = model(frames, sound)
    saliency.square().sum().backward()
    check_map(saliency, frames)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_a_batch_of_two_is_two_batches_of_one(row: dict[str, Any]) -> None:
    model = network(row).eval()
    frames, sound = clips(2)
    with torch.no_grad():
        both = model(frames, sound)
        each = torch.cat([model(frames[i : i + 1], sound[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(both, each, rtol=0, atol=1e-5)
        changed = not torch.equal(both, model(frames, sound.flip(0)))
    assert changed == listens(row)


@pytest.mark.parametrize("row", [{"audio": False}, {}, {"fusion": "bilinear"}], ids=label)
def test_bf16_agrees(row: dict[str, Any]) -> None:
    model = network(row).eval()
    frames, sound = clips(2)
    with torch.no_grad():
        exact = model(frames, sound)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(frames, sound)
    torch.testing.assert_close(rounded, exact, rtol=0, atol=2e-2)


@pytest.mark.parametrize("fusion", [name for name in FUSIONS if name != "visual"])
@pytest.mark.parametrize("training", [False, True])
def test_a_silent_clip_ignores_its_buffer(fusion: str, training: bool) -> None:
    model = network({"fusion": fusion}).train(training)
    frames, sound = clips(3)
    sounding = torch.tensor([True, False, True])
    noise = sound.clone()
    noise[1] = torch.nan
    with torch.no_grad():
        quiet, noisy = model(frames, sound, sounding), model(frames, noise, sounding)
        torch.testing.assert_close(quiet, noisy, rtol=0, atol=0)
        if not training:
            torch.testing.assert_close(quiet[1:2], model(frames[1:2]), rtol=0, atol=1e-6)
            assert not torch.allclose(quiet[0], model(frames)[0], atol=1e-7)


def test_a_part_that_is_off_has_no_parameters() -> None:
    def parts(row: dict[str, Any]) -> set[str]:
        return {name.split(".")[0] for name, _ in network(row).named_parameters()}

    assert parts({}) == {"encoder", "neck", "listen", "synergy", "gate", "decoder"}
    assert parts({"audio": False}) == parts({"fusion": "visual"}) == parts({}) - {"listen"}
    assert parts({"synergy": False}) == parts({}) - {"synergy"}
    assert parts({"gate": False}) == parts({}) - {"gate"}
    assert parts({"pairs": 0}) == parts({}) - {"synergy", "gate"}


def test_the_visual_network_has_two_names() -> None:
    frames, sound = clips(1)
    silent, visual = network({"audio": False}).eval(), network({"fusion": "visual"}).eval()
    with torch.no_grad():
        torch.testing.assert_close(silent(frames), visual(frames, sound), rtol=0, atol=0)
