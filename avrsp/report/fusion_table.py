"""How RAVF compares with the other ways to join sound and picture, clip by clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avrsp.evaluate.summary import MEAN, Summary
from avrsp.files import write_text
from avrsp.params.ablations import ABLATIONS
from avrsp.report import paper, texts
from avrsp.report.ablation_tables import ROWS
from avrsp.report.about import About
from avrsp.report.comparability import objections
from avrsp.report.formats import downloads, write_tables
from avrsp.report.names import listed
from avrsp.report.page import (
    Block,
    BulletPoints,
    Facts,
    Grid,
    Notice,
    Page,
    PageSection,
    Prose,
    to_html,
)
from avrsp.report.page_sections import SHORT
from avrsp.report.results import Results
from avrsp.report.tables import (
    NOT_DEFINED,
    RowGroup,
    Table,
    TableRow,
    cells_of,
    mark_best,
    printed_rows,
    remark,
)

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
        p: Of the paired permutation test; None with fewer than two clips.
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
        (each.fusion, _measured(each), _p_value(each), str(each.videos), each.outcome)
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
        f"{outcome} of {listed(names)}" if outcome == "ahead" else f"{outcome} with {listed(names)}"
        for outcome, names in by_outcome.items()
        if names and outcome in {"ahead", "level"}
    ]
    if by_outcome["behind"]:
        parts.append(f"behind {listed(by_outcome['behind'])}")
    if not parts:
        return f"RAVF was not compared with the other fusions on {clips}."
    text = f"On {clips}, RAVF is {', '.join(parts)} (by 95 % intervals of paired CC)."
    if by_outcome["behind"]:
        text += " So RAVF is not at least level with every one of them."
    elif not any(by_outcome[outcome] for outcome in UNSAID):
        text += " So RAVF is at least level with every one of them."
    for outcome in UNSAID:
        if by_outcome[outcome]:
            text += f" {outcome.capitalize()}: {listed(by_outcome[outcome])}."
    return text


def _measured(each: Versus) -> str:
    if each.difference is None:
        return "not run"
    ends = "" if each.low is None else f" ({each.low:+.3f} to {each.high:+.3f})"
    return f"{each.difference:+.3f}{ends}"


def _p_value(each: Versus) -> str:
    if each.difference is None:
        return "not run"
    return NOT_DEFINED if each.p is None else f"{each.p:.3f}"


FUSIONS: Final = {
    label: ABLATIONS[network].fusion or "none" for label, network in ROWS["V"].items()
}
"""The paper's rows of Table V, and the fusion that each of them is; "none" is V."""

MEAN_METRICS: Final = (*paper.METRICS, "kl")


@dataclass(frozen=True, slots=True)
class Experiment:
    """What MLflow knows of one evaluation.

    Attributes:
        fusion: How sound joins the picture; "none" for V.
        run: MLflow's id of the evaluation.
        trained: MLflow's ids of the runs that trained the models.
        date: When it was recorded.
        commit: Of the code; empty where it is not known.
        summary: Scores of all splits.
    """

    fusion: str
    run: str
    trained: tuple[str, ...]
    date: str
    commit: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Found:
    """What the page shows.

    Attributes:
        experiments: At most one of each fusion, all of one setting.
        left_out: What MLflow knows besides, and why it is not shown, a line each.
        source: Where MLflow keeps it.
        manifest: Digest of the data.
    """

    experiments: tuple[Experiment, ...]
    left_out: tuple[str, ...]
    source: str
    manifest: str


def write_fusions(folder: Path, found: Found, about: About) -> None:
    """Write `index.html` and `tables/` into `folder`; the same inputs give the same bytes."""
    results = Results({each.fusion: each.summary.by_dataset for each in found.experiments})
    tables = (_table(results, about), _means(results, about))
    write_tables(folder, tables)
    page = Page(
        title=texts.FUSIONS_TITLE,
        lead=texts.FUSIONS_LEAD,
        warning=texts.SAMPLE_WARNING
        if about.preset == "sample"
        else about.by_mouse(about.datasets),
        sections=(
            PageSection("tables", "Ways to join sound and picture", (*_gaps(found), *tables)),
            PageSection("runs", "Which runs these are", tuple(_runs(found, about))),
        ),
        colophon=f"Made by avrsp from preset {about.preset}.",
    )
    write_text(folder / "index.html", to_html(page, downloads))


def _gaps(found: Found) -> Iterator[Block]:
    known = {each.fusion for each in found.experiments}
    absent = [fusion for fusion in FUSIONS.values() if fusion not in known]
    yield Prose(texts.FUSIONS_READ)
    if absent:
        yield Notice(texts.no_experiments(absent))
    commits = sorted({each.commit[:SHORT] for each in found.experiments})
    if len(commits) > 1:
        yield Notice(f"The experiments were run at different commits: {', '.join(commits)}.")


def _rows(results: Results, columns: Sequence[tuple[str, str]]) -> tuple[TableRow, ...]:
    rows = [
        TableRow(label, cells_of(results, fusion, columns), emphasis=fusion == "ravf")
        for label, fusion in FUSIONS.items()
    ]
    return tuple(mark_best(rows, columns))


def _table(results: Results, about: About) -> Table:
    datasets = paper.DATASETS["V"]
    columns = [(dataset, metric) for dataset in datasets for metric in paper.METRICS]
    printed = remark((*objections(about, {}), texts.TRAINED_ON_TWO))
    return Table(
        name="table-v",
        title="Table V, from experiments",
        caption=_caption(about),
        datasets=datasets,
        headings=about.titles(datasets),
        metrics=paper.METRICS,
        groups=(
            RowGroup("experiments", "Experiments that MLflow knows", _rows(results, columns), True),
            RowGroup("paper", printed, printed_rows("V", datasets), ours=False),
        ),
        notes=(texts.FUSIONS_TRAINED,),
    )


def _means(results: Results, about: About) -> Table:
    columns = [(MEAN, metric) for metric in MEAN_METRICS]
    over = ", ".join(about.titles(results.datasets)) or "no dataset"
    rows = _rows(results, columns)
    return Table(
        name="fusions-mean",
        title="Mean of all datasets",
        caption=f"{_caption(about)} Mean over {over}.",
        datasets=(MEAN,),
        headings=about.titles([MEAN]),
        metrics=MEAN_METRICS,
        groups=(RowGroup("experiments", "Experiments that MLflow knows", rows, ours=True),),
    )


def _caption(about: About) -> str:
    return f"{about.setting}, seed {about.seed}."


def _runs(found: Found, about: About) -> Iterator[Block]:
    yield Facts(
        (
            ("Preset", about.preset),
            ("Splits", ", ".join(map(str, about.splits))),
            ("Digest of the data (SHA-256)", found.manifest[:SHORT]),
            ("MLflow", found.source),
        )
    )
    heads = ("Fusion", "Evaluation", "Trained by", "Recorded on", "Commit")
    rows = tuple(
        (
            *(each.fusion, each.run, ", ".join(each.trained) or "not recorded"),
            *(each.date, each.commit[:SHORT] or "unknown"),
        )
        for each in found.experiments
    )
    if rows:
        yield Grid("MLflow runs", heads, rows, words=(0, 1, 2, 3, 4))
    if found.left_out:
        yield Prose("Left out, because they differ in more than the fusion:")
        yield BulletPoints(found.left_out)
