"""A reference run in git, and whether another run agrees with it.

`runs.csv` holds the numbers of all runs that were noted, with seed, commit, date and machine. From
three runs on, a number has bounds: Student's 99 % prediction interval for one more run like them.
"""

from __future__ import annotations

import csv
import io
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import stats

from avrsp.errors import StoreError
from avrsp.evaluate.summary import LABELS, read_summary
from avrsp.files import unsealed, write_json, write_text
from avrsp.params.runs import TITLES, VISUAL

RUNS: Final = "runs.csv"
SUMMARY: Final = "summary.json"
TABLES: Final = "tables"
COPIED: Final = ("overview", "table-i", "table-ii", "reliance")
"""Tables that are kept beside the numbers."""

FEWEST: Final = 3
"""Runs from which a number has bounds."""

CONFIDENCE: Final = 0.99

DIGITS: Final = 6
ROUNDING: Final = 10.0 ** (1 - DIGITS)
"""Significant digits of a noted value, and a part of it that is more than they leave out."""

METHODS: Final[dict[str, str]] = {
    **{str(kind): title for kind, title in TITLES.items()},
    "centre prior": "centre prior",
}


@dataclass(frozen=True, slots=True)
class NotedRun:
    """One run's facts, as texts.

    Attributes:
        seed: Of everything that is drawn.
        commit: Of the code.
        date: On which it was noted.
        machine: Its processor.
    """

    seed: str
    commit: str
    date: str
    machine: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of a run beside those of the noted runs.

    Attributes:
        name: What it is.
        value: This run's; None where it has none.
        low: Least value that agrees; None where there are too few runs.
        high: Greatest value that agrees.
        runs: How many runs have it.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    runs: int

    @property
    def agrees(self) -> bool | None:
        """Whether the value lies within the bounds; None where there are none."""
        if self.low is None or self.high is None:
            return None
        return self.value is not None and self.low <= self.value <= self.high


Values = Mapping[str, float]
Noted = Sequence[tuple[NotedRun, Values]]


def numbers(reports: Path) -> dict[str, float]:
    """Return the numbers of a finished run below `reports` by which runs are compared.

    Raises:
        StoreError: It is not finished.
    """
    found = dict(_scores(reports / "pooled"))
    for each in _read(reports / "reliance.json").get("statements", ()):
        if each["value"] is not None:
            found[f"{each['clips']}: {each['text']}"] = each["value"]
    return found


def counts(reports: Path) -> dict[str, int]:
    """Return how many test videos and frames were scored: equal in every run of one seed."""
    mean = read_summary(_there(reports / "pooled" / f"{VISUAL}.json")).mean
    return {"test videos": mean.videos, "scored frames": mean.frames}


def _scores(pooled: Path) -> Iterator[tuple[str, float]]:
    for method, label in METHODS.items():
        summary = read_summary(_there(pooled / f"{method.replace(' ', '-')}.json"))
        for metric, each in summary.mean.metrics.items():
            yield f"{label}: {LABELS[metric]}, mean of the sets", each.value


def bounds(values: Sequence[float]) -> tuple[float, float] | None:
    """Return between which values one more run lies, with a probability of 99 %.

    That is Student's prediction interval, mean -+ t s sqrt(1 + 1/n), for n runs that scatter
    normally with the standard deviation s; None for fewer than three. It is never narrower than
    what rounding may have done to the noted values.
    """
    count = len(values)
    if count < FEWEST:
        return None
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1))
    reach = max(quantile * deviation * math.sqrt(1 + 1 / count), abs(mean) * ROUNDING)
    return mean - reach, mean + reach


def compare(noted: Noted, found: Values) -> list[Compared]:
    """Compare a run with those that were noted, number by number."""
    names = dict.fromkeys(name for _, values in noted for name in values)
    return [_compared(name, noted, found.get(name)) for name in names]


def _compared(name: str, noted: Noted, value: float | None) -> Compared:
    known = [values[name] for _, values in noted if name in values]
    low, high = bounds(known) or (None, None)
    return Compared(name, value, low, high, len(known))


def read_runs(folder: Path) -> list[tuple[NotedRun, dict[str, float]]]:
    """Return the runs that are noted below `folder`, each with its numbers; none if there are none.

    Raises:
        StoreError: The file is damaged.
    """
    path = folder / RUNS
    if not path.exists():
        return []
    facts = [field.name for field in fields(NotedRun)]
    runs: dict[NotedRun, dict[str, float]] = {}
    try:
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            run = NotedRun(*(row[name] for name in facts))
            runs.setdefault(run, {})[row["number"]] = float(row["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{path}: not a table of runs ({error}); run: git restore {path}"
        ) from None
    return [*runs.items()]


def write(
    folder: Path, reports: Path, noted: Noted, parameters: Mapping[str, Any], seed: int
) -> None:
    """Write the reference: all `noted` runs, and the last one's tables, counts and parameters.

    Args:
        folder: Where to.
        reports: Of the last of the runs.
        noted: The runs, each with its numbers.
        parameters: What the numbers follow from, besides the seed.
        seed: Of the last run.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*(field.name for field in fields(NotedRun)), "number", "value"])
    for run, values in noted:
        rows = (
            [*asdict(run).values(), name, f"{value:.{DIGITS}g}"] for name, value in values.items()
        )
        table.writerows(rows)
    write_text(folder / RUNS, text.getvalue())
    content = {"seed": seed, "counts": counts(reports), "parameters": dict(parameters)}
    write_json(folder / SUMMARY, content)
    shutil.rmtree(folder / TABLES, ignore_errors=True)
    for name in COPIED:
        for path in sorted((reports / TABLES).glob(f"{name}.*")):
            write_text(folder / TABLES / path.name, path.read_text(encoding="utf-8"))


def read_summary_of(folder: Path) -> Mapping[str, Any]:
    """Return the reference's `seed`, `counts` and `parameters`.

    Raises:
        StoreError: There is no reference.
    """
    found: Mapping[str, Any] = _read(folder / SUMMARY)
    return found


def shown(found: Iterable[Compared]) -> str:
    """Return the comparison as lines of text."""
    lines = [f"{'this run':>9}  {'agrees from':>11} {'to':>8}  runs  number"]
    for each in found:
        ends = ("", "") if each.low is None else (f"{each.low:.3f}", f"{each.high:.3f}")
        value = "none" if each.value is None else f"{each.value:.3f}"
        mark = "  <- differs" if each.agrees is False else ""
        lines.append(f"{value:>9}  {ends[0]:>11} {ends[1]:>8}  {each.runs:>4}  {each.name}{mark}")
    return "\n".join(lines)


def _read(path: Path) -> Any:  # noqa: ANN401 - each kind of file has its own form
    try:
        return unsealed(_there(path).read_bytes())
    except ValueError as error:
        raise StoreError(f"{path}: cannot be read ({error}); run: dvc repro") from None


def _there(path: Path) -> Path:
    if not path.exists():
        raise StoreError(f"{path}: not there; run: dvc repro")
    return path
