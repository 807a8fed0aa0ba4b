"""Where a step is too large for a GPU, the error names one that is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from avrsp.errors import AvrspError
from avrsp.train.loop import largest, shortage
from avrsp.train.ranks import Ranks
from avrsp.train.state import Recipe, Training
from tests.train import small
from tests.train.small import Plain


class Large(Plain):
    """A network for which a GPU has memory for `most` clips."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def forward(self, frames: Tensor, *others: Tensor) -> Tensor:
        if self.training and len(frames) > self.most:
            raise torch.OutOfMemoryError
        return super().forward(frames, *others)


def recipe(batch: int) -> Recipe:
    chosen = small.recipe()
    return replace(chosen, train=chosen.train.model_copy(update={"batch": batch}))


@pytest.mark.parametrize(("most", "fitting"), [(5, 4), (4, 4), (3, 2), (1, 1), (0, 0)])
def test_what_fits_is_found_by_halving(most: int, fitting: int) -> None:
    training = Training(Large(most), recipe(8))
    assert largest(training, small.batch_of(8, 0).sample) == fitting
    assert all(weight.grad is None for weight in training.model.parameters())


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (3, "a step of 8 clips, 2 fit; set `batch` to 2 and `accumulate` to 4, or set `checkpoint"),
        (0, "a step of 8 clips, nor of one; set `checkpointing` of this preset to true"),
    ],
)
def test_training_says_what_to_set(tmp_path: Path, most: int, said: str) -> None:
    small.write_videos(tmp_path)
    chosen = recipe(8)
    chosen = replace(chosen, train=chosen.train.model_copy(update={"clips_per_video": 4}))
    with pytest.raises(AvrspError, match=said):
        small.trained(Large(most), tmp_path, tmp_path / "states", chosen)


def test_several_processes_are_advised_without_a_try() -> None:
    training = Training(Large(8), recipe(16))
    training.ranks = Ranks(0, 2)
    error = shortage(training, small.batch_of(8, 0).sample, "pretrain")
    assert "4 may fit; set `batch` to 8 and `accumulate` to 2" in str(error)
