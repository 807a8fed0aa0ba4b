"""A table as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from avrsp.files import write_text
from avrsp.report.names import HEADINGS, LOWER_IS_BETTER, title
from avrsp.report.page import Grid
from avrsp.report.tables import Cell, Row, Table

LATEX_SPECIAL = str.maketrans(
    {
        "&": r"\&",
        "%": r"\%",
        "_": r"\_",
        "#": r"\#",
        "$": r"\$",
        "†": r"$\dagger$",
        "‡": r"$\ddagger$",
    }
)


def write_tables(folder: Path, tables: Sequence[Table]) -> None:
    """Write each table in three formats below `folder`/tables."""
    for table in tables:
        for suffix, convert in (("md", to_markdown), ("csv", to_csv), ("tex", to_latex)):
            write_text(folder / "tables" / f"{table.name}.{suffix}", convert(table))


def to_markdown(table: Table) -> str:
    """Return `table` as GitHub's Markdown, best values in bold."""
    several = len(table.datasets) > 1
    heads = [
        f"{title(dataset)} {_heading(metric)}" if several else _heading(metric)
        for dataset, metric in table.columns
    ]
    lines = [f"## {table.title}", "", table.caption, ""]
    lines += [_line(["Method", *heads]), _line([":---", *["---:"] * len(heads)])]
    for group in table.groups:
        lines.append(_line([f"***{group.heading}***", *[""] * len(heads)]))
        for row in group.rows:
            lines.append(_line([row.method, *[_bold(row.cell(c), "**") for c in table.columns]]))
    for note in table.notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """Return `table` as CSV, one method a line.

    This run's values have six decimals and, beside each, its 95 % interval; the paper's rows
    hold the printed digits. A cell that was not run says so.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{dataset}_{metric}" for dataset, metric in table.columns]
    writer.writerow(
        ["source", "method", *(f"{name}{end}" for name in names for end in ("", "_low", "_high"))]
    )
    for group in table.groups:
        for row in group.rows:
            writer.writerow([group.source, row.method, *_with_intervals(row, table)])
    return text.getvalue()


def grids_to_markdown(heading: str, lead: str, grids: Sequence[Grid]) -> str:
    """Return plain tables one below the other as GitHub's Markdown."""
    lines = [f"## {heading}", "", lead]
    for grid in grids:
        rule = [":---" if place in grid.words else "---:" for place in range(len(grid.heads))]
        lines += ["", f"### {grid.title}", "", _line([*grid.heads]), _line(rule)]
        lines += [_line([*row]) for row in grid.rows]
    return "\n".join(lines) + "\n"


def grid_to_csv(grid: Grid) -> str:
    """Return a plain table as CSV, its numbers as they stand on the page."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([grid.heads, *grid.rows])
    return text.getvalue()


def to_latex(table: Table) -> str:
    """Return `table` as a LaTeX table that needs the package booktabs."""
    width = len(table.metrics)
    heads = " & ".join(
        rf"\multicolumn{{{width}}}{{c}}{{{title(dataset)}}}" for dataset in table.datasets
    )
    rules = "".join(
        rf"\cmidrule(lr){{{2 + start}-{1 + start + width}}}"
        for start in range(0, len(table.columns), width)
    )
    metrics = " & ".join(_latex_heading(metric) for _, metric in table.columns)
    lines = [
        r"\begin{table*}",
        rf"\caption{{{_latex(f'{table.title}. {table.caption}')}}}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        rf" & {heads} \\",
        rules,
        rf"Method & {metrics} \\",
    ]
    for group in table.groups:
        lines += [
            r"\midrule",
            rf"\multicolumn{{{1 + len(table.columns)}}}{{l}}"
            rf"{{\emph{{{_latex(group.heading)}}}}} \\",
        ]
        lines += [_latex_row(row, table) for row in group.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table*}", ""])


def _heading(metric: str) -> str:
    return f"{HEADINGS[metric]} {'↓' if metric in LOWER_IS_BETTER else '↑'}"


def _latex_heading(metric: str) -> str:
    arrow = "downarrow" if metric in LOWER_IS_BETTER else "uparrow"
    return rf"{HEADINGS[metric]}\,$\{arrow}$"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bold(cell: Cell, mark: str) -> str:
    return f"{mark}{cell.text}{mark}" if cell.best else cell.text


def _with_intervals(row: Row, table: Table) -> list[str]:
    values = []
    for column in table.columns:
        cell = row.cell(column)
        if cell.estimate is None:
            values += [cell.text, "", ""]
        else:
            estimate = cell.estimate
            values += [
                "" if number is None else f"{number:.6f}"
                for number in (estimate.value, estimate.low, estimate.high)
            ]
    return values


def _latex(text: str) -> str:
    return text.translate(LATEX_SPECIAL)


def _latex_row(row: Row, table: Table) -> str:
    cells = [row.cell(column) for column in table.columns]
    texts = [rf"\textbf{{{cell.text}}}" if cell.best else cell.text for cell in cells]
    return rf"{_latex(row.method)} & {' & '.join(texts)} \\"
