"""Where results lie: the main pipeline's, and those of the compared methods apart from them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from avrsp import paths
from avrsp.params.runs import KINDS

CHAIN: Final = (*KINDS, "references")
"""What the main pipeline predicts or scores; everything else is a compared method."""

METHODS: Final = "methods"
"""Folder below `data` and `reports` in which the compared methods' results lie."""


def data_of(name: str) -> Path:
    """Return the folder that holds `models`, `maps` and `scores` of a network."""
    data = paths.workspace() / "data"
    return data if name in CHAIN else data / METHODS / name


def reports_of(name: str) -> Path:
    """Return the folder that holds `training` and `metrics` of a network."""
    reports = paths.workspace() / "reports"
    return reports if name in CHAIN else reports / METHODS
