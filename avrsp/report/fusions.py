"""How RAVF compares with the other ways to join sound and picture, clip by clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from avrsp.report.page import Grid

UNSAID: Final = ("too few clips", "not run")
"""Outcomes that say nothing of RAVF."""


@dataclass(frozen=True, slots=True)
class Versus:
    """RAVF against another fusion on the same test clips.

    Attributes:
        fusion: The other one's name.
        difference: Mean CC of RAVF minus that of the other; None where it was not run.
        low: Lower end of the 95 % interval; None where there is none.
        high: Upper end.
        p: Of the paired permutation test.
        videos: How many clips.
    """

    fusion: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    videos: int

    @property
    def outcome(self) -> str:
        """Say how RAVF does: "ahead", "level", "behind", "too few clips", or "not run"."""
        if self.difference is None:
            return "not run"
        if self.low is None or self.high is None:
            return "too few clips"
        if self.low > 0:
            return "ahead"
        return "behind" if self.high < 0 else "level"


def grid(found: Sequence[Versus], clips: str) -> Grid:
    """Return the comparisons as a table."""
    heads = ("Other fusion", "CC of RAVF minus its CC (95 % interval)", "p", "Clips", "RAVF is")
    rows = tuple(
        (each.fusion, _measured(each), _number(each.p), str(each.videos), each.outcome)
        for each in found
    )
    return Grid(f"RAVF against the other fusions on {clips}", heads, rows, words=(0, 4))


def sentence(found: Sequence[Versus], clips: str) -> str:
    """Say plainly whether RAVF is at least level with each of the others."""
    by_outcome: Mapping[str, list[str]] = {
        outcome: [each.fusion for each in found if each.outcome == outcome]
        for outcome in ("ahead", "level", "behind", *UNSAID)
    }
    parts = [
        f"{outcome} of {_list(names)}" if outcome == "ahead" else f"{outcome} with {_list(names)}"
        for outcome, names in by_outcome.items()
        if names and outcome in {"ahead", "level"}
    ]
    if by_outcome["behind"]:
        parts.append(f"behind {_list(by_outcome['behind'])}")
    if not parts:
        return f"RAVF was not compared with the other fusions on {clips}."
    text = f"On {clips}, RAVF is {', '.join(parts)} (by 95 % intervals of paired CC)."
    if by_outcome["behind"]:
        text += " So RAVF is not at least level with every one of them."
    elif not any(by_outcome[outcome] for outcome in UNSAID):
        text += " So RAVF is at least level with every one of them."
    for outcome in UNSAID:
        if by_outcome[outcome]:
            text += f" {outcome.capitalize()}: {_list(by_outcome[outcome])}."
    return text


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _measured(each: Versus) -> str:
    if each.difference is None:
        return "not run"
    ends = "" if each.low is None else f" ({each.low:+.3f} to {each.high:+.3f})"
    return f"{each.difference:+.3f}{ends}"


def _number(value: float | None) -> str:
    return "not run" if value is None else f"{value:.3f}"
