"""Whether RAVF is ahead: a paragraph, a picture, tables and a file of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avrsp import files
from avrsp.evaluate.nested_bootstrap import Estimate
from avrsp.reliance.fusion_findings import (
    CLIPS,
    COST,
    INSIDE,
    KINDS,
    RAVF,
    SEPARATES,
    Comparison,
    Findings,
    spread,
)
from avrsp.report.drawing import drawn
from avrsp.report.formats import grids_to_markdown, write_grids
from avrsp.report.names import listed
from avrsp.report.page import Grid
from avrsp.report.palette import Theme, tidy

RESULTS: Final = "results.json"
VIDEOS: Final = "videos.csv"
DIGITS: Final = 6

IN_WORDS: Final = {
    "all": "all clips",
    "irrelevant": "clips whose sound is irrelevant (music or distracting)",
    "sounding": "clips whose sound belongs to what viewers follow",
    "distracting": "clips with a distracting sound",
    "music": "clips with music",
    "silent": "silent clips",
    COST: "what irrelevant sound costs",
}
STATED: Final = ("all", "sounding", "irrelevant", COST)
"""Outcomes that the paragraph speaks of."""

WARNING: Final = (
    "Generated videos and small networks: this says how the fusions compare on sound that is known "
    "to be relevant or not, and nothing about real videos."
)


def write_claim(
    folder: Path, found: Findings, videos: pd.DataFrame, setting: Mapping[str, Any]
) -> None:
    """Write the results with their own digest, the videos' scores, the page, tables and picture.

    Args:
        folder: Where to.
        found: What was found out.
        videos: A row for each video, to `DIGITS` decimals, from which it was.
        setting: What else the results follow from, as JSON knows it.
    """
    files.write_text(folder / VIDEOS, videos.to_csv(index=False, lineterminator="\n"))
    said = paragraph(found)
    content = {
        **setting,
        **found.as_json(),
        "paragraph": said,
        "sha256_videos": files.sha256(folder / VIDEOS),
    }
    files.write_json(folder / RESULTS, files.sealed(content))
    tables = grids(found, setting)
    write_grids(folder, tables, f"{said} {WARNING}")
    page = grids_to_markdown("Fusions", f"{said} {WARNING}", [*tables.values()])
    picture = "\n![CC of each fusion by kind of clip](fusions.png)\n"
    files.write_text(folder / "index.md", page + picture)
    for form in ("png", "svg"):
        picture_of = drawn(lambda theme: chart(found, theme), form)
        files.write_bytes(folder / f"fusions.{form}", picture_of)


def paragraph(found: Findings) -> str:
    """Say plainly whether RAVF is ahead, level or behind, of what, and how sure that is."""
    spoken = [each for each in STATED if any(_compared(found, each))]
    parts = [f"{_opening(outcome)} RAVF is {_places(found, outcome)}." for outcome in spoken]
    count = sum(not math.isnan(each.adjusted) for each in found.comparisons)
    total = found.scores[RAVF, "all"]
    cost = found.costs.get((RAVF, "irrelevant"))
    if cost and cost.videos:
        parts.append(f"Irrelevant sound changes RAVF's CC by {signed(cost)}.")
    parts += _told_apart(found)
    seeds = f"{len(found.seeds)} seed{'s' if len(found.seeds) > 1 else ''}"
    parts.append(
        f"Level means that no difference could be told by {total.videos} test videos of {seeds}, "
        f"p values corrected by Holm's method for {count} comparisons."
    )
    if len(found.seeds) == 1:
        parts.append("One seed says nothing of others.")
    return " ".join((_conclusion(found), *parts))


def _conclusion(found: Findings) -> str:
    measured = [each for each in IN_WORDS if any(_compared(found, each))]
    verdicts = {name: {each.verdict for each in _compared(found, name)} for name in measured}
    ahead = [IN_WORDS[name] for name, each in verdicts.items() if each == {"ahead"}]
    behind = [IN_WORDS[name] for name, each in verdicts.items() if "behind" in each]
    if ahead:
        said = f"RAVF is ahead of every other fusion in: {'; '.join(ahead)}."
    else:
        said = "RAVF is ahead of every other fusion in nothing that was measured."
    return said + (f" It is behind one or more in: {'; '.join(behind)}." if behind else "")


def _told_apart(found: Findings) -> Iterator[str]:
    """Say what in RAVF tells relevant from irrelevant sound, where that was measured."""
    own = [each for each in found.separations if each.fusion == RAVF and each.measure in INSIDE]
    telling = [
        f"{each.measure} (AUC {min(each.auc.values()):.2f} to {max(each.auc.values()):.2f})"
        for each in own
        if each.separates
    ]
    if telling:
        yield f"Relevant sound is told from irrelevant on every seed by RAVF's {listed(telling)}."
    elif own:
        names = listed(each.measure for each in own)
        yield f"RAVF's {names} do not tell relevant from irrelevant sound on every seed."


def _opening(outcome: str) -> str:
    return f"In {IN_WORDS[outcome]}" if outcome == COST else f"On {IN_WORDS[outcome]}"


def _places(found: Findings, outcome: str) -> str:
    """Return "ahead of a and b (+0.100 to +0.150); level with c (-0.010)"."""
    places = []
    for verdict, word in (("ahead", "ahead of"), ("level", "level with"), ("behind", "behind")):
        own = [each for each in _compared(found, outcome) if each.verdict == verdict]
        if own:
            gaps = [each.gap.value for each in own]
            ends = dict.fromkeys(f"{each:+.3f}" for each in (min(gaps), max(gaps)))
            places.append(f"{word} {listed(each.other for each in own)} ({' to '.join(ends)})")
    return "; ".join(places)


def _compared(found: Findings, outcome: str) -> list[Comparison]:
    return [each for each in found.versus(outcome) if each.verdict != "not compared"]


def signed(each: Estimate, form: str = "+.3f") -> str:
    """Return a value with its interval, to three decimals."""
    if math.isnan(each.value):
        return "not measured"
    ends = "" if math.isnan(each.low) else f", {each.low:{form}} to {each.high:{form}}"
    return f"{each.value:{form}}{ends}"


def grids(found: Findings, setting: Mapping[str, Any]) -> dict[str, Grid]:
    """Return the tables by the names of their files."""
    clips = [each for each in CLIPS if found.scores[RAVF, each].videos]
    scores = tuple(
        (fusion, *(signed(found.scores[fusion, each], ".3f") for each in clips))
        for fusion in found.fusions
    )
    gaps = tuple(
        (IN_WORDS[each.outcome], each.other, signed(each.gap), f"{each.gap.p:.4f}",
         f"{each.adjusted:.4f}", f"{each.gap.videos}", each.verdict)
        for each in found.comparisons if each.verdict != "not compared"
    )  # fmt: skip
    costs = tuple(
        (fusion, clips, signed(each)) for (fusion, clips), each in found.costs.items()
        if each.videos
    )  # fmt: skip
    return {
        "scores": Grid("CC, 95 % interval over seeds and videos", ("Fusion", *clips), scores),
        "comparisons": Grid(
            "RAVF minus another fusion",
            ("What", "Other", "CC, 95 % interval", "p", "p by Holm", "Videos", "RAVF is"),
            gaps,
            words=(0, 1, 6),
        ),
        "costs": Grid("CC that irrelevant sound adds", ("Fusion", "Clips", "CC"), costs, (0, 1)),
        "separation": _separation(found),
        "headline": _headline(found),
        "rates": Grid(
            "Learning rate chosen on validation",
            ("Fusion", "Rate", "Validation loss of each"),
            tuple(_rates(setting["trained"])),
        ),
    }


def _separation(found: Findings) -> Grid:
    title = (
        "AUC by which a measure tells sounding clips from irrelevant sound "
        f"(yes: {SEPARATES} or more on every seed)"
    )
    rows = tuple(
        (each.fusion, each.measure, *(f"{value:.3f}" for value in each.auc.values()),
         "yes" if each.separates else "no")
        for each in found.separations
    )  # fmt: skip
    seeds = (f"Seed {seed}" for seed in found.seeds)
    return Grid(title, ("Fusion", "Measure", *seeds, "Separates"), rows, words=(0, 1))


def _headline(found: Findings) -> Grid:
    rows = []
    for name, values in found.headline.items():
        spreads = spread(values)
        deviation = spreads["deviation"]
        rows.append(
            (name, *(f"{value:.3f}" for value in values.values()), f"{spreads['mean']:.3f}",
             "" if deviation is None else f"{deviation:.3f}")
        )  # fmt: skip
    heads = ("Number", *(f"Seed {seed}" for seed in found.seeds), "Mean", "Deviation")
    return Grid("Spread over seeds in this world; V is visual, AV is ravf", heads, tuple(rows))


def _rates(trained: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield the rates of each fusion, which are the same on every seed."""
    for each in {each["fusion"]: each for each in trained}.values():
        losses = ", ".join(f"{t['rate']:g}: {t['validation_loss']:.4f}" for t in each["tried"])
        rates = [tried["rate"] for tried in each["tried"]]
        edge = len(rates) > 1 and each["rate"] in {min(rates), max(rates)}
        yield each["fusion"], f"{each['rate']:g}{' (at the edge)' if edge else ''}", losses


