"""What became of a dataset: there, from which archives, or absent with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from avrsp.datasets.dataset_registry import DatasetSpec
from avrsp.datasets.download import incoming
from avrsp.datasets.pins import Pin
from avrsp.files import sealed, unsealed, write_json


class ArchiveSource(BaseModel):
    """Where one archive came from.

    Attributes:
        archive: Its name.
        origin: Address or path; its own place where it lay there already.
        pin: Its length and SHA-256; None where there was a folder instead of an archive.
        found: How many of the sheet's videos it has something for.
        listed: How many the sheet has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    archive: str
    origin: str
    pin: Pin | None
    found: int
    listed: int


class DownloadState(BaseModel):
    """Whether a dataset's raw folders are there; `missing` names the archives that are not.

    `stamp` is that of the dataset's entry, where it prepares its files itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    present: bool
    reason: str | None
    missing: list[str]
    sources: list[ArchiveSource]
    stamp: str = ""


def place(raw: Path, dataset: str) -> Path:
    """Return where the state of a dataset lies below the raw folder."""
    return raw / "state" / f"{dataset}.json"


def read(path: Path) -> DownloadState | None:
    """Read the state at `path`; None where there is none, or a damaged one."""
    try:
        return DownloadState.model_validate(unsealed(path.read_bytes()))
    except (FileNotFoundError, ValueError):
        return None


def write(path: Path, state: DownloadState) -> None:
    """Write a state as JSON with a digest of itself, atomically."""
    write_json(path, sealed(state.model_dump(mode="json")))


def is_stale(path: Path, dataset: DatasetSpec, raw: Path, mirrors: Sequence[str] | None) -> bool:
    """Tell whether the state at `path` is there and may be another one by now.

    It is damaged, a folder is gone, or something that was missing can be had, or may be had from
    a mirror.
    """
    state = read(path)
    if dataset.stamp is not None:
        return path.exists() and (state is None or state.stamp != stamp(dataset, raw))
    lost = [each for each in dataset.archives if not (raw / each.folder).is_dir()]
    available = [each for each in lost if incoming.find(each, raw) or each.addresses(mirrors)]
    missing = [] if state is None else state.missing
    outdated = state is None or bool(available) or [each.name for each in lost] != missing
    return path.exists() and outdated


def stamp(dataset: DatasetSpec, raw: Path) -> str:
    """Return what changes when files come or go of a dataset that counts its own; reads none."""
    assert dataset.stamp is not None
    brought = incoming.folder(raw) / dataset.key
    names = sorted(each.name for each in brought.iterdir()) if brought.is_dir() else []
    return hashlib.sha256("\n".join([dataset.stamp(raw), *names]).encode()).hexdigest()[:16]
