"""What trainings left: models' descriptions and losses by epoch, compared with their digests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from avrsp.errors import StoreError
from avrsp.files import read_sealed, sha256, with_own_digest
from avrsp.report.names import in_order


def models_in(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return what `model.json` says of each run."""
    return {path.parent.name: read_model(path) for path in sorted(folder.glob("*/model.json"))}


def histories_in(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the loss by epoch of each run."""
    found = {path.parent.name: path for path in folder.glob("*/history.json")}
    for path in found.values():
        _check_history(path)
    return {run: pd.DataFrame(read_sealed(found[run])) for run in sorted(found, key=in_order)}


def _check_history(path: Path) -> None:
    """Make sure that a history is the one whose digest the model's description has."""
    model = path.with_name("model.json")
    listed = read_model(model).get("sha256", {}) if model.exists() else {}
    if listed.get(path.name, found := sha256(path)) != found:
        raise _changed(path)


def read_model(path: Path) -> Mapping[str, Any]:
    """Read a model's description, which has a digest of its own.

    Raises:
        StoreError: It is not what was written.
    """
    found = read_sealed(path)
    listed = found.get("sha256", {}) if isinstance(found, dict) else None
    if not isinstance(listed, dict) or (listed and with_own_digest(found, path.name) != found):
        raise _changed(path)
    return dict(found)


def _changed(path: Path) -> StoreError:
    return StoreError(
        f"{path}: not what was written (SHA-256 differs); remove it and run: dvc repro"
    )
