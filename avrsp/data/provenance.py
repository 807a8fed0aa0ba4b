"""Which code a store follows from.

Snakemake sees a script of a few lines, not the modules that it calls, so their content is made a
parameter of its rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from avrsp import files

FOLDER: Final = Path(__file__).parent

CONVERTING: Final = (
    "attributes",
    "blocks",
    "convert",
    "gaze",
    "images",
    "media",
    "pipes",
    "probe",
    "raw",
    "readers.dhf1k",
    "readers.maps",
    "readers.mirror",
    "sink",
    "store",
    "verify",
    "wav",
)
"""Modules below `avrsp.data` that decide what stands in a store or verdict."""


def digest(modules: Iterable[str]) -> str:
    """Return a digest of the content of modules below `avrsp.data`."""
    return files.digest(FOLDER / f"{name.replace('.', '/')}.py" for name in modules)[:16]


def world_digest() -> str:
    """Return a digest of the modules that make the world."""
    return files.digest((FOLDER / "world").glob("*.py"))[:16]
