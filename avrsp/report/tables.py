"""Tables as data: the paper's shape, this run's rows, and the printed rows kept apart from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from avrsp.evaluate.summary import LESS_IS_BETTER, MEAN, VIEWERS, Estimate
from avrsp.report import paper
from avrsp.report.about import About
from avrsp.report.names import (
    DIGITS,
    GENERATED,
    KINDS,
    NO_PREDICTIONS,
    REFERENCES,
    given_name,
    listed,
)
from avrsp.report.results import Results

NOT_RUN: Final = "not run"
NOT_DEFINED: Final = "n/a"
"""Where there is nothing to measure, as a metric that viewers against viewers do not have,
or the sound of a silent clip moved."""

NOT_KNOWN: Final = "not known"
"""Of a printed row: a number that its source does not have, or that nobody here has read."""

TRAINED: Final = "trained here"

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
        return self.text not in {NOT_RUN, NOT_KNOWN, NOT_DEFINED}


@dataclass(frozen=True, slots=True)
class TableRow:
    """One method; a column that is missing from `cells` was not run.

    Attributes:
        emphasis: Whether the row is one of this project's models.
        contends: Whether the row may hold a best value.
        source: Where its numbers come from; empty where its group says so.
        absent: What a cell without a number says.
    """

    method: str
    cells: dict[TableColumn, Cell]
    emphasis: bool = False
    contends: bool = True
    source: str = ""
    absent: str = NOT_RUN

    def cell(self, column: TableColumn) -> Cell:
        """Return the cell in `column`."""
        return self.cells.get(column, Cell(self.absent))


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of one kind under a heading that says where their numbers come from.

    Attributes:
        source: Which kind, in a word or two.
        ours: Whether this project computed the numbers.
    """

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
    def measured(self) -> bool:
        """Whether any number is of this run."""
        own = (row for group in self.groups if group.ours for row in group.rows)
        return any(row.cells for row in own)

    @property
    def generated(self) -> bool:
        """Whether this run's numbers are of generated videos, as the headings say."""
        return any(GENERATED in heading for heading in self.headings)

    @property
    def has_sources(self) -> bool:
        """Whether any row says where its numbers come from, which takes a column."""
        return any(row.source for group in self.groups for row in group.rows)

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
    """Return Table I or II: this run's rows, then what was printed of the same datasets.

    Args:
        name: Which of the two; empty for datasets that the paper does not have.
        datasets: Those shown.
        rows: This run's methods and what they scored.
        about: What was run.
        objections: Why this run's rows cannot be compared with the paper's.
        notes: Further remarks below the table.
    """
    shown = listed(about.titles(datasets))
    own = sourced(measured(rows, datasets, paper.METRICS), rows)
    groups = [own, *published(rows, datasets, paper.METRICS)]
    if name:
        groups += printed_groups(name, datasets, objections)
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
    """Return the means over datasets of every metric that the protocol has."""
    metrics = (*paper.METRICS, *further(rows.results))
    over = ", ".join(about.titles(rows.results.datasets)) or "no dataset was scored"
    return Table(
        name="overview",
        title="All datasets at a glance",
        caption=f"{about.setting}. Mean over {over}.",
        datasets=(MEAN,),
        headings=about.titles([MEAN]),
        metrics=metrics,
        groups=(measured(rows, (MEAN,), metrics), *published(rows, (MEAN,), metrics)),
        notes=tuple(notes),
    )


FURTHER: Final = ("kl", "auc_shuffled", "ig")
"""Metrics that the paper does not print; a protocol has all of them, some, or none."""


def further(results: Results) -> tuple[str, ...]:
    """Return those of `FURTHER` that anything was scored in."""
    scored = [each for own in results.methods.values() for each in own.values()]
    return tuple(name for name in FURTHER if any(name in each.metrics for each in scored))


