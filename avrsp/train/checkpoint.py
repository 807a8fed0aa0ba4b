"""Training states on disk: two files each, the tensors and what says that they are whole.

`step-00000042.safetensors` holds every tensor; `step-00000042.json`, written after it, holds the
plain numbers and the other file's SHA-256. A process that dies between the two leaves a state
that is not valid, and the one before it is still there.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from avrsp import files
from avrsp.errors import cleaned

KEPT = 2
DAMAGE = (ValueError, KeyError, TypeError, SafetensorError)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training state.

    Attributes:
        step: Number of optimiser updates behind it; what it is called after.
        tensors: Everything large.
        facts: Everything else, of types that JSON knows.
    """

    step: int
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def write(folder: Path, state: Checkpoint) -> None:
    """Write `state` into `folder` and remove all but the last two.

    Raises:
        OSError: The disk is full or read-only; the states that were there are still valid.
    """
    stem = folder / f"step-{state.step:08d}"
    content = save({name: tensor.contiguous() for name, tensor in state.tensors.items()})
    stem.with_suffix(".json").unlink(missing_ok=True)
    files.write_bytes(stem.with_suffix(".safetensors"), content)
    digest = files.sha256(stem.with_suffix(".safetensors"))
    files.write_json(
        stem.with_suffix(".json"),
        files.sealed({"step": state.step, "sha256": digest, "facts": state.facts}),
    )
    for stale in _descriptions(folder)[KEPT:]:
        stale.unlink()
    whole = {path.stem for path in _descriptions(folder)}
    for path in folder.glob("step-*.safetensors"):
        if path.stem not in whole:
            path.unlink()


def newest(folder: Path) -> Checkpoint | None:
    """Return the newest valid state in `folder`, refusing damaged ones in one line each.

    Raises:
        OSError: This computer cannot read a state, such as for too many open files.
    """
    for description in _descriptions(folder):
        try:
            return _read(description)
        except (FileNotFoundError, *DAMAGE) as error:
            reason = cleaned(str(error))
            sys.stderr.write(f"avrsp: {description.stem} is refused ({reason}); using one before\n")
    return None


def discard(folder: Path) -> None:
    """Remove the states of a training that has delivered its results."""
    shutil.rmtree(folder, ignore_errors=True)


def _descriptions(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.json"), reverse=True)


def _read(description: Path) -> Checkpoint:
    said = files.unsealed(description.read_bytes())
    content = description.with_suffix(".safetensors")
    if files.sha256(content) != said["sha256"]:
        raise ValueError(f"{content.name} is not what was written")
    return Checkpoint(said["step"], load(content.read_bytes()), said["facts"])
