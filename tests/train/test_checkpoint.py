"""A state is read back as it was written, or refused."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from avrsp.errors import one_line
from avrsp.train import checkpoint
from avrsp.train.checkpoint import Checkpoint

LARGE = 1 << 20
"""Bytes of a state's tensor."""


def state(step: int) -> Checkpoint:
    tensors = {"weights": torch.full((100,), float(step)), "count": torch.tensor(step)}
    return Checkpoint(step, tensors, {"epoch": step // 10, "loss": 0.1 + step})


def steps_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_state_comes_back_exactly(tmp_path: Path) -> None:
    for step in (9, 10, 11):
        checkpoint.write(tmp_path, state(step))
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.step == 11
    assert found.facts == {"epoch": 1, "loss": 11.1}
    assert torch.equal(found.tensors["weights"], torch.full((100,), 11.0))


def test_two_states_are_kept(tmp_path: Path) -> None:
    for step in (9, 10, 11):
        checkpoint.write(tmp_path, state(step))
    assert steps_in(tmp_path) == [
        f"step-{step:08d}.{kind}" for step in (10, 11) for kind in ("json", "safetensors")
    ]


@pytest.mark.parametrize("kind", ["safetensors", "json"])
def test_a_truncated_state_is_refused_and_the_one_before_used(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (1, 2):
        checkpoint.write(tmp_path, state(step))
    newest = tmp_path / f"step-00000002.{kind}"
    newest.write_bytes(newest.read_bytes()[:-40])
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.step == 1
    assert "step-00000002 is refused" in capsys.readouterr().err


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, state(1))
    content = bytearray((tmp_path / "step-00000001.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "step-00000001.safetensors").write_bytes(content)
    assert checkpoint.newest(tmp_path) is None


@contextmanager
def full() -> Iterator[None]:
    """Let no file grow beyond half of a state, as on a disk that has room for so much only."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGE // 2, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_states_before_valid(tmp_path: Path) -> None:
    large = {"weights": torch.arange(LARGE // 4, dtype=torch.float32)}
    checkpoint.write(tmp_path, Checkpoint(1, large, {}))
    before = steps_in(tmp_path)
    with full(), pytest.raises(OSError, match=r".") as caught:
        checkpoint.write(tmp_path, Checkpoint(2, large, {}))
    line = one_line(caught.value)
    assert line is not None
    assert "run it again" in line
    assert steps_in(tmp_path) == before
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.step == 1
    checkpoint.write(tmp_path, Checkpoint(2, large, {}))
    assert len(steps_in(tmp_path)) == 4


def test_an_empty_folder_holds_no_state(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "nowhere") is None
    checkpoint.discard(tmp_path / "nowhere")
