"""The runs of the chain: V and AV of every split, and what their files are called."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["v", "av"]
"""A network that only sees, or one that also hears."""

VISUAL: Final[Kind] = "v"
AUDIO_VISUAL: Final[Kind] = "av"
KINDS: Final[tuple[Kind, ...]] = (VISUAL, AUDIO_VISUAL)
PRETRAINING: Final = "pretrain"

TITLES: Final[dict[Kind, str]] = {VISUAL: "V", AUDIO_VISUAL: "AV"}
"""What people call the two in tables and figures."""


def run_name(network: str, split: int | str) -> str:
    """Return the name of the run that trains a network on a split, as `av-split1`."""
    return f"{network}-split{split}"


AblationName = Literal[
    "v", "v-none", "v-ms", "v-mrg", "v-1", "v-2", "v-4",
    "av", "av-none", "av-ms", "av-mrg", "av-1", "av-2", "av-4",
    "add", "mul", "concat", "bilinear", "mbt",
]  # fmt: skip
"""A network of Tables III to V; `params.ablations` says what each is."""