def more_metrics(rows: TableRows, about: About, *, notes: Sequence[str] = ()) -> Table | None:
    """Return what the paper's tables leave out, by dataset; None where the protocol has none."""
    metrics, datasets = further(rows.results), rows.results.datasets
    if not metrics or not datasets:
        return None
    return Table(
        name="table-more",
        title="Metrics that the paper does not print",
        caption=f"{about.setting}.",
        datasets=datasets,
        headings=about.titles(datasets),
        metrics=metrics,
        groups=(measured(rows, datasets, metrics),),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class TableRows:
    """This run's rows.

    Attributes:
        labels: What was trained here, by its name in the results, and what tables call it.
        results: What was scored.
        published: Networks with published weights that were scored, by their name in the results:
            what tables call them, and whose weights they are.
    """

    labels: Mapping[str, str]
    results: Results
    published: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def sourced(group: RowGroup, rows: TableRows) -> RowGroup:
    """Return the rows of `measured`, of which those trained here say so."""
    trained = {*rows.labels.values()}
    own = (replace(row, source=TRAINED) if row.method in trained else row for row in group.rows)
    return replace(group, rows=tuple(own))


def published(
    rows: TableRows, datasets: Iterable[str], metrics: Sequence[str]
) -> Iterator[RowGroup]:
    """Yield the rows of networks with published weights, where there are any, with no best value.

    They learnt from other videos, perhaps from those that are tested here.
    """
    columns = [(dataset, metric) for dataset in datasets for metric in metrics]
    found = tuple(
        TableRow(label, cells_of(rows.results, method, columns), source=source)
        for method, (label, source) in rows.published.items()
    )
    if found:
        yield RowGroup("published weights", "Published weights, scored here", found, ours=True)


def printed_groups(
    name: str, datasets: Iterable[str], objections: Sequence[str]
) -> Iterator[RowGroup]:
    """Yield what was printed of the datasets of Table I or II, each row with its source."""
    headings: dict[paper.Group, str] = {
        "paper": remark(objections),
        "elsewhere": "The same methods, where others print other numbers",
        "newer": "Newer methods, quoted as reported",
    }
    for group, heading in headings.items():
        found = printed_rows(name, datasets, group)
        if found:
            yield RowGroup(group, heading, found, ours=False)


def measured(rows: TableRows, datasets: Iterable[str], metrics: Iterable[str]) -> RowGroup:
    """Return this run's rows; the best value of each column is marked.

    References that look at the ground truth take no part in that; those of viewers against
    viewers stand there where it is known who looked.
    """
    columns = [(dataset, metric) for dataset in datasets for metric in metrics]
    known = {*rows.labels, *rows.published}
    given = {name: given_name(name) for name in rows.results.given if name not in known}
    found = [
        TableRow(
            label,
            cells_of(rows.results, method, columns),
            emphasis=method in KINDS,
            contends=method not in NO_PREDICTIONS,
        )
        for method, label in {**rows.labels, **given, **REFERENCES}.items()
        if method not in VIEWERS or any(rows.results.find(method, *each) for each in columns)
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
    has = VIEWERS.get(method)
    lacks = {column: Cell(NOT_DEFINED) for column in found if has and column[1] not in has}
    return lacks | {
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
    better = min if column[1] in LESS_IS_BETTER else max
    return better(texts, key=float, default=None)


def printed_rows(
    name: str, datasets: Iterable[str], group: paper.Group = "paper"
) -> tuple[TableRow, ...]:
    """Return the rows that are printed in a table or beside it, for some of its datasets.

    Those of Tables I and II have sources of their own.
    """
    rows: dict[tuple[str, str], dict[TableColumn, Cell]] = {}
    wanted = {*datasets}
    for entry in (each for each in paper.printed(name, group) if each.dataset in wanted):
        source = entry.remark if name in paper.COMPARED else ""
        cells = rows.setdefault((entry.method, source), {})
        cells.update({(entry.dataset, metric): Cell(text) for metric, text in entry.values.items()})
    return tuple(
        TableRow(method, cells, source=source, absent=NOT_KNOWN)
        for (method, source), cells in rows.items()
    )
