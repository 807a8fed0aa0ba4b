"""The section that answers whether the sound matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from avrsp.report import wording
from avrsp.report.inputs import Inputs
from avrsp.report.listening import changing, retained
from avrsp.report.names import title
from avrsp.report.page import Block, Grid, Notice, Points, Prose, Section

HELD: Final = {True: "yes", False: "no", None: "not run"}
SOUNDS: Final = {
    "true": "its own",
    "silence": "none",
    "other": "another clip's",
    "shifted": "shifted",
    "reversed": "reversed",
}
NOTHING: Final = "n/a"
"""Where there is nothing to measure: a clip without sound cannot be shifted."""

BY: Final = {"all": "", "dataset": "", "kind": "clips: "}


def reliance(inputs: Inputs) -> Section:
    """Show what other sounds do to the audio-visual model."""
    found = inputs.reliance
    if found is None:
        return Section("sound", wording.SOUND, (Notice(wording.NO_RELIANCE),))
    blocks: list[Block] = [Prose(found["sentence"]), Prose(wording.SOUNDS), *grids(found)]
    blocks += [*changing(inputs), *retained(inputs)]
    absent = _absent(inputs, found)
    if absent:
        blocks.append(Notice(f"Not run with other sounds: {absent}."))
    if found["faults"]:
        blocks += [Notice("Not every video could be shown:"), Points(tuple(found["faults"]))]
    return Section("sound", wording.SOUND, tuple(blocks))


def grids(found: Mapping[str, Any]) -> tuple[Grid, ...]:
    """Return the statements, the scores with each sound, and what the differences are."""
    statements = Grid(
        "What has to hold, and whether it does",
        ("Clips", "Statement", "Measured (95 % interval)", "Rests on", "Asked", "Holds"),
        tuple(_statement(each) for each in found["statements"]),
        words=(0, 1, 2, 4, 5),
    )
    scores = Grid(
        "CC with each sound",
        ("Clips", "Videos", *(f"{name[0].upper()}{name[1:]}" for name in SOUNDS.values())),
        tuple(_scores(each) for each in found["groups"]),
    )
    changes = Grid(
        "What another sound changes",
        ("Clips", "Sound", "CC lost (95 % interval)", "p", "NSS lost", "CC between the maps"),
        tuple(row for each in found["groups"] for row in _changes(each)),
        words=(0, 1),
    )
    return statements, scores, changes


def _statement(each: Mapping[str, Any]) -> tuple[str, ...]:
    text, held = each["text"][0].upper() + each["text"][1:], HELD[each["held"]]
    return each["clips"], text, each["measured"], str(each["count"]), each["bar"], held


def _scores(group: Mapping[str, Any]) -> tuple[str, ...]:
    cells = (_number(group["sounds"].get(name, {}).get("cc")) for name in SOUNDS)
    return _name(group), str(group["videos"]), *cells


def _changes(group: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, words in SOUNDS.items():
        found = group["sounds"].get(name)
        if name != "true" and found:
            cc, nss = found["cc_difference"], found["nss_difference"]
            ends = "" if cc["low"] is None else f" ({cc['low']:+.3f} to {cc['high']:+.3f})"
            lost = f"{_number(cc['difference'], '+.3f')}{ends}"
            yield (
                *(_name(group), words, lost, _number(cc["p"]), _number(nss["difference"], "+.2f")),
                _number(found["maps_cc"]),
            )


def _name(group: Mapping[str, Any]) -> str:
    name = title(group["name"]) if group["by"] == "dataset" else group["name"]
    return f"{BY[group['by']]}{name}"


def _number(value: float | None, form: str = ".3f") -> str:
    return NOTHING if value is None else format(value, form)


def _absent(inputs: Inputs, found: Mapping[str, Any]) -> str:
    shown = {group["name"] for group in found["groups"] if group["by"] == "dataset"}
    scored = dict.fromkeys(str(name) for name in inputs.rows["dataset"])
    return ", ".join(title(name) for name in scored if name not in shown)
