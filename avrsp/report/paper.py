"""What others have printed, to the printed digit; the numbers and their sources: `printed.tsv`.

These are the paper's Tables I to V; other numbers of the methods that Tables I and II compare; and
those of newer methods on the same datasets. The paper's rows are called what it calls them, without
reference marks. Two tables need words of ours: Table III's rows name the parts that were switched
on ("audio + MS"), and Table IV's name the branch and the number of MS and MRG pairs ("Visual-only,
3").
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal, get_args

METRICS: Final = ("sim", "cc", "nss", "auc_judd")
"""The paper's four metrics, in the order of its columns."""

COMPARED: Final = ("I", "II")
"""The tables that compare whole methods; the others are ablations."""

DATASETS: Final[dict[str, tuple[str, ...]]] = {
    "I": ("diem", "etmd", "avad"),
    "II": ("coutrot1", "coutrot2", "summe"),
    "III": ("diem", "avad"),
    "IV": ("diem",),
    "V": ("diem", "avad"),
}
"""Which datasets each table reports, in the order of its columns; Table IV's is DIEM (its rows
of three pairs repeat Table III's)."""

Group = Literal["paper", "elsewhere", "newer"]
"""Where a number was printed: by the paper; by others, of a method that the paper compares; or of a
newer method."""

FILE: Final = "printed.tsv"
COLUMNS: Final = ("table", "group", "method", "dataset", *METRICS, "source")
VALUE: Final = re.compile(r"\d\.\d{2,3}")

NO_CODE: Final = ("CASP-Net", "TSFP-Net", "DAVS")
"""Methods whose code nobody has published, and whose papers do not fix the networks."""


@dataclass(frozen=True, slots=True)
class Printed:
    """One method on one dataset, as printed.

    Attributes:
        values: The digits on paper, by metric; kept as text because 2.70 is not 2.7. All four in
            the paper, elsewhere those that are known.
        source: Where they were printed, or by whom they are quoted.
    """

    table: str
    group: Group
    method: str
    dataset: str
    values: dict[str, str]
    source: str

    @property
    def remark(self) -> str:
        """The source, and whether the method can be run at all."""
        lost = self.method.startswith(NO_CODE)
        return f"{self.source}; no public code, printed only" if lost else self.source


def printed(table: str, group: Group = "paper") -> tuple[Printed, ...]:
    """Return what is printed in `table`, or belongs beside it, row by row, then by dataset."""
    return tuple(each for each in everything() if (each.table, each.group) == (table, group))


@cache
def everything() -> tuple[Printed, ...]:
    """Return all printed numbers."""
    with (resources.files(__package__) / FILE).open(encoding="utf-8") as lines:
        return tuple(read(lines))


def read(lines: Iterable[str]) -> list[Printed]:
    """Read lines of the form of `printed.tsv`, the first of which names the columns.

    Raises:
        ValueError: A line is not of that form, or repeats a number.
    """
    rows = csv.DictReader(lines, delimiter="\t", strict=True)
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise ValueError(f"{FILE}: found the columns {rows.fieldnames}, expected {COLUMNS}")
    found = [_checked(row, f"{FILE} line {rows.line_num}") for row in rows]
    keys = [(each.table, each.method, each.dataset, each.source) for each in found]
    if len(set(keys)) < len(keys):
        raise ValueError(f"{FILE}: a method has two lines for a dataset of the same source")
    return found


def _checked(row: Mapping[str, str], where: str) -> Printed:
    if None in row or None in row.values():
        raise ValueError(f"{where}: expected {len(COLUMNS)} cells")
    values = {name: row[name] for name in METRICS if row[name]}
    for known, allowed in (
        (row["group"] in get_args(Group), f"a group of {get_args(Group)}"),
        (row["dataset"] in DATASETS.get(row["table"], ()), "a table and a dataset that it has"),
        (row["method"] and row["source"], "a method and a source"),
        (values and all(map(VALUE.fullmatch, values.values())), "numbers such as 0.123 or 1.23"),
        (row["group"] != "paper" or len(values) == len(METRICS), "all four numbers of the paper"),
    ):
        if not known:
            raise ValueError(f"{where}: found {[*row.values()]}, expected {allowed}")
    group: Group = next(each for each in get_args(Group) if each == row["group"])
    return Printed(row["table"], group, row["method"], row["dataset"], values, row["source"])
