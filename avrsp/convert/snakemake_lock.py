"""Who holds Snakemake's lock of a folder: one that was killed leaves it, and must not block.

Snakemake does not note who holds the lock. The workflow does, as soon as it starts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from avrsp import files, processes

FOLDER: Final = ".snakemake"
CLOCK_SECONDS: Final = 2.0
"""By so much the times may differ at which one process is said to have started."""


class Owner(BaseModel):
    """The process that locked the folder: its number on its machine, and when it started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    process: int
    started: float


def note_owner(folder: Path) -> None:
    """Note that this process has locked `folder`."""
    here = psutil.Process()
    owner = Owner(host=os.uname().nodename, process=here.pid, started=here.create_time())
    files.write_text(_record(folder), owner.model_dump_json() + "\n")


def is_locked(folder: Path) -> bool:
    """Say whether Snakemake has locked `folder`."""
    return any((folder / FOLDER / "locks").glob("*.lock"))


def holder(folder: Path) -> str | None:
    """Say who holds the lock of `folder`; None where that process has ended.

    A process on another machine is taken to be alive.
    """
    try:
        owner = Owner.model_validate_json(_record(folder).read_bytes())
    except (FileNotFoundError, ValidationError):
        return _at_work(folder)
    named = f"process {owner.process} on {owner.host}"
    if owner.host != os.uname().nodename:
        return named
    try:
        found = psutil.Process(owner.process)
        same = abs(found.create_time() - owner.started) < CLOCK_SECONDS
        return named if same and processes.lives(found) else None
    except psutil.NoSuchProcess:
        return None


def _at_work(folder: Path) -> str | None:
    """Say which Snakemake on this machine works in `folder`."""
    for process in psutil.process_iter():
        try:
            if processes.runs(process, "snakemake") and Path(process.cwd()) == folder.resolve():
                return f"process {process.pid}"
        except psutil.Error:
            continue
    return None


def _record(folder: Path) -> Path:
    return folder / FOLDER / "owner.json"
