"""Whether numbers may stand beside the paper's, and which weights the encoders started from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from avrsp.report.about import About

PAPER_SPLITS: Final = ("1", "2", "3")

RANDOM: Final = "random"
NOT_RECORDED: Final = "not recorded"

DIGITS: Final = 12
"""Of a SHA-256, which are shown."""

Models = Mapping[str, Mapping[str, Any]]
"""By run, what `model.json` says: `encoders` holds for each encoder the `file` and its
`sha256`, or null where it started from random numbers."""


def start_of(facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return each encoder of a run and, in words, what it started from; empty if not recorded."""
    recorded = facts.get("encoders")
    if not isinstance(recorded, Mapping):
        return ()
    return tuple((str(name), _origin(recorded[name])) for name in sorted(recorded))


def start_in_words(facts: Mapping[str, Any]) -> str:
    """Return in one phrase what the encoders of a run started from."""
    return "; ".join(f"{name}: {origin}" for name, origin in start_of(facts)) or NOT_RECORDED


def objections(about: About, models: Models) -> tuple[str, ...]:
    """Return why scores cannot be compared with the paper's; empty where they can.

    The paper scores the real datasets, on all three splits, by networks whose encoders start from
    published weights.
    """
    return tuple(_objections(about, models))


def _objections(about: About, models: Models) -> Iterator[str]:
    if about.preset != "paper":
        yield f"preset {about.preset}"
    starts = [start_of(facts) for facts in models.values()]
    if not all(starts) or not starts:
        yield "encoder weights not recorded"
    elif any(origin == RANDOM for start in starts for _, origin in start):
        yield "encoders started from random numbers"
    if sorted(map(str, about.splits)) != [*PAPER_SPLITS]:
        several = "s" if len(about.splits) > 1 else ""
        yield f"split{several} {', '.join(map(str, about.splits))} instead of 1, 2, 3"


def _origin(recorded: object) -> str:
    if isinstance(recorded, Mapping) and recorded.get("file"):
        digest = str(recorded.get("sha256") or "")[:DIGITS]
        return f"{recorded['file']} ({f'SHA-256 {digest}' if digest else 'digest not recorded'})"
    return str(recorded) if recorded else RANDOM
