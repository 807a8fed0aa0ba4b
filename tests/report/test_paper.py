"""The printed numbers against the paper's text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from avrsp.report import paper

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
