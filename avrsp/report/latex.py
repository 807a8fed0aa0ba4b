"""Tables as LaTeX that can be pasted: they need the packages booktabs and graphicx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from avrsp.report.names import HEADINGS, LOWER_IS_BETTER
from avrsp.report.page import Grid
from avrsp.report.tables import Table, TableRow

SPECIAL: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "&": r"\&",
        "%": r"\%",
        "_": r"\_",
        "#": r"\#",
        "$": r"\$",
        "†": r"$\dagger$",
        "‡": r"$\ddagger$",
        "§": r"\S{}",
        "\N{EN DASH}": "--",
        "“": "``",
        "”": "''",
        "…": r"\ldots{}",
    }
)

NUMBERED: Final = re.compile(r"^Table [IVX]+[.,]\s*")
"""How a title begins that has the paper's number: LaTeX counts its own tables."""

ONE_COLUMN: Final = 5
"""Columns of numbers that fit into one of two columns of text."""

SHRINK: Final = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Begins a box that is made narrower only where it is wider than the text."""


def latex(text: str) -> str:
    """Return text that LaTeX sets as it is."""
    return " ".join(text.split()).translate(SPECIAL)


def to_latex(table: Table) -> str:
    """Return `table` as a LaTeX table, over both columns of text where it has many."""
    width = len(table.metrics)
    heads = " & ".join(
        rf"\multicolumn{{{width}}}{{c}}{{{latex(heading)}}}" for heading in table.headings
    )
    rules = "".join(
        rf"\cmidrule(lr){{{2 + start}-{1 + start + width}}}"
        for start in range(0, len(table.columns), width)
    )
    metrics = " & ".join(_heading(metric) for _, metric in table.columns)
    sources = table.has_sources
    rows = [
        rf" & {heads}{' &' * sources} \\",
        rules,
        rf"Method & {metrics}{' & Source' * sources} \\",
    ]
    for group in table.groups:
        span = 1 + len(table.columns) + sources
        rows += [
            r"\midrule",
            rf"\multicolumn{{{span}}}{{l}}{{\emph{{{latex(group.heading)}}}}} \\",
        ]
        rows += [_row(row, table) for row in group.rows]
    title = NUMBERED.sub("", table.title)
    caption = f"{title[:1].upper()}{title[1:]}. {table.caption}"
    columns = f"l{'r' * len(table.columns)}{'l' * sources}"
    return _float(table.name, caption, columns, rows, table.notes)


def grid_to_latex(grid: Grid, name: str, caption: str = "") -> str:
    """Return a plain table as a LaTeX table called `name`; `caption` follows its title."""
    columns = "".join("l" if place in grid.words else "r" for place in range(len(grid.heads)))
    lines = [rf"{' & '.join(map(latex, row))} \\" for row in (grid.heads, *grid.rows)]
    return _float(
        name, f"{grid.title}. {caption}".strip(), columns, [lines[0], r"\midrule", *lines[1:]]
    )


def _float(
    name: str, caption: str, columns: str, rows: Sequence[str], notes: Sequence[str] = ()
) -> str:
    kind = "table" if len(columns) - 1 <= ONE_COLUMN else "table*"
    below = [rf"\par\smallskip\parbox{{\linewidth}}{{\scriptsize {latex(note)}}}" for note in notes]
    lines = [
        "% Needs the packages booktabs and graphicx.",
        rf"\begin{{{kind}}}[t]",
        r"\centering",
        rf"\caption{{{latex(caption)}}}",
        rf"\label{{tab:avrsp-{name}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        SHRINK,
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
        *below,
        rf"\end{{{kind}}}",
    ]
    return "\n".join([*lines, ""])


def _heading(metric: str) -> str:
    arrow = "downarrow" if metric in LOWER_IS_BETTER else "uparrow"
    return rf"{HEADINGS[metric]}\,$\{arrow}$"


def _row(row: TableRow, table: Table) -> str:
    cells = [row.cell(column) for column in table.columns]
    texts = [rf"\textbf{{{cell.text}}}" if cell.best else latex(cell.text) for cell in cells]
    texts += [latex(row.source)] * table.has_sources
    return rf"{latex(row.method)} & {' & '.join(texts)} \\"
