"""The switches change speed and memory, and nothing that is learnt."""

from __future__ import annotations

import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import pytest
import torch
from torch import nn

from avrsp.params import ComputeParams
from avrsp.train import checkpoint
from avrsp.train.phase import channels_last, placed
from avrsp.train.state import Training
from tests.train import small


def switched(*, compiling: bool = False, checkpointing: bool = False) -> nn.Module:
    compute = ComputeParams(
        device="cpu", precision="float32", compile=compiling, checkpointing=checkpointing, windows=4
    )
    return placed(small.network(), compute)


def updated(model: nn.Module) -> nn.Module:
    """Return `model` after two updates."""
    training = Training(model, small.recipe())
    for seed in range(2):
        training.update([small.batch_of(2, seed)])
    return model


def test_checkpointing_is_exact_statistics_included() -> None:
    expected, found = updated(switched()), updated(switched(checkpointing=True))
    for name, tensor in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor), name


def test_weights_laid_channels_last_train_and_come_back_the_same(tmp_path: Path) -> None:
    model = small.network()
    channels_last(model)
    weights = [weight for weight in model.parameters() if weight.dim() == 5]
    assert all(w.is_contiguous(memory_format=torch.channels_last_3d) for w in weights)
    once = Training(model, small.recipe())
    once.update([small.batch_of(2, 0)])
    again = small.network()
    channels_last(again)
    resumed = Training(again, small.recipe())
    checkpoint.write(tmp_path, once.checkpoint())
    saved = checkpoint.newest(tmp_path)
    assert saved is not None
    resumed.restore(saved)
    for training in (once, resumed):
        training.update([small.batch_of(2, 1)])
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


@pytest.mark.slow
def test_a_compiled_network_predicts_the_same() -> None:
    # In a process of its own: the type checks that only tests have cannot be compiled.
    command = [sys.executable, "-m", "tests.train.test_placement"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def compare_compiled() -> None:
    """Expect of the compiled network what the plain one predicts."""
    eager = partialmethod(nn.Module.compile, backend="aot_eager")  # inductor takes minutes
    nn.Module.compile = eager  # type: ignore[method-assign, assignment]
    sample = small.batch_of(2, 0).sample
    plain, model = switched().eval(), switched(compiling=True).eval()
    with torch.inference_mode():
        torch.testing.assert_close(model(*sample.clip), plain(*sample.clip))
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0


if __name__ == "__main__":  # the process of its own
    compare_compiled()
