"""Comparisons of methods as a person sees them: a table of text, and a picture of the videos."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from avrsp.evaluate.compare import Comparison, Comparisons, SliceScore
from avrsp.evaluate.summary import LABELS
from avrsp.files import replacing


def as_text(found: Comparisons, shown: int) -> str:
    """Return a block of lines for each other method, and its `shown` videos that decide most."""
    each = found.comparisons
    blocks = [
        f"Differences by video, protocol {found.protocol}, with 95 % intervals over videos. p: "
        f"paired permutation test; Holm: corrected for {len(each)} comparisons. Of KL, less is "
        "better."
    ]
    for _, group in itertools.groupby(each, key=lambda one: one.other):
        own = list(group)
        blocks += ["\n".join(_lines(own)), "\n".join(_deciding(own, shown))]
    return "\n\n".join([*blocks, *found.remarks, *_slices(found.slices)])


SLICES: Final = {
    "cut": "seconds since the last cut, or since the video began",
    "motion": "mean change of grey levels from frame to frame",
    "centre": "distance of fixations from the centre, in parts of half the diagonal",
    "sound": "whether there is any in the second around a frame",
}


def _slices(found: Sequence[SliceScore]) -> Iterator[str]:
    """Yield a block for each other method and each kind of slice."""
    for (other, kind), group in itertools.groupby(found, key=lambda one: (one.other, one.kind)):
        own = list(group)
        lines = [
            f"{own[0].first} minus {other}, by {kind}: {SLICES[kind]}",
            f"{'slice':<17}{'frames':>8}{'videos':>8}  {'metric':<7}{'first':>8}{'other':>8}  "
            "difference",
        ]
        for one in own:
            ends = "" if one.low is None else f" [{one.low:+.3f} {one.high:+.3f}]"
            lines.append(
                f"{one.name:<17}{one.frames:>8}{one.videos:>8}  {LABELS[one.metric]:<7}"
                f"{one.first_score:8.3f}{one.other_score:8.3f}  {one.difference:+.3f}{ends}"
            )
        yield "\n".join(lines)


def _lines(own: Sequence[Comparison]) -> Iterator[str]:
    yield f"{own[0].first} minus {own[0].other}"
    yield (
        f"{'metric':<7}{'first':>8}{'other':>8}  {'difference':<24}{'p':>8}{'Holm':>8}"
        f"{'better in':>13}{'sign without':>14}"
    )
    for one in own:
        ends = "" if one.low is None else f" [{one.low:+.3f} {one.high:+.3f}]"
        turned = "-" if one.turned_by is None else f"{one.turned_by} videos"
        yield (
            f"{LABELS[one.metric]:<7}{one.first_score:8.3f}{one.other_score:8.3f}  "
            f"{f'{one.difference:+.3f}{ends}':<24}{_p(one.p):>8}{_p(one.p_holm):>8}"
            f"{f'{one.better} of {one.videos}':>13}{turned:>14}"
        )


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _deciding(own: Sequence[Comparison], shown: int) -> Iterator[str]:
    yield "Videos that decide: their difference, and their part of all differences' sizes"
    for one in own:
        whole = sum(abs(each.difference) for each in one.by_video) or 1.0
        cells = (
            f"{each.video} {each.difference:+.3f} ({abs(each.difference) / whole:.0%})"
            for each in one.by_video[:shown]
        )
        yield f"{LABELS[one.metric]:<7}{', '.join(cells)}"


def plot(path: Path, found: Comparisons) -> None:
    """Draw each video's difference, sorted, as a PNG: a row a method, a column a metric.

    The line is the mean difference and the band its interval.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - needed for this picture only

    others = list(dict.fromkeys(each.other for each in found.comparisons))
    metrics = list(dict.fromkeys(each.metric for each in found.comparisons))
    figure = Figure(figsize=(2.6 * len(metrics), 2.4 * len(others) + 0.4), layout="constrained")
    grid = figure.subplots(len(others), len(metrics), squeeze=False, sharex=True)
    for axes in grid.flat:
        axes.set_visible(False)
    for one in found.comparisons:
        axes = grid[others.index(one.other), metrics.index(one.metric)]
        axes.set_visible(True)
        axes.axhline(0, color="0.6", linewidth=0.8)
        axes.plot(sorted(each.difference for each in one.by_video), ".", markersize=4)
        axes.axhline(one.difference, color="C1", linewidth=1)
        if one.low is not None and one.high is not None:
            axes.axhspan(one.low, one.high, color="C1", alpha=0.2, linewidth=0)
        axes.set_title(f"{LABELS[one.metric]}: {one.first} minus {one.other}", fontsize=7)
        axes.set_xlabel("videos, sorted", fontsize=7)
        axes.tick_params(labelsize=6)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
