"""What every entry of the registry promises, whichever it is."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from avrsp import models
from avrsp.compute import autocasting
from avrsp.errors import ParamsError
from avrsp.models.registry import ModelSpec, WindowSize
from avrsp.models.saved import ModelConfig, save_model
from avrsp.prediction.engine import Request, WindowByWindow, engine
from avrsp.prediction.speed import Speed
from avrsp.train.optimisation import TrainingOutput
from avrsp.types import InputSpec
from tests.models.tiny import ENTRY

assert ENTRY.name in models.names()  # a stranger's entry, which registers itself

KINDS = [
    (name, audio)
    for name, audio in product(models.names(), (False, True))
    if models.spec(name).audio_visual or not audio
]
WITH_SOUND = [name for name, audio in KINDS if audio]
WANTED = WindowSize(8, 64, 64)

each_kind = pytest.mark.parametrize(("name", "audio"), KINDS)


def made(name: str, *, audio: bool) -> tuple[nn.Module, InputSpec, dict[str, Any], ModelSpec]:
    entry = models.spec(name)
    settings = entry.chosen(entry.tiny, audio=audio)
    torch.manual_seed(0)
    return models.build(name, **settings), entry.input(settings, WANTED), settings, entry


def clips(spec: InputSpec, batch: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(batch)
    shape = (batch, 3, spec.length, spec.height, spec.width)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return frames, 2 * torch.rand(batch, 1, spec.samples, generator=generator) - 1


@each_kind
def test_a_map_for_each_clip_and_a_gradient_for_each_part(name: str, audio: bool) -> None:
    model, spec, _, _ = made(name, audio=audio)
    frames, sound = clips(spec, 2)
    saliency = model(frames, sound)
    assert saliency.shape == (2, spec.height, spec.width)
    assert saliency.isfinite().all()
    assert (saliency >= 0).all()
    (saliency * torch.linspace(-1, 1, saliency.numel()).view_as(saliency)).sum().backward()
    for part, module in model.named_children():
        gradients = [each.grad for each in module.parameters() if each.grad is not None]
        assert all(gradient.isfinite().all() for gradient in gradients), part
        assert not [*module.parameters()] or any(gradient.any() for gradient in gradients), part


@each_kind
def test_every_part_that_learns_has_a_share_in_what_the_loss_is_of(name: str, audio: bool) -> None:
    """Else processes that train together would wait for its gradient."""
    model, spec, _, entry = made(name, audio=audio)
    output = TrainingOutput(model.train(), entry.recipe_for(audio=audio))
    found = output(*clips(spec, 2))
    parts = [found] if isinstance(found, Tensor) else found
    torch.autograd.backward(torch.stack([each.sum() for each in parts]).sum())
    learning = {key: each for key, each in model.named_parameters() if each.requires_grad}
    assert [key for key, each in learning.items() if each.grad is None] == []


@each_kind
def test_it_predicts_in_bf16_on_the_cpu(name: str, audio: bool) -> None:
    model, spec, _, _ = made(name, audio=audio)
    frames, sound = clips(spec, 1)
    with torch.no_grad(), autocasting(torch.device("cpu"), "bf16"):
        assert model.eval()(frames, sound).isfinite().all()


@each_kind
def test_a_batch_of_two_is_two_of_one_and_sound_matters_where_it_is_taken(
    name: str, audio: bool
) -> None:
    model, spec, _, _ = made(name, audio=audio)
    model.eval()
    frames, sound = clips(spec, 2)
    with torch.no_grad():
        both = model(frames, sound)
        single = torch.cat([model(frames[i : i + 1], sound[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(both, single, rtol=0, atol=1e-5)
        assert torch.equal(both, model(frames, sound / 2)) != audio
    assert spec.audio == audio


@pytest.mark.parametrize("name", WITH_SOUND)
def test_a_silent_clip_ignores_its_buffer(name: str) -> None:
    model, spec, _, _ = made(name, audio=True)
    model.eval()
    frames, sound = clips(spec, 3)
    sounding = torch.tensor([True, False, True])
    noise = sound.clone()
    noise[1] = torch.nan
    with torch.no_grad():
        quiet = model(frames, sound, sounding)
        torch.testing.assert_close(quiet, model(frames, noise, sounding), rtol=0, atol=0)
        torch.testing.assert_close(quiet[1:2], model(frames[1:2]), rtol=0, atol=1e-6)


@each_kind
def test_it_comes_back_from_a_folder_as_it_was(name: str, audio: bool, tmp_path: Path) -> None:
    model, spec, settings, _ = made(name, audio=audio)
    config = ModelConfig(
        model=name, settings=settings, length=spec.length, height=spec.height, width=spec.width,
        audio=audio, run="run", digest="", mlflow_run=None,
    )  # fmt: skip
    save_model(tmp_path, model, config)
    found, same = models.load(tmp_path)
    assert same == spec
    assert not found.training
    frames, sound = clips(spec, 1)
    with torch.no_grad():
        assert torch.equal(found(frames, sound), model.eval()(frames, sound))


@each_kind
def test_its_engine_predicts_every_frame(name: str, audio: bool) -> None:
    model, spec, _, entry = made(name, audio=audio)
    pace = Speed(torch.device("cpu"), "float32", 2)
    frames, sound = clips(replace(spec, length=9), 1)
    video, request = frames[0].permute(1, 2, 3, 0).numpy(), Request(sound[0, 0].numpy(), 25.0)
    maps = [*engine(model.eval(), spec, pace, entry.engine).maps(video, request)]
    assert [each.shape for each in maps] == [(spec.height, spec.width)] * 9
    if entry.engine == "reuse":
        plain = WindowByWindow(model, spec, pace).maps(video, request)
        for found, expected in zip(maps, plain, strict=True):
            torch.testing.assert_close(
                torch.from_numpy(found), torch.from_numpy(expected), rtol=0, atol=1e-5
            )


@pytest.mark.parametrize("name", models.names())
def test_it_says_what_it_is(name: str) -> None:
    entry = models.spec(name)
    assert entry.name == name
    assert all((entry.title, entry.citation, entry.licence))
    assert entry.input({}).length > 0
    assert set(entry.tiny) <= entry.settings.model_fields.keys()
    parts: set[str] = set()
    for variant in entry.variants.values():
        with torch.device("meta"):
            network = models.build(name, **variant.settings)
        keys = [variant.published_key(key) for key in network.state_dict()]
        assert len(set(keys)) == len(keys)
        assert not variant.unused().keys() & set(keys)
        parts |= {part for part, _ in network.named_modules()}
    assert {each.part for each in entry.encoders} <= parts
    for checkpoint in entry.checkpoints:
        assert all((checkpoint.file, checkpoint.learnt_from, checkpoint.place, checkpoint.licence))
        assert checkpoint.variant in entry.variants
    if not entry.audio_visual:
        with pytest.raises(ParamsError, match="takes no sound"):
            entry.chosen({}, audio=True)
