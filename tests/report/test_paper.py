"""The printed numbers: whole, and those that were compared with the paper's text."""

from __future__ import annotations

import json
import re
from hashlib import sha256

import pytest

from avrsp import datasets
from avrsp.report import paper, texts

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


def test_the_printed_numbers_are_those_that_were_compared_with_the_papers_text() -> None:
    """Every cell and name of the five tables was found equal to the text of arXiv 2411.11454."""
    rows = [
        [table, row.method, row.dataset, [row.values[each] for each in paper.METRICS]]
        for table in SIZES
        for row in paper.printed(table)
    ]
    assert sha256(json.dumps(rows).encode()).hexdigest() == DIGEST


DIGEST = "506885a1cf0e3f456cbdeff064f308c82cf026f2b14f1f6af53240f7b3ab5170"

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
