"""Tables as data: the paper's shape, this run's rows, and the printed rows kept apart from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from avrsp.evaluate.summary import Estimate
from avrsp.params.ablations import ABLATIONS, DATASETS, SPLIT
from avrsp.params.runs import AUDIO_VISUAL, VISUAL
from avrsp.report import paper, texts
from avrsp.report.inputs import About
from avrsp.report.names import (
    DIGITS,
    LOWER_IS_BETTER,
    MEAN,
    REFERENCES,
    given_name,
    listed,
    method_name,
)
from avrsp.report.results import Results

NOT_RUN: Final = "not run"

TableColumn = tuple[str, str]
"""A dataset and a metric."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table, as text, with what a reader may want to know about it."""

    text: str
    estimate: Estimate | None = None
    best: bool = False

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return self.text != NOT_RUN


@dataclass(frozen=True, slots=True)
class TableRow:
    """One method; a column that is missing from `cells` was not run.

    Attributes:
        emphasis: Whether the row is one of this project's models.
        contends: Whether the row may hold a best value.
    """

    method: str
    cells: dict[TableColumn, Cell]
    emphasis: bool = False
    contends: bool = True

    def cell(self, column: TableColumn) -> Cell:
        """Return the cell in `column`."""
        return self.cells.get(column, Cell(NOT_RUN))


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of one source under a heading that says where their numbers come from."""

    source: str
    heading: str
    rows: tuple[TableRow, ...]
    ours: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose columns are metrics within datasets, which have `headings`."""

    kind: ClassVar[str] = "table"

    name: str
    title: str
    caption: str
    datasets: tuple[str, ...]
    headings: tuple[str, ...]
    metrics: tuple[str, ...]
    groups: tuple[RowGroup, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        """Return the columns from left to right."""
        return tuple((dataset, metric) for dataset in self.datasets for metric in self.metrics)

    @property
    def has_intervals(self) -> bool:
        """Whether any cell has an interval."""
        cells = (cell for group in self.groups for row in group.rows for cell in row.cells.values())
        return any(cell.estimate is not None and cell.estimate.low is not None for cell in cells)


def compared(results: Results, about: About) -> Mapping[str, tuple[str, ...]]:
    """Return which datasets stand in which table: those of the paper's, and "" for all others.

    A dataset has its columns because it was scored or was to be scored.
    """
    shown = {*results.datasets, *about.datasets}
    papers = {name: paper.DATASETS[name] for name in paper.COMPARED}
    others = shown.difference(*papers.values())
    chosen = {name: tuple(key for key in keys if key in shown) for name, keys in papers.items()}
    return {name: keys for name, keys in {**chosen, "": tuple(sorted(others))}.items() if keys}


def comparison(
    name: str,
    datasets: tuple[str, ...],
    rows: TableRows,
    about: About,
    *,
    objections: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Table:
    """Return Table I or II: this run's rows, then the paper's of the same datasets.

    Args:
        name: Which of the two; empty for datasets that the paper does not have.
        datasets: Those shown.
        rows: This run's methods and what they scored.
        about: What was run.
        objections: Why this run's rows cannot be compared with the paper's.
        notes: Further remarks below the table.
    """
    shown = listed(about.titles(datasets))
    groups = [measured(rows, datasets, paper.METRICS)]
    if name:
        groups.append(
            RowGroup("paper", remark(objections), printed_rows(name, datasets), ours=False)
        )
    counts = (f"{_videos(rows.results, key)} {about.title(key)}" for key in datasets)
    return Table(
        name=f"table-{name.lower() or 'others'}",
        title=f"Table {name}. {shown}"
        if name
        else f"Datasets that the paper does not have: {shown}",
        caption=f"{about.setting}. Test videos scored: {', '.join(counts)}.",
        datasets=datasets,
        headings=about.titles(datasets),
        metrics=paper.METRICS,
        groups=tuple(groups),
        notes=tuple(notes),
    )


def remark(objections: Sequence[str]) -> str:
    """Return the heading of printed rows, which says whether they compare with this run's."""
    if not objections:
        return "Printed in the paper"
    return (
        "Printed in the paper, on the real datasets: not comparable with the rows above "
        f"({'; '.join(objections)})"
    )


def overview(rows: TableRows, about: About, *, notes: Sequence[str] = ()) -> Table:
    """Return the means over datasets of every metric, KL included."""
    metrics = (*paper.METRICS, "kl")
    over = ", ".join(about.titles(rows.results.datasets)) or "no dataset was scored"
    return Table(
        name="overview",
        title="All datasets at a glance",
        caption=f"{about.setting}. Mean over {over}.",
        datasets=(MEAN,),
        headings=about.titles([MEAN]),
        metrics=metrics,
        groups=(measured(rows, (MEAN,), metrics),),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class TableRows:
    """This run's rows: the chain's models by kind with their labels, and what was scored."""

    labels: Mapping[str, str]
    results: Results


def measured(rows: TableRows, datasets: Iterable[str], metrics: Iterable[str]) -> RowGroup:
    """Return this run's rows; the best value of each column is marked.

    The reference that looks at the ground truth of another frame takes no part in that.
    """
    columns = [(dataset, metric) for dataset in datasets for metric in metrics]
    given = {method: given_name(method) for method in rows.results.given}
    found = [
        TableRow(
            label,
            cells_of(rows.results, method, columns),
            emphasis=method in rows.labels,
            contends=method != "other frame",
        )
        for method, label in {**rows.labels, **given, **REFERENCES}.items()
    ]
    return RowGroup("this run", "This run", tuple(mark_best(found, columns)), ours=True)


def _videos(results: Results, dataset: str) -> int:
    counts = [each[dataset].videos for each in results.methods.values() if dataset in each]
    return max(counts, default=0)


def cells_of(
    results: Results, method: str, columns: Iterable[TableColumn]
) -> dict[TableColumn, Cell]:
    """Return the cells of a method; what was not measured has none."""
    found = {column: results.find(method, *column) for column in columns}
    return {
        column: Cell(f"{estimate.value:.{DIGITS[column[1]]}f}", estimate)
        for column, estimate in found.items()
        if estimate
    }


def mark_best(rows: Sequence[TableRow], columns: Iterable[TableColumn]) -> list[TableRow]:
    """Return the rows with the best value of each column marked."""
    best = {column: _best(rows, column) for column in columns}
    return [
        replace(
            row,
            cells={
                column: replace(cell, best=row.contends and cell.text == best[column])
                for column, cell in row.cells.items()
            },
        )
        for row in rows
    ]


def _best(rows: Iterable[TableRow], column: TableColumn) -> str | None:
    """Return the best printed value, so that rows equal to the printed digit are all marked."""
    texts = [row.cell(column).text for row in rows if row.contends and column in row.cells]
    better = min if column[1] in LOWER_IS_BETTER else max
    return better(texts, key=float, default=None)


def printed_rows(name: str, datasets: Iterable[str]) -> tuple[TableRow, ...]:
    """Return the rows of a table as the paper prints them, for some of its datasets."""
    rows: dict[str, dict[TableColumn, Cell]] = {}
    wanted = {*datasets}
    for entry in (each for each in paper.printed(name) if each.dataset in wanted):
        cells = rows.setdefault(entry.method, {})
        cells.update({(entry.dataset, metric): Cell(text) for metric, text in entry.values.items()})
    return tuple(TableRow(method, cells) for method, cells in rows.items())


NAMES: Final = ("III", "IV", "V")

TITLES: Final[Mapping[str, str]] = {
    "III": "Table III. Sound, MS and MRG",
    "IV": "Table IV. Number of MS and MRG pairs",
    "V": "Table V. Ways to join sound and picture",
}

ROWS: Final[Mapping[str, Mapping[str, str]]] = {
    "III": {
        "none": f"{VISUAL}-none",
        "MS": f"{VISUAL}-ms",
        "MRG": f"{VISUAL}-mrg",
        "MS + MRG": VISUAL,
        "audio": f"{AUDIO_VISUAL}-none",
        "audio + MS": f"{AUDIO_VISUAL}-ms",
        "audio + MRG": f"{AUDIO_VISUAL}-mrg",
        "audio + MS + MRG": AUDIO_VISUAL,
    },
    "IV": {
        f"{branch}, {pairs}": {3: f"{kind}", 0: f"{kind}-none"}.get(pairs, f"{kind}-{pairs}")
        for branch, kind in (("Visual-only", VISUAL), ("Audio-Visual", AUDIO_VISUAL))
        for pairs in (4, 3, 2, 1, 0)
    },
    "V": {
        "Visual-only baseline": VISUAL,
        "Element-wise addition": "add",
        "Element-wise multiplication": "mul",
        "Concatenation": "concat",
        "Bilinear": "bilinear",
        "MBT": "mbt",
        "RAVF(Ours)": AUDIO_VISUAL,
    },
}
"""The paper's rows of each table and the network, by its name in `ABLATIONS`, that each of them is;
Table IV's rows of three pairs are the whole networks, and those of none are Table III's."""


def ablations(results: Results, about: About, objections: Sequence[str]) -> tuple[Table, ...]:
    """Return Tables III to V; a network that was not run leaves cells that say so."""
    return tuple(_ablation(name, results, about, objections) for name in NAMES)


def not_run(results: Results) -> tuple[str, ...]:
    """Return the networks that were not scored, by name."""
    return tuple(name for name in ABLATIONS if method_name(name) not in results.methods)


def _ablation(name: str, results: Results, about: About, objections: Sequence[str]) -> Table:
    datasets = paper.DATASETS[name]
    columns = [(dataset, metric) for dataset in datasets for metric in paper.METRICS]
    rows = [
        TableRow(
            label,
            cells_of(results, method_name(network), columns),
            emphasis=network == AUDIO_VISUAL,
        )
        for label, network in ROWS[name].items()
    ]
    trained = listed(about.titles(DATASETS))
    printed = printed_rows(name, datasets)
    return Table(
        name=f"table-{name.lower()}",
        title=TITLES[name],
        caption=f"{replace(about, splits=(SPLIT,)).setting}. Trained on {trained} alone.",
        datasets=datasets,
        headings=about.titles(datasets),
        metrics=paper.METRICS,
        groups=(
            RowGroup("this run", "This run", tuple(mark_best(rows, columns)), ours=True),
            RowGroup("paper", remark(objections), printed, ours=False),
        ),
        notes=(texts.PAIRS,) if name == "IV" else (),
    )
