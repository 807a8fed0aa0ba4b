"""Table V from experiments, `dvc exp run -S fusion=...`: a page of its own, `reports/fusions/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avrsp.files import write_text
from avrsp.report import paper, wording
from avrsp.report.ablations import ROWS
from avrsp.report.formats import write_tables
from avrsp.report.inputs import About
from avrsp.report.names import title
from avrsp.report.page import Block, Facts, Grid, Notice, Page, Points, Prose, Section, to_html
from avrsp.report.provenance import SHORT
from avrsp.report.results import Results, understood
from avrsp.report.tables import Group, Row, Table, cells_of, mark_best, printed_rows, remark

FUSIONS: Final = {
    label: {"v": "none", "av": "ravf"}.get(network, network) for label, network in ROWS["V"].items()
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
        summary: Scores in the form of `reports/pooled/*.json`.
    """

    fusion: str
    run: str
    trained: tuple[str, ...]
    date: str
    commit: str
    summary: Mapping[str, Any]


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
    results = Results({each.fusion: understood(each.run, each.summary)[0]
                       for each in found.experiments})  # fmt: skip
    tables = (_table(results, about), _means(results, about))
    write_tables(folder, tables)
    page = Page(
        title=wording.FUSIONS_TITLE,
        lead=wording.FUSIONS_LEAD,
        warning=wording.SAMPLE_WARNING if about.preset == "sample" else "",
        sections=(
            Section("tables", "Ways to join sound and picture", (*_gaps(found), *tables)),
            Section("runs", "Which runs these are", tuple(_runs(found, about))),
        ),
        colophon=f"Made by avrsp on {about.date} from preset {about.preset}.",
    )
    write_text(folder / "index.html", to_html(page))


def _gaps(found: Found) -> Iterator[Block]:
    known = {each.fusion for each in found.experiments}
    absent = [fusion for fusion in FUSIONS.values() if fusion not in known]
    yield Prose(wording.FUSIONS_READ)
    if absent:
        yield Notice(wording.no_experiments(absent))
    commits = sorted({each.commit[:SHORT] for each in found.experiments})
    if len(commits) > 1:
        yield Notice(f"The experiments were run at different commits: {', '.join(commits)}.")


def _rows(results: Results, columns: Sequence[tuple[str, str]]) -> tuple[Row, ...]:
    rows = [
        Row(label, cells_of(results, fusion, columns), emphasis=fusion == "ravf")
        for label, fusion in FUSIONS.items()
    ]
    return tuple(mark_best(rows, columns))


def _table(results: Results, about: About) -> Table:
    datasets = paper.DATASETS["V"]
    columns = [(dataset, metric) for dataset in datasets for metric in paper.METRICS]
    real = about.preset == "paper"
    printed = wording.PRINTED_V if real else remark(comparable=False)
    return Table(
        name="table-v",
        title="Table V, from experiments",
        caption=_caption(about),
        datasets=datasets,
        metrics=paper.METRICS,
        groups=(
            Group("experiments", "Experiments that MLflow knows", _rows(results, columns), True),
            Group("paper", printed, printed_rows("V"), ours=False),
        ),
        notes=(wording.FUSIONS_TRAINED,),
    )


def _means(results: Results, about: About) -> Table:
    columns = [("mean", metric) for metric in MEAN_METRICS]
    scored = dict.fromkeys(name for own in results.methods.values() for name in own)
    over = ", ".join(title(name) for name in scored if name != "mean") or "no dataset"
    rows = _rows(results, columns)
    return Table(
        name="fusions-mean",
        title="Mean of all datasets",
        caption=f"{_caption(about)} Mean over {over}.",
        datasets=("mean",),
        metrics=MEAN_METRICS,
        groups=(Group("experiments", "Experiments that MLflow knows", rows, ours=True),),
    )


def _caption(about: About) -> str:
    splits = f"split{'s' if len(about.splits) > 1 else ''} {', '.join(map(str, about.splits))}"
    return f"Preset {about.preset}, protocol {about.protocol}, {splits}, seed {about.seed}."


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
        yield Points(found.left_out)
