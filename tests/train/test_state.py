"""One update is the mean over its clips, however they are batched, or it is not made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avrsp.params import LossParams, OptimiserParams, TrainParams
from avrsp.train import checkpoint
from avrsp.train.clips import Batch
from avrsp.train.state import DivergenceError, Recipe, Training
from avrsp.types import Clip, Sample
from tests.train.small import Plain

RECIPE = Recipe(
    train=TrainParams(
        epochs=9,
        clips_per_video=1,
        validation_clips=1,
        batch=2,
        accumulate=2,
        lr=1e-2,
        decay="plateau",
        flip=True,
    ),
    optimiser=OptimiserParams(weight_decay=1e-2, factor=0.5, patience=0),
    loss=LossParams(kl=1.0, cc=-0.1, sim=-0.1),
    seed=7,
    precision="float32",
)


def batches(sizes: Sequence[int]) -> list[Batch]:
    """Divide always the same clips into batches of these sizes."""
    generator = torch.Generator().manual_seed(1)
    shape = (sum(sizes), 3, 4, 8, 8)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    density = torch.rand(sum(sizes), 8, 8, generator=generator)
    divided = []
    for f, d in zip(torch.split(frames, [*sizes]), torch.split(density, [*sizes]), strict=True):
        clip = Clip(f, torch.zeros(len(f), 1, 1), torch.zeros(len(f), dtype=torch.bool))
        sample = Sample(clip, d, d > 0.9)
        divided.append(Batch(sample, [f"clip{number}" for number in range(len(f))], []))
    return divided


def stepped(given: Sequence[Batch]) -> Training:
    training = Training(Plain(), RECIPE)
    training.update(given)
    return training


@pytest.mark.parametrize("sizes", [(2, 2), (3, 1), (1, 1, 2)])
def test_accumulated_batches_make_the_step_of_a_large_one(sizes: tuple[int, ...]) -> None:
    whole, parts = stepped(batches([4])), stepped(batches(sizes))
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(parts.model.state_dict()[name], tensor)
    assert parts.at.loss == pytest.approx(whole.at.loss)
    assert (parts.at.clips, parts.at.updates, parts.at.batches) == (4, 1, len(sizes))


def test_an_unreadable_batch_counts_and_weighs_nothing() -> None:
    (clip,) = batches([1])
    nothing = clip._replace(names=[])
    one, two = stepped(batches([4])), stepped([nothing, *batches([4])])
    assert torch.equal(one.model.state_dict()["conv.weight"], two.model.state_dict()["conv.weight"])
    none = stepped([nothing])
    assert torch.equal(none.model.state_dict()["conv.weight"], Plain().conv.weight)
    assert (none.at.batches, none.at.clips) == (1, 0)


def test_no_step_is_made_by_a_gradient_that_is_no_number() -> None:
    training = Training(Plain(), RECIPE)
    weight = next(training.model.parameters())
    weight.register_hook(lambda gradient: gradient * torch.nan)  # type: ignore[no-untyped-call]
    with pytest.raises(DivergenceError, match=r"the gradient's norm is nan.*on clip0, clip1"):
        training.update(batches([2]))
    assert torch.equal(training.model.state_dict()["conv.weight"], Plain().conv.weight)


def test_a_restored_state_is_the_same_in_every_number(tmp_path: Path) -> None:
    whole = Training(Plain(), RECIPE)
    for loss in (3.0, 2.0, 4.0):
        whole.update(batches([4]))
        whole.end_epoch({"loss": loss})
    whole.update(batches([4]))
    again = Training(Plain(), RECIPE)
    checkpoint.write(tmp_path, whole.checkpoint())
    saved = checkpoint.newest(tmp_path)
    assert saved is not None
    again.restore(saved)
    assert again.at == whole.at
    assert again.lr == whole.lr == 5e-3
    for training in (whole, again):
        training.update(batches([4]))
        training.end_epoch({"loss": 5.0})
    one, two = whole.checkpoint(), again.checkpoint()
    assert one.facts == two.facts
    assert all(torch.equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items())
    assert whole.lr == again.lr == 2.5e-3


def test_half_a_cosine_takes_the_learning_rate_to_zero_and_goes_on_where_it_was() -> None:
    recipe = replace(RECIPE, train=RECIPE.train.model_copy(update={"decay": "cosine"}))
    training = Training(Plain(), recipe)
    rates = []
    for loss in range(9):
        rates.append(training.lr)
        training.update(batches([4]))
        training.end_epoch({"loss": float(loss)})
        if loss == 3:
            again = Training(Plain(), recipe)
            again.restore(training.checkpoint())
            assert again.lr == training.lr
    reference = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(reference, T_max=9)
    expected = []
    for _ in range(9):
        expected.append(schedule.get_last_lr()[0])
        reference.step()
        schedule.step()
    assert rates == pytest.approx(expected)
    assert training.lr == pytest.approx(0, abs=1e-12)