LOOKS: Final = {
    "ahead": ("<", "worse than RAVF"),
    "level": ("o", "level with RAVF"),
    "behind": (">", "better than RAVF"),
}
"""Marker of another fusion by where RAVF is, and what the legend says."""


def chart(found: Findings, theme: Theme) -> Figure:
    """Draw CC with its interval: a panel for each kind of clip, a line for each fusion."""
    kinds = [each for each in KINDS if found.scores[RAVF, each].videos]
    figure = Figure(figsize=(2.9 * len(kinds) + 1.2, 0.36 * len(found.fusions) + 1.9))
    panels = figure.subplots(1, len(kinds), sharey=True, sharex=True, squeeze=False)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        _panel(axes, found, kind, theme)
    handles = [
        panels[0].plot([], [], marker, color=_colour(verdict, theme), label=words)[0]
        for verdict, (marker, words) in LOOKS.items()
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(LOOKS), fontsize=9)
    figure.subplots_adjust(left=0.1, right=0.98, top=0.8, bottom=0.24, wspace=0.08)
    return figure


def _panel(axes: Axes, found: Findings, kind: str, theme: Theme) -> None:
    verdicts = {each.other: each.verdict for each in found.versus(kind)}
    own = found.scores[RAVF, kind]
    axes.axvline(own.value, color=theme.audio_visual, linewidth=0.8, alpha=0.6)
    for place, fusion in enumerate(reversed(found.fusions)):
        each, verdict = found.scores[fusion, kind], verdicts.get(fusion, "")
        colour = theme.audio_visual if fusion == RAVF else _colour(verdict, theme)
        marker = LOOKS[verdict][0] if verdict in LOOKS else "D"
        if not math.isnan(each.low):
            axes.hlines(place, each.low, each.high, color=colour, linewidth=2.2, alpha=0.55)
        axes.plot(each.value, place, marker, color=colour, markersize=7)
    axes.set_yticks(range(len(found.fusions)), [*reversed(found.fusions)])
    counts = [f"{word} {n}" for word in LOOKS if (n := [*verdicts.values()].count(word))]
    axes.set_title(f"{kind}, {own.videos} clips\nRAVF: {', '.join(counts)}", fontsize=10)
    axes.set_xlabel("CC")
    tidy(axes, theme)


def _colour(verdict: str, theme: Theme) -> str:
    return {"behind": theme.visual, "level": theme.ink}.get(verdict, PALE)


PALE: Final = "#8a93a3"
"""Of fusions that are worse."""
