"""Processes that train together end where one alone ends, and stop, resume and fail together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from avrsp import files
from avrsp.errors import ParamsError, exits_cleanly
from avrsp.models import tased
from avrsp.models.recipe import MethodRecipe
from avrsp.train import checkpoint
from avrsp.train.clips import Batch
from avrsp.train.loop import validate
from avrsp.train.ranks import ALONE, Ranks, joined
from avrsp.train.state import Recipe, Training
from tests.train import small
from tests.train.small import Frozen

STEPS = 10
MODULE = "tests.train.test_ranks"


def gentle() -> Recipe:
    """Return a schedule with a small learning rate: AdamW enlarges rounding in proportion to it."""
    chosen = small.recipe()
    return replace(chosen, train=chosen.train.model_copy(update={"lr": 1e-5}))


def stepped(ranks: Ranks) -> dict[str, Tensor]:
    """Make ten updates by this process's part of batches of four clips, three and one, and one."""
    training = Training(Frozen(), gentle(), ranks)
    for number in range(STEPS):
        sizes = ([4], [3, 1], [1])[number % 3]
        training.update([small.batch_of(size, 10 * size + number, ranks.part) for size in sizes])
    with torch.inference_mode():
        maps = training.predict(small.batch_of(4, 0).sample.clip)
    return {"maps": maps, "loss": torch.tensor(training.at.loss / training.at.clips)}


def of_whole_batches(ranks: Ranks) -> dict[str, Tensor]:
    """Make updates by a loss that is one number of a batch, and judge by it."""
    method = MethodRecipe(loss=tased.loss, optimiser="sgd", summed=True, whole_batch=True)
    train = small.recipe().train.model_copy(update={"lr": 0.1})
    chosen = replace(small.recipe(), train=train, method=method)
    training = Training(small.Plain(), chosen, ranks)
    for number in range(STEPS):
        sizes = ([4], [3, 1], [1])[number % 3]
        training.update([small.batch_of(size, 10 * size + number, ranks.part) for size in sizes])
    learnt = torch.tensor(training.at.loss / training.at.clips)
    judged = validate(training, [small.batch_of(size, size, ranks.part) for size in (3, 1)])
    weight = training.model.get_parameter("conv.weight").detach().clone()
    means = {name: torch.tensor(value) for name, value in judged.items()}
    return {"weight": weight, "learnt": learnt, **means}


def start(count: int, *arguments: object) -> list[subprocess.Popen[str]]:
    """Start `count` processes of this file as `torchrun` would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [
        started(MODULE, *map(str, arguments), RANK=str(rank), LOCAL_RANK=str(rank), **shared)
        for rank in range(count)
    ]


def started(*command: str, **environment: str) -> subprocess.Popen[str]:
    """Start a module of Python from the root of the repository."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Wait for all processes to end well; return what they said."""
    said = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return said


@pytest.mark.parametrize("what", ["steps", "whole batches"])
def test_two_processes_with_half_the_batch_equal_one_with_the_whole(
    what: str, tmp_path: Path
) -> None:
    processes = start(2, what, tmp_path)
    alone = STEPPED[what](ALONE)
    ended(processes)
    for rank in range(2):
        found = load_file(tmp_path / f"{rank}.safetensors")
        for name, tensor in alone.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-5, msg=name)


def test_the_process_alone_exchanges_nothing() -> None:
    with joined("cpu") as ranks:
        assert ranks is ALONE
        assert ranks.summed([1.5, 2]) == [1.5, 2]
        assert ranks.gathered("said") == ["said"]


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "2", "WORLD_SIZE": "3", "LOCAL_RANK": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ParamsError, match="--nproc-per-node 2"), joined("cuda"):
        pass


@pytest.mark.slow
def test_stopped_together_and_resumed_by_another_number(tmp_path: Path) -> None:
    small.write_videos(tmp_path / "stores")
    places = [tmp_path / name for name in ("by1", "by2", "mixed")]
    for count, place in enumerate(places[:2], 1):
        ended([launched(count, tmp_path / "stores", place)])
    stopped = launched(2, tmp_path / "stores", places[2], 2)
    said = stopped.communicate(timeout=200)[1]
    assert stopped.returncode != 0
    assert said.count("asked to stop; saved at update 2") == 1
    assert checkpoint.newest(places[2]) is not None
    (said,) = ended([launched(1, tmp_path / "stores", places[2])])
    assert "going on from epoch 1, update 2" in said
    expected, *others = (json.loads((place / "history.json").read_text()) for place in places)
    for history in others:
        for found, row in zip(history, expected, strict=True):
            assert found == pytest.approx(row, rel=1e-4)


def launched(count: int, *arguments: object) -> subprocess.Popen[str]:
    """Have `torchrun` start `whole` in `count` processes."""
    command = ["torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", MODULE]
    return started(*command, "whole", *map(str, arguments))


STEPPED = {"steps": stepped, "whole batches": of_whole_batches}


def steps(what: str, folder: str) -> None:
    """Leave what ten updates end in."""
    with joined("cpu") as ranks:
        save_file(STEPPED[what](ranks), Path(folder) / f"{ranks.rank}.safetensors")


def whole(stores: str, folder: str, stop: str = "") -> None:
    """Train, and leave the history; `stop` is the update after which SIGTERM comes to rank 1."""
    update = Training.update

    def interrupting(training: Training, batches: list[Batch]) -> None:
        update(training, batches)
        if str(training.at.updates) == stop and not training.ranks.main:
            signal.raise_signal(signal.SIGTERM)

    Training.update = interrupting  # type: ignore[method-assign, assignment]
    with joined("cpu") as ranks:
        place = Path(folder)
        history = small.trained(Frozen(), Path(stores), place, gentle(), ranks)[1]
        if ranks.main:
            files.write_json(place / "history.json", history)


if __name__ == "__main__":  # one of the processes
    torch.set_num_threads(1)
    what, *given = sys.argv[1:]
    if what in STEPPED:
        exits_cleanly(steps)(what, *given)
    else:
        exits_cleanly(whole)(*given)
