"""Tables as LaTeX that can be pasted: they need the packages booktabs and graphicx."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from avrsp.evaluate.summary import LABELS, LESS_IS_BETTER
from avrsp.report.page import Grid
from avrsp.report.tables import NOT_KNOWN, Table, TableColumn, TableRow

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

ONE_COLUMN: Final = 60
"""Characters that fit into one of two columns of text, before letters become small."""

UNKNOWN: Final = "--"
"""Stands for a printed number that is not known: the words would make the table wider."""

NUMBER: Final = 8
"""Characters of a column of numbers, with its gap."""

SHRINK: Final = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Begins a box that is made narrower only where it is wider than the text."""


def latex(text: str) -> str:
    """Return text that LaTeX sets as it is."""
    return " ".join(text.split()).translate(SPECIAL)


def to_latex(table: Table) -> str:
    """Return `table` as a LaTeX table, over both columns of text where it is wide.

    What explains a heading and whole sources stand below the table, lest they make it wider.
    """
    width = len(table.metrics)
    heads = " & ".join(
        rf"\multicolumn{{{width}}}{{c}}{{{latex(heading)}}}" for heading in table.headings
    )
    rules = "".join(
        rf"\cmidrule(lr){{{2 + start}-{1 + start + width}}}"
        for start in range(0, len(table.columns), width)
    )
    metrics = " & ".join(_heading(metric) for _, metric in table.columns)
    marks = source_marks(table)
    rows = [rf" & {heads} \\", rules, rf"Method & {metrics} \\"]
    explained = []
    for group in table.groups:
        heading, _, why = group.heading.partition(": ")
        explained += [f"{heading}: {why}."] if why else []
        rows += [
            r"\midrule",
            rf"\multicolumn{{{1 + len(table.columns)}}}{{l}}{{\emph{{{latex(heading)}}}}} \\",
        ]
        rows += [_row(row, table, marks) for row in group.rows]
    if marks:
        explained.append(" ".join(f"{mark}: {source}." for source, mark in marks.items()))
    if any(UNKNOWN in row for row in rows):
        explained.append(f"{UNKNOWN}: not known.")
    title = NUMBERED.sub("", table.title)
    caption = f"{title[:1].upper()}{title[1:]}. {table.caption}"
    columns = f"l{'r' * len(table.columns)}"
    characters = max(len(row.method) for group in table.groups for row in group.rows)
    wide = characters + NUMBER * len(table.columns) > ONE_COLUMN
    notes = [*explained, *table.notes]
    return _float(table.name, caption, columns, rows, wide=wide, notes=notes)


def source_marks(table: Table) -> dict[str, str]:
    """Return by each source of rows the number that stands for it behind a method's name."""
    sources = dict.fromkeys(row.source for group in table.groups for row in group.rows)
    return {source: str(1 + place) for place, source in enumerate(filter(None, sources))}


def grid_to_latex(grid: Grid, name: str, caption: str = "") -> str:
    """Return a plain table as a LaTeX table called `name`; `caption` follows its title."""
    columns = "".join("l" if place in grid.words else "r" for place in range(len(grid.heads)))
    cells = (grid.heads, *grid.rows)
    lines = [rf"{' & '.join(map(latex, row))} \\" for row in cells]
    characters = sum(2 + max(map(len, column)) for column in zip(*cells, strict=True))
    rows = [lines[0], r"\midrule", *lines[1:]]
    said = f"{grid.title}. {caption}".strip()
    return _float(name, said, columns, rows, wide=characters > ONE_COLUMN)


def _float(
    name: str,
    caption: str,
    columns: str,
    rows: Sequence[str],
    *,
    wide: bool,
    notes: Sequence[str] = (),
) -> str:
    kind = "table*" if wide else "table"
    below = [rf"\par\smallskip\parbox{{\linewidth}}{{\scriptsize {latex(note)}}}" for note in notes]
    lines = [
        "% Needs the packages booktabs and graphicx.",
        rf"\begin{{{kind}}}[t]",
        r"\centering",
        r"\setlength{\belowcaptionskip}{6pt}",
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
    arrow = "downarrow" if metric in LESS_IS_BETTER else "uparrow"
    return rf"{LABELS[metric]}\,$\{arrow}$"


def _row(row: TableRow, table: Table, marks: Mapping[str, str]) -> str:
    mark = rf"\textsuperscript{{{marks[row.source]}}}" if row.source in marks else ""
    return (
        rf"{latex(row.method)}{mark} & {' & '.join(_cell(row, each) for each in table.columns)} \\"
    )


def _cell(row: TableRow, column: TableColumn) -> str:
    cell = row.cell(column)
    if cell.text == NOT_KNOWN:
        return UNKNOWN
    text = latex(cell.text).replace("-", "$-$")
    return rf"\textbf{{{text}}}" if cell.best else text
