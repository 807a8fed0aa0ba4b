"""A table as Markdown and CSV, and the files of all tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from avrsp.evaluate.summary import LABELS, LESS_IS_BETTER
from avrsp.files import write_text
from avrsp.report.latex import grid_to_latex, to_latex
from avrsp.report.page import Download, Grid
from avrsp.report.tables import Cell, Table, TableRow

MARKDOWN_SPECIAL: Final = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "\\`*_[]|~"},
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
    }
)

FORMULA: Final = ("=", "+", "-", "@", "\t")
"""What a spreadsheet takes for the start of a formula."""


def write_tables(folder: Path, tables: Sequence[Table]) -> None:
    """Write each table in three formats below `folder`/tables."""
    for table in tables:
        for suffix, convert in (("md", to_markdown), ("csv", to_csv), ("tex", to_latex)):
            write_text(folder / "tables" / f"{table.name}.{suffix}", convert(table))


def write_grids(folder: Path, grids: Mapping[str, Grid], caption: str) -> None:
    """Write plain tables by their names as CSV and LaTeX, whose caption also says `caption`."""
    for name, grid in grids.items():
        write_text(folder / "tables" / f"{name}.csv", grid_to_csv(grid))
        write_text(folder / "tables" / f"{name}.tex", grid_to_latex(grid, name, caption))


def downloads(block: Table | Grid) -> tuple[Download, ...]:
    """Return the files of a table that a page offers."""
    if isinstance(block, Table):
        name, texts = block.name, (to_csv(block), to_latex(block))
    else:
        name = re.sub(r"[^a-z0-9]+", "-", block.title.lower()).strip("-")
        texts = (grid_to_csv(block), grid_to_latex(block, name))
    return tuple(
        Download(label, f"{name}.{suffix}", text)
        for (label, suffix), text in zip((("CSV", "csv"), ("TeX", "tex")), texts, strict=True)
    )


def to_markdown(table: Table) -> str:
    """Return `table` as GitHub's Markdown, best values in bold."""
    several = len(table.datasets) > 1
    heads = [
        f"{markdown(heading)} {_heading(metric)}" if several else _heading(metric)
        for heading in table.headings
        for metric in table.metrics
    ]
    lines = [f"## {markdown(table.title)}", "", markdown(table.caption), ""]
    last = ["Source"] * table.has_sources
    lines += [
        _line(["Method", *heads, *last]),
        _line([":---", *["---:"] * len(heads), *[":---" for _ in last]]),
    ]
    for group in table.groups:
        lines.append(_line([f"***{markdown(group.heading)}***", *[""] * len([*heads, *last])]))
        for row in group.rows:
            cells = [_bold(row.cell(column), "**") for column in table.columns]
            cells += [markdown(row.source) for _ in last]
            lines.append(_line([markdown(row.method), *cells]))
    for note in table.notes:
        lines += ["", markdown(note)]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """Return `table` as CSV, one method a line.

    This run's values have six decimals and, beside each, its 95 % interval; the paper's rows
    hold the printed digits. A cell that was not run says so. `data` tells numbers of generated
    videos from those of the real datasets; the last column is the rows' source.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{dataset}_{metric}" for dataset, metric in table.columns]
    writer.writerow(
        [
            *("group", "method", "data"),
            *(f"{name}{end}" for name in names for end in ("", "_low", "_high")),
            "source",
        ]
    )
    for group in table.groups:
        for row in group.rows:
            data = "generated" if group.ours and table.generated else "real"
            values = [data, *_with_intervals(row, table), plain(row.source)]
            writer.writerow([group.source, plain(row.method), *values])
    return text.getvalue()


def grids_to_markdown(heading: str, lead: str, grids: Sequence[Grid]) -> str:
    """Return plain tables one below the other as GitHub's Markdown."""
    lines = [f"## {markdown(heading)}", "", markdown(lead)]
    for grid in grids:
        rule = [":---" if place in grid.words else "---:" for place in range(len(grid.heads))]
        heads = _line([*map(markdown, grid.heads)])
        lines += ["", f"### {markdown(grid.title)}", "", heads, _line(rule)]
        lines += [_line([*map(markdown, row)]) for row in grid.rows]
    return "\n".join(lines) + "\n"


def grid_to_csv(grid: Grid) -> str:
    """Return a plain table as CSV, its numbers as they stand on the page."""
    text = io.StringIO()
    rows = ([plain(cell) for cell in row] for row in (grid.heads, *grid.rows))
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _heading(metric: str) -> str:
    return f"{LABELS[metric]} {'↓' if metric in LESS_IS_BETTER else '↑'}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bold(cell: Cell, mark: str) -> str:
    return f"{mark}{cell.text}{mark}" if cell.best else cell.text


def _with_intervals(row: TableRow, table: Table) -> list[str]:
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


def markdown(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return " ".join(text.split()).translate(MARKDOWN_SPECIAL)


def plain(text: str) -> str:
    """Return a cell of CSV that no spreadsheet takes for a formula: `'` goes before such text."""
    return f"'{text}" if text.startswith(FORMULA) and len(text) > 1 and not _number(text) else text


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
