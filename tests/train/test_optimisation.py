"""Recipes of entries: groups of parameters, schedules, and a phase trained by one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from avrsp import models
from avrsp.errors import AvrspError, ParamsError
from avrsp.models.recipe import MethodRecipe, ParameterGroup
from avrsp.models.saved import load_model
from avrsp.params import RecipeParams, TrainParams
from avrsp.train.optimisation import Schedule, optimiser_for
from avrsp.train.state import Training
from tests.models.tiny import ENTRY
from tests.train import small
from tests.train.test_phase import ENCODER, PHASE, RECIPE, Listener, done, videos

__all__ = ["videos"]


def numbers(method: MethodRecipe, **train: Any) -> Any:
    return replace(RECIPE, method=method, train=RECIPE.train.model_copy(update=train))


def test_the_first_group_that_matches_takes_a_parameter() -> None:
    model = models.build("avrsp", width=0.05)
    method = MethodRecipe(
        optimiser="sgd",
        options={"momentum": 0.9, "dampening": 0.9},
        groups=(ParameterGroup(pattern=r"^encoder\.", rate=0.01, scheduled=False),
                ParameterGroup(pattern="bias$", rate=2.0, weight_decay=0.0)),
    )  # fmt: skip
    encoder, biases, rest = optimiser_for(model, numbers(method, lr=0.1)).param_groups
    assert [group["lr"] for group in (encoder, biases, rest)] == pytest.approx([0.001, 0.2, 0.1])
    assert [group["weight_decay"] for group in (encoder, biases, rest)] == [1e-5, 0.0, 1e-5]
    assert (rest["momentum"], rest["dampening"]) == (0.9, 0.9)
    held = [each for group in (encoder, biases, rest) for each in group["params"]]
    assert len(held) == len({id(each) for each in held}) == len([*model.parameters()])
    assert {id(each) for each in encoder["params"]} == {
        id(each) for each in model.get_submodule("encoder").parameters()
    }


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("constant", [1, 1, 1, 1]),
        ("steps", [1, 0.1, 0.1, 0.01]),
        ("exponential", [0.1, 0.01, 1e-3, 1e-4]),
        ("cosine", [0.853553, 0.5, 0.146447, 0]),
    ],
)
def test_a_schedule_is_for_the_groups_that_follow_it(decay: str, expected: list[float]) -> None:
    groups = (ParameterGroup(pattern="bias", scheduled=False),)
    chosen = numbers(
        MethodRecipe(groups=groups, milestones=(0.5, 1.0)), lr=2.0, epochs=4, decay=decay
    )
    optimiser = optimiser_for(nn.Linear(2, 2), chosen)
    schedule, found = Schedule(optimiser, chosen), []
    for epoch in range(1, 5):
        schedule.after(epoch, 1.0)
        fixed, moving = (group["lr"] for group in optimiser.param_groups)
        assert fixed == 2.0
        found.append(moving / 2)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_part_stays_as_it_is_until_it_begins() -> None:
    groups = (ParameterGroup(pattern=r"conv\.bias", begins=0.5),)
    method = MethodRecipe(optimiser="sgd", weight_decay=0.1, groups=groups)
    training = Training(small.Plain(), numbers(method, lr=0.1, epochs=2, decay="constant"))
    first = training.model.get_parameter("conv.bias").detach().clone()
    training.update([small.batch_of(2, 0)])
    assert torch.equal(training.model.get_parameter("conv.bias"), first)
    training.at.epoch = 1
    training.update([small.batch_of(2, 0)])
    assert not torch.equal(training.model.get_parameter("conv.bias"), first)


def test_gradients_are_summed_and_limited_where_the_recipe_says_so() -> None:
    def change(method: MethodRecipe) -> torch.Tensor:
        torch.manual_seed(0)
        training = Training(small.Plain(), numbers(method, lr=100.0))
        before = training.model.get_parameter("conv.weight").detach().clone()
        training.update([small.batch_of(2, 0), small.batch_of(2, 1)])
        return training.model.get_parameter("conv.weight").detach() - before

    plain = MethodRecipe(optimiser="sgd", weight_decay=0.0)
    mean, total = change(plain), change(replace(plain, summed=True))
    torch.testing.assert_close(total, 2 * mean, rtol=1e-4, atol=1e-4)
    limited = change(replace(plain, clip_norm=1e-3))
    assert limited.norm() <= 100 * 1e-3 * (1 + 1e-4)
    torch.testing.assert_close(limited / limited.norm(), mean / mean.norm(), rtol=1e-3, atol=1e-4)


def test_the_authors_numbers_take_the_place_of_those_in_params_yaml() -> None:
    recipe = MethodRecipe(
        paper={"pretrain": {"lr": 0.1}}, sample={"decay": "steps"}, milestones=(0.5,)
    )
    given, unset = RECIPE.train, RecipeParams()
    wanted = given.model_copy(update={"lr": 0.1})
    assert recipe.train("paper", "pretrain", given, unset) == wanted
    assert recipe.train("paper", "finetune", given, unset) == given
    assert recipe.train("sample", "finetune", given, unset).decay == "steps"
    assert isinstance(recipe.train("sample", "pretrain", given, unset), TrainParams)


def test_a_number_of_ones_own_wins_over_the_authors() -> None:
    recipe = MethodRecipe(sample={"decay": "steps", "lr": 0.1}, milestones=(0.5,))
    own = RecipeParams(lr=0.3, flip=not RECIPE.train.flip)
    found = recipe.train("sample", "finetune", RECIPE.train, own)
    assert (found.decay, found.lr, found.flip) == ("steps", 0.3, own.flip)


def test_steps_without_a_recipe_that_names_them_are_refused() -> None:
    with pytest.raises(ParamsError, match="decay: found 'steps'"):
        MethodRecipe().train("sample", "finetune", RECIPE.train, RecipeParams(decay="steps"))


def test_another_entry_trains_by_its_own_recipe(videos: Any, tmp_path: Path) -> None:
    method = ENTRY.recipe
    train = method.train("sample", "finetune", RECIPE.train, RecipeParams())
    phase = replace(
        PHASE,
        run="av",
        entry=ENTRY,
        settings=ENTRY.chosen({"channels": 2, "width": 0.5}, audio=True),
        encoder=ENCODER,
        recipe=replace(RECIPE, method=method, train=train),
    )
    out, record = done(phase, videos, tmp_path)
    assert isinstance(record, Listener)
    model, spec, config = load_model(out)
    assert (config.model, spec.length, spec.predicted) == ("tiny", 6, "middle")
    torch.manual_seed(0)
    start = ENTRY.build(ENTRY.checked(phase.settings))
    assert any(
        not torch.equal(a, b) for a, b in zip(model.parameters(), start.parameters(), strict=True)
    )
    (row,) = json.loads((out / "history.json").read_text())
    assert row["lr"] == pytest.approx(10 * RECIPE.train.lr)


class Pooled(nn.Module):
    """Normalises the mean of a clip over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, frames: Tensor, *_: Tensor) -> Tensor:
        pooled = self.norm(self.conv(frames / 128 - 1).mean((2, 3, 4)))
        size = len(frames), small.SPEC.height, small.SPEC.width
        return torch.sigmoid(pooled.sum(1))[:, None, None].expand(size)


def test_a_clip_alone_in_its_batch_is_one_line() -> None:
    training = Training(Pooled(), small.recipe())
    training.update([small.batch_of(2, 0)])
    with pytest.raises(AvrspError, match=r"clip0: alone in its batch.*raise `clips_per_video`"):
        training.update([small.batch_of(1, 0)])
