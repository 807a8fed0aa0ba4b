"""Gaze on one video as a CSV file that any tracker's export can be turned into.

| column | unit | |
|---|---|---|
| `observer` | text | who looked; keeps viewers apart |
| `time` | seconds from the first frame | |
| `x`, `y` | pixels of the video as shown, from its upper left corner | empty: not looking |
| `duration` | seconds | where the column is there, rows are fixations, else samples |
| `valid` | 1 or 0 | 1 where the column is absent |

Other columns are ignored. A file with a wrong row is refused, and every fault names its row.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avrsp import files
from avrsp.errors import RawDataError

REQUIRED: Final = ("observer", "time", "x", "y")
OPTIONAL: Final = ("duration", "valid")
NAMED: Final = 3
"""Rows of a fault that are named; of the others it is said how many there are."""


@dataclass(frozen=True, slots=True)
class Gaze:
    """The rows of a file, N of them, by viewer and time.

    Attributes:
        viewers: Names, sorted.
        observer: Number of each row's viewer in `viewers`.
        time: Seconds from the first frame.
        x: Columns in pixels of the video; NaN where gaze was lost.
        y: Rows in pixels.
        duration: Seconds; None where rows are samples.
    """

    viewers: tuple[str, ...]
    observer: NDArray[np.int16]
    time: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    duration: NDArray[np.float64] | None

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which rows hold a place."""
        return np.isfinite(self.x) & np.isfinite(self.y)


def read(path: Path) -> Gaze:
    """Read a file of gaze.

    Raises:
        RawDataError: It has a fault; the message names the first one and how many there are.
    """
    gaze, faults = examine(path)
    if gaze is None:
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        raise RawDataError(f"{faults[0]}{more}; see them all: avrsp recordings check")
    return gaze


def rows(gaze: Gaze) -> pd.DataFrame:
    """Return gaze as a table with the columns above; what was lost is NaN."""
    table = pd.DataFrame(
        {
            "observer": np.array(gaze.viewers, object)[gaze.observer],
            "time": gaze.time,
            "x": gaze.x,
            "y": gaze.y,
        }
    )
    return table if gaze.duration is None else table.assign(duration=gaze.duration)


def examine(path: Path) -> tuple[Gaze | None, list[str]]:
    """Return what a file holds, and its faults, a line each; nothing where it has one."""
    table, fault = _table(path)
    if table is None:
        return None, [f"{path}: {fault}"]
    if fault := _head_fault([*table.columns]):
        return None, [f"{path}: row 1: {fault}"]
    numbers = {name: _numbers(table[name]) for name in table.columns if name in _NUMERIC}
    faults = [f"{path}: {fault}" for fault in _faults(table, numbers)]
    if faults:
        return None, faults
    return _gaze(table, numbers), []


_NUMERIC: Final = ("time", "x", "y", *OPTIONAL)


def _table(path: Path) -> tuple[pd.DataFrame | None, str]:
    try:
        content = path.read_bytes().decode("utf-8-sig")
        shown = content.lstrip()
        # by a header of its own, pandas takes the first of too many columns for names of rows
        table = pd.read_csv(
            io.StringIO(shown), header=None, dtype=str, keep_default_na=False,
            skipinitialspace=True, skip_blank_lines=False,
        )  # fmt: skip
    except FileNotFoundError:
        return None, "no such file"
    except UnicodeDecodeError as error:
        return None, f"not UTF-8 (byte {error.start}); save it as UTF-8"
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        return (
            None,
            f"not a CSV file ({' '.join(str(error).split())}); expected commas and a header",
        )
    table.index += 1 + content[: len(content) - len(shown)].count("\n")  # lines of the file
    table = table[(table != "").any(axis=1)]  # a line, or a sheet's row, without anything
    if len(table) <= 1:
        return None, "no row of gaze"
    head = [str(name).strip().lower() for name in table.iloc[0]]
    return table[1:].set_axis(head, axis=1), ""


