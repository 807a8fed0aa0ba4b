"""What one look at the machine or the project found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

FindingState = Literal["ready", "to come", "missing"]

MARKS: Final[Mapping[FindingState, tuple[str, str]]] = {
    "ready": ("✓", "green"),
    "to come": ("·", "cyan"),
    "missing": ("✗", "red"),
}
"""How a state is drawn: sign and colour."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination.

    Attributes:
        name: What was looked at.
        state: `ready`; `to come`, where `dvc repro` makes or fetches it; `missing`, where `dvc
            repro` cannot run without it.
        found: What is there, in a few words.
        command: What to do about it: a command, or else a short instruction.
    """

    name: str
    state: FindingState
    found: str
    command: str | None = None
