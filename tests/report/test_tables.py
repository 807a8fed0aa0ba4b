"""Tables: the best of ours is marked, printed rows stay apart, what was not run says so."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from avrsp.evaluate.summary import DatasetScores, Estimate
from avrsp.report import paper
from avrsp.report.about import About
from avrsp.report.formats import grid_to_csv, grids_to_markdown, to_csv, to_markdown
from avrsp.report.latex import grid_to_latex, to_latex
from avrsp.report.page import Grid
from avrsp.report.results import Results
from avrsp.report.tables import (
    NOT_DEFINED,
    NOT_RUN,
    Table,
    TableRows,
    compared,
    comparison,
    more_metrics,
    overview,
)


def scored(**values: float) -> DatasetScores:
    estimates = {
        name: Estimate(value=value, low=value - 0.1, high=value + 0.1)
        for name, value in values.items()
    }
    return DatasetScores(metrics=estimates, videos=3, frames=90, dropped=1, missing=0)


RESULTS = Results(
    {
        "V": {"diem": scored(sim=0.41, cc=0.5004, nss=1.204, auc_judd=0.81)},
        "AV": {"diem": scored(sim=0.42, cc=0.4996, nss=1.196, auc_judd=0.80)},
        "centre prior": {"diem": scored(sim=0.30, cc=0.31, nss=0.9, auc_judd=0.7)},
        "other frame": {"diem": scored(sim=0.70, cc=0.80, nss=2.9, auc_judd=0.9)},
    }
)


ABOUT = About("paper", "ravf", (1,), 7, "avrsp", ("diem", "etmd", "avad"), "")
ABOUT_SAMPLE = replace(ABOUT, preset="sample")
LABELS = {"V": "AVRSP(V)", "AV": "AVRSP(AV)"}
DATASETS = paper.DATASETS["I"]


def table(objections: Sequence[str] = ("preset sample",), note: str = "A note.") -> Table:
    rows = TableRows(LABELS, RESULTS)
    return comparison("I", DATASETS, rows, ABOUT, objections=objections, notes=[note])


def read(text: str) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["group"], row["method"]): row for row in csv.DictReader(io.StringIO(text))}


def test_equal_printed_digits_are_both_best() -> None:
    visual, both = table().groups[0].rows[:2]
    assert [row.cell(("diem", "cc")).best for row in (visual, both)] == [True, True]
    assert [row.cell(("diem", "sim")).best for row in (visual, both)] == [False, True]
    assert visual.cell(("diem", "nss")).text == both.cell(("diem", "nss")).text == "1.20"


def test_another_frames_ground_truth_is_never_the_best() -> None:
    other = next(row for row in table().groups[0].rows if row.method.startswith("other frame"))
    assert other.cell(("diem", "cc")).text == "0.800"
    assert not other.cell(("diem", "cc")).best


BETWEEN = {
    "other viewers": {"diem": scored(nss=9.0, auc_judd=0.99), "mean": scored(nss=9.0)},
    "half the viewers": {"diem": scored(sim=0.9, cc=0.95, nss=8.0), "mean": scored(cc=0.95)},
}


def test_viewers_against_viewers_have_rows_where_they_are_known_and_are_never_the_best() -> None:
    assert not any("viewers" in row.method for row in table().groups[0].rows)
    results = Results({**RESULTS.methods, **BETWEEN})
    rows = comparison("I", DATASETS, TableRows(LABELS, results), ABOUT).groups[0].rows
    half, others = (row for row in rows if row.method.endswith(" §"))
    assert (half.method, others.method) == ("half the viewers §", "other viewers §")
    assert others.cell(("diem", "nss")).text == "9.00"
    assert others.cell(("diem", "cc")).text == NOT_DEFINED
    assert others.cell(("avad", "nss")).text == NOT_RUN
    assert not any(cell.best for row in (half, others) for cell in row.cells.values())
    assert "9.00" in to_markdown(comparison("I", DATASETS, TableRows(LABELS, results), ABOUT))


def test_viewers_of_some_datasets_have_no_mean_beside_that_of_all() -> None:
    known = {"V": {"diem": scored(cc=0.5), "mean": scored(cc=0.5)}, **BETWEEN}
    assert Results(known).find("half the viewers", "mean", "cc") is not None
    more = known | {"V": {"diem": scored(cc=0.5), "avad": scored(cc=0.5), "mean": scored(cc=0.5)}}
    assert Results(more).find("half the viewers", "mean", "cc") is None


def test_metrics_that_the_paper_does_not_print_have_a_table_where_a_protocol_has_them() -> None:
    rows = TableRows(LABELS, RESULTS)
    assert more_metrics(rows, ABOUT) is None
    assert overview(rows, ABOUT).metrics == paper.METRICS
    found = Results({"V": {"diem": scored(kl=1.5, auc_shuffled=0.61, ig=-0.204)}})
    shown = more_metrics(TableRows(LABELS, found), ABOUT)
    assert shown is not None
    assert shown.metrics == ("kl", "auc_shuffled", "ig")
    assert "| AVRSP(V) | **1.500** | **0.610** | **-0.20** |" in to_markdown(shown)
    assert "KL ↓ | s-AUC ↑ | IG ↑" in to_markdown(shown)


def test_low_kl_is_the_best() -> None:
    results = Results({"V": {"mean": scored(kl=1.5)}, "AV": {"mean": scored(kl=1.2)}})
    rows = overview(TableRows(LABELS, results), ABOUT).groups[0].rows
    assert [row.cell(("mean", "kl")).best for row in rows[:2]] == [False, True]


def test_printed_rows_are_apart_and_never_marked() -> None:
    ours, printed, elsewhere, newer = table().groups
    assert not any("Ours" in row.method for row in ours.rows)
    assert len(printed.rows) == 12
    quoted = (*printed.rows, *elsewhere.rows, *newer.rows)
    assert not any(cell.best for row in quoted for cell in row.cells.values())
    assert all(row.source for row in quoted)
    assert "not comparable" in printed.heading
    assert "preset sample" in printed.heading
    assert "not comparable" not in table(()).groups[1].heading


def test_csv_has_intervals_and_says_what_was_not_run() -> None:
    rows = read(to_csv(table()))
    ours = rows["this run", "AVRSP(V)"]
    assert float(ours["diem_cc"]) == pytest.approx(0.5004)
    assert float(ours["diem_cc_low"]) == pytest.approx(0.4004)
    assert float(ours["diem_cc_high"]) == pytest.approx(0.6004)
    assert (ours["data"], rows["paper", "Ours(AV)"]["data"]) == ("real", "real")
    generated = read(to_csv(replace(table(), headings=ABOUT_SAMPLE.titles(DATASETS))))
    assert generated["this run", "AVRSP(V)"]["data"] == "generated"
    assert generated["paper", "Ours(AV)"]["data"] == "real"
    assert ours["avad_cc"] == rows["this run", "uniform"]["diem_cc"] == NOT_RUN
    assert rows["paper", "Ours(AV)"]["avad_nss"] == "3.84"


def test_markdown_is_rectangular_and_bold() -> None:
    text = to_markdown(table())
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {15}
    assert "| AVRSP(AV) | **0.420** | **0.500** | **1.20** | 0.800 | not run |" in text
    assert text.splitlines()[4].endswith("| AVAD AUC-J ↑ | Source |")
    assert "| Ours(AV) | 0.559 |" in text
    assert "| 0.933 | AVRSP, arXiv 2411.11454, Table I |" in text
    assert text.startswith(
        "## Table I. DIEM, ETMD and AVAD\n\nPreset paper, protocol avrsp, split 1. "
    )


def test_latex_has_as_many_cells_as_columns() -> None:
    text = to_latex(table())
    body = text.split(r"\midrule")[1].splitlines()[2:-1]
    assert {line.count("&") for line in body} == {12}
    assert r"\textbf{0.420}" in text
    assert "†" not in text


def test_latex_pastes_into_two_columns() -> None:
    text = to_latex(table())
    assert r"\begin{table*}[t]" in text  # twelve columns of numbers take the whole page
    for said in (r"\centering", r"\label{tab:avrsp-table-i}", r"\toprule", r"\linewidth"):
        assert said in text
    assert r"\caption{DIEM, ETMD and AVAD. Preset paper" in text  # LaTeX counts by itself
    generated = to_latex(replace(table(), caption=replace(ABOUT, preset="sample").setting))
    assert "(generated videos)" in generated
    assert text.count("{") == text.count("}")


def test_latex_explains_headings_and_names_sources_below_the_table() -> None:
    text = to_latex(table())
    inside, below = text.split(r"\end{tabular}")
    assert "not comparable" not in inside
    assert "arXiv 2411.11454" not in inside
    assert "Printed in the paper, on the real datasets: not comparable" in below
    assert r"Ours(AV)\textsuperscript{2} & 0.559" in inside
    assert "2: AVRSP, arXiv 2411.11454, Table I." in below
    assert "not known" not in inside
    assert "--: not known." in below


def test_wide_plain_tables_take_both_columns() -> None:
    grid = Grid("Statements", ("Statement", "Holds"), (("word " * 20, "yes"),))
    assert r"\begin{table*}[t]" in grid_to_latex(grid, "statements")


def test_a_plain_table_is_latex_too() -> None:
    grid = Grid("CC with each sound", ("Clips", "CC"), (("50 % & more", "0.5"),))
    text = grid_to_latex(grid, "sounds", "Preset sample.")
    assert r"\begin{table}[t]" in text
    assert r"\begin{tabular}{lr}" in text
    assert r"50 \% \& more & 0.5 \\" in text
    assert r"\caption{CC with each sound. Preset sample.}" in text
    assert r"\label{tab:avrsp-sounds}" in text


def test_nothing_run_is_a_whole_table() -> None:
    empty = comparison("II", paper.DATASETS["II"], TableRows({}, Results()), ABOUT)
    texts = {row.cell(column).text for row in empty.groups[0].rows for column in empty.columns}
    assert texts == {NOT_RUN}
    assert to_markdown(empty).count(NOT_RUN) == 12 * len(empty.groups[0].rows)


def test_a_dataset_has_its_columns_where_it_was_scored_or_wanted() -> None:
    about = replace(ABOUT, datasets=("summe", "lab"))
    assert compared(RESULTS, about) == {"I": ("diem",), "II": ("summe",), "": ("lab",)}
    assert compared(Results(), replace(about, datasets=())) == {}


EVIL = "=cmd|' /C calc'!A0 <img src=x> \\input{/etc/passwd} *b* [a](b) | #_{}~^"


def test_markup_in_names_and_notes_is_shown_as_it_is() -> None:
    shown = replace(table(note=EVIL), headings=(EVIL, "ETMD", "AVAD"), title=EVIL)
    group = shown.groups[0]
    rows = (replace(group.rows[0], method=EVIL), *group.rows[1:])
    shown = replace(shown, groups=(replace(group, rows=rows), *shown.groups[1:]))
    text = to_markdown(shown)
    assert "<img" not in text
    assert not re.search(r"(?<!\\)[*]b", text)
    assert {
        len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line[:1] == "|"
    } == {15}
    tex = to_latex(shown)
    assert r"\input" not in tex
    assert tex.count("{") - tex.count(r"\{") == tex.count("}") - tex.count(r"\}")
    cells = [row[1] for row in csv.reader(io.StringIO(to_csv(shown)))]
    assert cells[1] == f"'{EVIL}"
    names = ("=1+1", "+1", "-0.5", "@x", "-", "a=b")
    grid = Grid("", names, (names,))
    assert [*csv.reader(io.StringIO(grid_to_csv(grid)))][1] == [
        "'=1+1",
        "+1",
        "-0.5",
        "'@x",
        "-",
        "a=b",
    ]
    assert "<img" not in grids_to_markdown(
        EVIL, EVIL, [replace(grid, title=EVIL, heads=(EVIL,) * 6)]
    )