def _head_fault(head: list[str]) -> str:
    """Say which column is not there, or there twice; nothing where all are right."""
    lack = [name for name in REQUIRED if name not in head]
    if lack:
        expected = ", ".join(REQUIRED)
        return f"no column {' or '.join(lack)}; found {', '.join(head)}; expected {expected}"
    twice = [name for name in (*REQUIRED, *OPTIONAL) if head.count(name) > 1]
    return f"column {twice[0]} is there twice; expected it once" if twice else ""


def _numbers(column: pd.Series[str]) -> NDArray[np.float64]:
    """Return a column's numbers; NaN where a cell is empty, infinite where it is no number."""
    cells = column.str.strip()
    missing = cells.str.lower().isin(["", "nan", "na"])
    found = pd.to_numeric(cells.where(~missing, "0"), errors="coerce").to_numpy(np.float64)
    found = np.where(np.isfinite(found), found, np.inf)
    return np.where(missing, np.nan, found)


def _faults(table: pd.DataFrame, numbers: dict[str, NDArray[np.float64]]) -> list[str]:
    lines = table.index.to_numpy()
    observer = table["observer"].str.strip()
    said = [_rows(lines, observer == "", "observer is empty; expected who looked")]
    for name, values in numbers.items():
        wrong = np.isinf(values)
        value = table[name][wrong].iloc[0] if wrong.any() else ""
        said.append(_rows(lines, wrong, f"{name} is {value!r}; expected a number"))
    said.append(_rows(lines, np.isnan(numbers["time"]), "time is empty; expected seconds"))
    half = np.isnan(numbers["x"]) != np.isnan(numbers["y"])
    said.append(_rows(lines, half, "only one of x and y is there; expected both, or neither"))
    if "duration" in numbers:
        wrong = ~(numbers["duration"] > 0)
        said.append(_rows(lines, wrong, "duration is not above 0; expected seconds of a fixation"))
    if "valid" in numbers:
        wrong = ~np.isin(numbers["valid"], (0, 1))
        said.append(_rows(lines, wrong, "valid is not 1 or 0"))
    twice = pd.DataFrame({"observer": observer, "time": numbers["time"]}).duplicated()
    said.append(
        _rows(
            lines,
            twice.to_numpy(),
            "the same observer and time again; expected each viewer by a name",
        )
    )
    return [each for each in said if each]


def _rows(lines: NDArray[np.int64], wrong: Any, fault: str) -> str:  # noqa: ANN401 - a mask
    """Say a fault with the lines that have it, as an editor counts; nothing where none has."""
    rows = lines[np.asarray(wrong)]
    if not len(rows):
        return ""
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    named = ", ".join(map(str, rows[:NAMED]))
    return f"row{'s' if len(rows) > 1 else ''} {named}{more}: {fault}"


def _gaze(table: pd.DataFrame, numbers: dict[str, NDArray[np.float64]]) -> Gaze:
    names, observer = np.unique(table["observer"].str.strip().to_numpy(str), return_inverse=True)
    order = np.lexsort((numbers["time"], observer))
    lost = numbers["valid"] == 0 if "valid" in numbers else np.zeros(len(table), np.bool_)
    duration = numbers.get("duration")
    return Gaze(
        viewers=tuple(map(str, names)),
        observer=observer[order].astype(np.int16),
        time=numbers["time"][order],
        x=np.where(lost, np.nan, numbers["x"])[order],
        y=np.where(lost, np.nan, numbers["y"])[order],
        duration=None if duration is None else duration[order],
    )


def write(path: Path, gaze: pd.DataFrame) -> None:
    """Write rows with the columns above, by viewer and time, atomically.

    Times have six decimals, places two, and what was lost is empty.
    """
    columns = [name for name in (*REQUIRED, *OPTIONAL) if name in gaze.columns]
    table = gaze[columns].sort_values(["observer", "time"], kind="stable")
    decimals = {"time": 6, "duration": 6, "x": 2, "y": 2}
    table = table.round({name: digits for name, digits in decimals.items() if name in columns})
    text = table.to_csv(index=False, lineterminator="\n")
    files.write_text(path, text)
