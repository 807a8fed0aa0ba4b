"""Runs that the chosen network has not: one without sound has no AV, and its outs say so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avrsp import files

ABSENT: Final = "absent.txt"
"""In the folder of a model or of maps that there is none of; holds the reason."""


def reason(folder: Path) -> str | None:
    """Return why a run's folder holds nothing; None where it holds something."""
    place = folder / ABSENT
    return place.read_text(encoding="utf-8").strip() if place.is_file() else None


def write(why: str, outs: Sequence[Path]) -> None:
    """Make a stage's outs, JSON files and folders, say that there is nothing, and why."""
    for out in outs:
        if out.suffix == ".json":
            files.write_json(out, files.sealed({"absent": why}))
        else:
            files.write_text(out / ABSENT, f"{why}\n")
