"""The paper's printed Tables I to V, to the printed digit; the numbers stand in `paper.tsv`.

Rows are called what the paper calls them, without reference marks. Two tables need words of ours:
Table III's rows name the parts that were switched on ("audio + MS"), and Table IV's name the
branch and the number of MS and MRG pairs ("Visual-only, 3").
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Printed:
    """One method on one dataset, as printed.

    Attributes:
        values: The digits on paper, by metric; kept as text because 2.70 is not 2.7.
    """

    table: str
    method: str
    dataset: str
    values: dict[str, str]


@cache
def printed(table: str) -> tuple[Printed, ...]:
    """Return what `table` prints, row by row and then dataset by dataset."""
    with (resources.files(__package__) / "paper.tsv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["table"] == table]
    return tuple(
        Printed(table, row["method"], row["dataset"], {name: row[name] for name in METRICS})
        for row in rows
    )
