"""The printed numbers against the paper's text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from avrsp import datasets
from avrsp.report import paper, texts

TEXT = Path(__file__).parents[3] / "shared" / "paper" / "avrsp.txt"

SIZES: dict[str, int] = {"I": 36, "II": 36, "III": 16, "IV": 10, "V": 14}


@pytest.mark.parametrize("table", SIZES)
def test_every_table_is_whole(table: str) -> None:
    rows = paper.printed(table)
    assert len(rows) == SIZES[table]
    assert {row.dataset for row in rows} == set(paper.DATASETS[table])
    assert all(
        set(row.values) == set(paper.METRICS)
        and re.fullmatch(r"0\.\d{3}", row.values["cc"])
        and re.fullmatch(r"\d\.\d{2}", row.values["nss"])
        for row in rows
    )


def test_the_headline_row() -> None:
    row = next(r for r in paper.printed("I") if (r.method, r.dataset) == ("Ours(AV)", "diem"))
    assert row.values == {"sim": "0.559", "cc": "0.685", "nss": "2.78", "auc_judd": "0.911"}


@pytest.mark.data
@pytest.mark.parametrize("table", SIZES)
def test_every_cell_agrees_with_the_text(table: str) -> None:
    if not TEXT.exists():
        pytest.skip(f"the paper's text is not at {TEXT}")
    expected = [_numbers(line) for line in _body(table)]
    per_line = len(paper.DATASETS[table])
    rows = paper.printed(table)
    order = ("cc", "nss", "auc_judd", "sim") if table == "IV" else paper.METRICS
    found = [
        [row.values[metric] for row in rows[start : start + per_line] for metric in order]
        for start in range(0, len(rows), per_line)
    ]
    assert found == expected


@pytest.mark.data
@pytest.mark.parametrize("table", ["I", "II", "V"])
def test_every_name_agrees_with_the_text(table: str) -> None:
    if not TEXT.exists():
        pytest.skip(f"the paper's text is not at {TEXT}")
    printed = [re.sub(r" \[\d+\]$", "", line.split("|")[1].strip()) for line in _body(table)]
    assert list(dict.fromkeys(row.method for row in paper.printed(table))) == printed


def _body(table: str) -> list[str]:
    """Return the lines of a table that hold numbers."""
    after = TEXT.read_text().split(f"\nTABLE {table}: ")[1]
    block = re.search(r"(?:^\|.*\n)+", after, re.MULTILINE)
    assert block
    return [line for line in block[0].splitlines() if re.search(r"\d\.\d+ \|$", line)]


def _numbers(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|") if re.fullmatch(r" \d\.\d+ ", cell)]


CASP, OURS = "CASP-Net(AV)", "Ours(AV)"


def values(method: str, dataset: str) -> dict[str, float]:
    tables = [entry for name in paper.COMPARED for entry in paper.printed(name)]
    (found,) = (each for each in tables if (each.method, each.dataset) == (method, dataset))
    return {name: float(text) for name, text in found.values.items()}


def test_the_footnotes_name_what_is_odd_in_the_numbers() -> None:
    six = [key for name in paper.COMPARED for key in paper.DATASETS[name]]
    same = {key for key in six if values("TSFP-Net(V)", key) == values("TSFP-Net(AV)", key)}
    assert same == {"diem", "coutrot1", "coutrot2"}
    behind = {
        key: [name for name, value in values(OURS, key).items() if value < values(CASP, key)[name]]
        for key in six
    }
    behind = {key: metrics for key, metrics in behind.items() if metrics}
    assert behind == {"etmd": ["sim", "cc", "auc_judd"], "summe": ["sim", "auc_judd"]}
    assert "On real ETMD, Ours(AV) is behind CASP-Net(AV) in SIM, CC and AUC-J" in texts.ODD["I"]
    assert "On real SumMe, Ours(AV) is behind CASP-Net(AV) in SIM and AUC-J" in texts.ODD["II"]
    for name in paper.COMPARED:
        assert all(f"real {datasets.title(key, 'paper')}" in texts.ODD[name] for key in same)


def test_a_newer_method_is_ahead_on_every_dataset() -> None:
    quoted = [each for name in paper.COMPARED for each in paper.printed(name, "newer")]
    ahead = [each for each in quoted if each.method == "AAM(AV)"]
    assert len(ahead) == 6
    for each in ahead:
        ours = values(OURS, each.dataset)
        assert all(float(text) > ours[name] for name, text in each.values.items())


def test_quoted_numbers_differ_from_the_papers_and_name_their_source() -> None:
    for name in paper.COMPARED:
        for each in paper.printed(name, "elsewhere"):
            ours = values(each.method, each.dataset)
            assert all(float(text) != ours[metric] for metric, text in each.values.items())
        assert all(each.source for each in paper.everything())
        lost = {each.method for each in paper.printed(name) if "no public code" in each.remark}
        assert {method.partition("(")[0] for method in lost} == {*paper.NO_CODE}


HEADER = "\t".join(paper.COLUMNS)
LINE = "I\telsewhere\tTheirs(V)\tdiem\t\t0.500\t2.1\t\ttheir paper"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["table\tmethod"], "found the columns"),
        ([HEADER, LINE.replace("2.1", "2.10"), LINE.replace("2.1", "2.10")], "two lines"),
        ([HEADER, LINE], "numbers such as"),
        ([HEADER, LINE.replace("2.1", "")[:-12]], "cells"),
        ([HEADER, LINE.replace("diem", "summe")], "a dataset that it has"),
        ([HEADER, LINE.replace("elsewhere", "paper").replace("2.1", "2.10")], "all four"),
        ([HEADER, LINE.replace("elsewhere", "there")], "a group of"),
        ([HEADER, LINE.replace("their paper", "")], "a method and a source"),
    ],
)
def test_the_file_is_read_strictly(lines: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        paper.read(lines)
