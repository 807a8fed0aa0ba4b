"""A state is read back as it was written, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from avrsp import files
from avrsp.engine import checkpoint
from avrsp.engine.checkpoint import Checkpoint


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


def test_a_full_disk_leaves_the_states_before_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.write(tmp_path, state(1))

    def full(path: Path, content: bytes) -> None:
        with files.replacing(path) as temporary:
            temporary.write_bytes(content[: len(content) // 2])
            raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.write(tmp_path, state(2))
    found = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.step == 1
    assert len(steps_in(tmp_path)) == 2


def test_an_empty_folder_holds_no_state(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "nowhere") is None
    checkpoint.discard(tmp_path / "nowhere")
