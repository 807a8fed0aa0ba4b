"""The runs of the chain: V and AV of every split, and what their files are called."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["v", "av"]
"""A network that only sees, or one that also hears."""

VISUAL: Final[Kind] = "v"
AUDIO_VISUAL: Final[Kind] = "av"
KINDS: Final[tuple[Kind, ...]] = (VISUAL, AUDIO_VISUAL)
PRETRAINING: Final = "pretrain"


def run_name(kind: Kind, split: int | str) -> str:
    """Return the name of the run that trains a kind of network on a split, as `av-split1`."""
    return f"{kind}-split{split}"
