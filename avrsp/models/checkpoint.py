"""What is known about a file of weights that a method's authors published."""

from __future__ import annotations

from typing import NamedTuple


class Checkpoint(NamedTuple):
    """Published weights: what they were trained on, where a person finds them, and their terms."""

    trained_on: str
    source: str
    licence: str
    form: str = "state dict, plain keys"
    sha256: str | None = None
