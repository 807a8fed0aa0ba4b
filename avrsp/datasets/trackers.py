"""Exports of eye trackers, read as they are: places on the screen over the tracker's own clock.

Seven formats, each with the units and the origin that its maker documents. What comes out has one
form: seconds, pixels of the screen or fractions of it from its upper left corner, NaN where gaze
was lost.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from avrsp.datasets.eyelink import eyelink
from avrsp.datasets.tracker_export import Export
from avrsp.errors import RawDataError

ExportColumn: TypeAlias = "pd.Series[Any]"

CONFIDENT: Final = 0.6
"""Pupil's confidence below which a sample counts as lost, as its own software has it."""

MICROSECONDS: Final = 100.0
"""Step between two of Tobii's times from which they are microseconds, where no header says."""


def read(name: str, path: Path) -> list[Export]:
    """Read an export of the format `name`, a key of `FORMATS`; one entry for each viewer in it.

    Raises:
        RawDataError: It is missing, or not of this format.
    """
    if not path.is_file():
        raise RawDataError(f"{path}: no such file")
    try:
        found = FORMATS[name](path)
    except (
        UnicodeError,
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        ValueError,
        OverflowError,
        KeyError,
        EOFError,
        zlib.error,
        OSError,
    ) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise RawDataError(f"{path}: not an export of {name} ({error})") from None
    if not any(len(each.samples) or _has_rows(each.fixations) for each in found):
        raise RawDataError(f"{path}: not an export of {name}: no gaze is found in it")
    return found


def _has_rows(table: pd.DataFrame | None) -> bool:
    return table is not None and len(table) > 0


def tobii(path: Path) -> list[Export]:
    """Tobii Pro Lab's TSV: microseconds, or what the header says; pixels of the screen."""
    table = _table(path, "\t")
    time, per_second = _tobii_clock(table)
    x, y = (_tobii_column(table, f"gaze point {axis}") for axis in "xy")
    valid = [_column(table, rf"validity {side}\b.*") for side in ("left", "right")]
    lost = [~each.str.lower().isin(["valid", "0", "1"]) for each in valid if each is not None]
    if lost and not all(each.all() for each in lost):
        hidden = np.logical_and.reduce(lost)
        x, y = x.mask(hidden), y.mask(hidden)
    frame = pd.DataFrame({"time": time / per_second, "x": x, "y": y})
    stimulus = _column(table, r"presented (stimulus|media) name|media ?name")
    frame["stimulus"] = "" if stimulus is None else stimulus
    who = _column(table, r"participant name|participant")
    frame["viewer"] = path.stem if who is None else who
    own = _tobii_fixations(table, frame)
    event = _column(table, "event")
    exports = []
    for name, rows in frame.groupby("viewer", sort=True):
        samples = rows[["time", "x", "y", "stimulus"]].reset_index(drop=True)
        texts = pd.Series("", rows.index) if event is None else event[rows.index]
        said = zip(rows["time"], texts, strict=True)
        events = [(float(at), str(text)) for at, text in said if text]
        fixations = None if own is None else own[own["viewer"] == name].drop(columns="viewer")
        exports.append(Export(str(name), samples, fixations, events))
    return exports


def _tobii_clock(table: pd.DataFrame) -> tuple[ExportColumn, float]:
    names = map(str, table.columns)
    name = next((each for each in names if each.startswith("recording timestamp")), None)
    if name is None:
        raise RawDataError("no column `Recording timestamp`")
    time = _floats(table[name])
    unit = re.search(r"\[(.+)\]", name)
    if unit:
        return time, {"ms": 1e3, "s": 1.0}.get(unit[1], 1e6)
    steps = time.diff().abs()
    return time, 1e6 if float(steps[steps > 0].median()) > MICROSECONDS else 1e3


def _tobii_column(table: pd.DataFrame, name: str) -> ExportColumn:
    found = _column(table, rf"{name}( \[dacs ?px\]| \(adcspx\)| \[px\])?")
    if found is None:
        raise RawDataError(f"no column `{name}` in pixels of the screen")
    return _floats(found)


def _tobii_fixations(table: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame | None:
    kind, number = _column(table, "eye movement type"), _column(table, "eye movement type index")
    places = [_column(table, rf"fixation point {axis}.*") for axis in "xy"]
    lasting = _column(table, r"gaze event duration.*")
    if kind is None or number is None or places[0] is None or places[1] is None:
        return None
    rows = frame.assign(
        number=number,
        x=_floats(places[0]),
        y=_floats(places[1]),
        duration=np.nan if lasting is None else _floats(lasting) / 1000,
    )[kind.str.lower() == "fixation"]
    step = float(frame["time"].diff().abs().median())
    grouped = rows.groupby(["viewer", "number"], sort=False)
    made = grouped.agg(
        time=("time", "min"),
        last=("time", "max"),
        x=("x", "mean"),
        y=("y", "mean"),
        duration=("duration", "max"),
    ).reset_index()
    made["duration"] = made["duration"].fillna(made["last"] - made["time"] + step)
    return made[["viewer", "time", "duration", "x", "y"]].dropna()


def pupil_surface(path: Path) -> list[Export]:
    """Pupil Player's gaze or fixations on a surface, the screen: fractions from its lower left."""
    table = _table(path, ",")
    x, y = (_column(table, rf"{axis}_norm|norm_pos_{axis}") for axis in "xy")
    if x is None or y is None:
        raise RawDataError("no columns `x_norm` and `y_norm`")
    on = _column(table, "on_surf|on_surface")
    lost = np.zeros(len(table), np.bool_) if on is None else ~on.str.lower().isin(["true", "1"])
    sure = _column(table, "confidence")
    if sure is not None:
        lost = lost | (_floats(sure) < CONFIDENT)
    places = {"x": _floats(x).mask(lost), "y": (1 - _floats(y)).mask(lost)}
    lasting, number = _column(table, "duration"), _column(table, "fixation_id|id")
    if lasting is not None and number is not None:
        time = _named(table, "start_timestamp")
        rows = pd.DataFrame({"time": _floats(time), "duration": _floats(lasting) / 1000, **places})
        rows = rows[~number.duplicated()].dropna()
        empty = pd.DataFrame({"time": [], "x": [], "y": []}, dtype=float)
        return [Export(path.stem, empty, rows, fractions=True)]
    time = _named(table, "gaze_timestamp|world_timestamp")
    samples = pd.DataFrame({"time": _floats(time), **places})
    return [Export(path.stem, samples, fractions=True)]


def gazepoint(path: Path) -> list[Export]:
    """Gazepoint's CSV: seconds, fractions of the screen from its upper left."""
    table = _table(path, ",")
    time = _floats(_named(table, r"time(\(.*\))?"))
    best = [_floats(_named(table, f"bpog{axis}")) for axis in "xy"]
    lost = _floats(_named(table, "bpogv")) == 0
    samples = pd.DataFrame({"time": time, "x": best[0].mask(lost), "y": best[1].mask(lost)})
    media = _column(table, "media_name|media_id")
    samples["stimulus"] = "" if media is None else media
    number = _column(table, "fpogid")
    fixations = None
    if number is not None:
        columns = {"time": "fpogs", "duration": "fpogd", "x": "fpogx", "y": "fpogy"}
        rows = pd.DataFrame({key: _floats(_named(table, name)) for key, name in columns.items()})
        rows["number"] = number
        valid = rows[_floats(_named(table, "fpogv")) == 1]
        fixations = valid.drop_duplicates("number", keep="last").drop(columns="number").dropna()
    return [Export(path.stem, samples, fixations, fractions=True)]


def smi(path: Path) -> list[Export]:
    """SMI's text of iView or BeGaze: microseconds, pixels of the screen; 0, 0 where it was lost."""
    lines = _text(path).splitlines()
    notes = [line for line in lines if line.startswith("##")]
    area = next((line for line in notes if "Calibration Area" in line), "")
    found = re.findall(r"\d+", area)
    body = [line for line in lines if line and not line.startswith("##")]
    said = [line.split("\t") for line in body if "\tMSG\t" in line]
    messages = [(float(words[0]) / 1e6, words[-1].partition("Message: ")[2]) for words in said]
    rows = "\n".join(line for line in body if "\tMSG\t" not in line)
    table = _parsed(rows, "\t")
    eyes = []
    for side in ("l", "r", ""):
        x, y = (_column(table, rf"{side} ?por {axis} \[px\]") for axis in "xy")
        if x is not None and y is not None:
            place = pd.DataFrame({"x": _floats(x), "y": _floats(y)})
            eyes.append(place.mask((place == 0).all(axis=1)))
    if not eyes:
        raise RawDataError("no columns `L POR X [px]` or `R POR X [px]`")
    mean = pd.concat(eyes).groupby(level=0).mean()
    samples = pd.DataFrame({"time": _floats(_named(table, "time")) / 1e6, **mean})
    screen = (int(found[-2]), int(found[-1])) if len(found) > 1 else None
    return [Export(path.stem, samples, None, messages, screen=screen)]


class _Description(BaseModel):
    """The JSON beside a recording, by BIDS's own names."""

    Columns: list[str] | None = None
    SamplingFrequency: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    SampleCoordinateSystem: str = "gaze-on-screen"


def bids(path: Path) -> list[Export]:
    """BIDS's `*_physio.tsv.gz` with the JSON beside it: the JSON names columns and units."""
    about = path.with_name(path.name.replace(".tsv.gz", ".json"))
    if not about.is_file():
        raise RawDataError(f"{about}: no such file; it names the columns of {path.name}")
    facts = _Description.model_validate_json(about.read_bytes())
    if facts.SampleCoordinateSystem != "gaze-on-screen":
        raise RawDataError(
            f"SampleCoordinateSystem is {facts.SampleCoordinateSystem}; expected gaze-on-screen"
        )
    if facts.Columns is None or facts.SamplingFrequency is None:
        raise RawDataError(f"{about.name}: expected Columns and SamplingFrequency")
    table = _zipped(path, facts.Columns)
    time, x, y = (_floats(table[name]) for name in ("timestamp", "x_coordinate", "y_coordinate"))
    step = float(time.diff().median()) * facts.SamplingFrequency
    per_second = 10.0 ** (3 * round(np.log10(step) / 3))  # 1, 1000, or a million
    samples = pd.DataFrame({"time": time / per_second, "x": x, "y": y})
    viewer = re.search(r"sub-([A-Za-z0-9]+)", path.name)
    fixations, messages = _bids_events(path, samples, per_second)
    return [Export(viewer[1] if viewer else path.stem, samples, fixations, messages)]


def _bids_events(
    path: Path, samples: pd.DataFrame, per_second: float
) -> tuple[pd.DataFrame | None, list[tuple[float, str]]]:
    file = path.with_name(path.name.replace("_physio.", "_physioevents."))
    about = file.with_name(file.name.replace(".tsv.gz", ".json"))
    if not file.is_file():
        return None, []
    names = ["onset", "duration", "trial_type", "message"]
    if about.is_file():
        names = _Description.model_validate_json(about.read_bytes()).Columns or names
    table = _zipped(file, names)
    onset = _floats(table["onset"]) / per_second
    empty = pd.Series([""] * len(table))
    texts, kinds = (table.get(name, empty) for name in ("message", "trial_type"))
    said = zip(onset, texts, strict=True)
    messages = [(float(at), text) for at, text in said if text not in {"", "n/a"}]
    spans = pd.DataFrame({"time": onset, "duration": _floats(table["duration"])})
    rows = []
    for begin, lasting in spans[kinds == "fixation"].to_numpy(float):
        own = samples[samples["time"].between(begin, begin + lasting)]
        rows.append((begin, lasting, own["x"].mean(), own["y"].mean()))
    made = pd.DataFrame(rows, columns=["time", "duration", "x", "y"]).dropna()
    return (made if len(made) else None), messages


DIEM_RATE, DIEM_SCREEN, DIEM_COLUMNS = 30.0, (1280, 960), 9
"""Frames a second of DIEM's logs, width and height of its screen, and numbers in a row."""


def diem(path: Path) -> list[Export]:
    """DIEM's logs: a row for each frame from 1, pixels of the screen; lost unless both eyes fixate.

    Columns: frame; x, y, pupil and event of the left eye, and of the right one. An event is -1
    (error), 0 (blink), 1 (fixation) or 2 (saccade). A row counts at the middle of its frame.
    """
    text = path.read_text(encoding="utf-8")
    rows = np.loadtxt(io.StringIO(text), delimiter="\t", ndmin=2) if text else np.zeros((1, 0))
    if rows.shape[1] != DIEM_COLUMNS:
        raise RawDataError(f"{path}: {rows.shape[1]} numbers in a row, expected {DIEM_COLUMNS}")
    frame, lost = rows[:, 0], (rows[:, [4, 8]] != 1).any(axis=1)
    if (frame != frame.round()).any() or frame.min() < 1:
        raise RawDataError(f"{path}: frames are not whole numbers from 1")
    x, y = (np.where(lost, np.nan, rows[:, pair].mean(axis=1)) for pair in ([1, 5], [2, 6]))
    samples = pd.DataFrame({"time": (frame - 0.5) / DIEM_RATE, "x": x, "y": y})
    return [Export(path.name.partition(".")[0], samples, screen=DIEM_SCREEN, zero=0.0)]


FORMATS: Final[dict[str, Callable[[Path], list[Export]]]] = {
    "eyelink-asc": eyelink,
    "tobii-tsv": tobii,
    "pupil-surface": pupil_surface,
    "gazepoint": gazepoint,
    "smi": smi,
    "bids": bids,
    "diem": diem,
}


def _text(path: Path) -> str:
    content = path.read_bytes()
    wide = content[:2] in {b"\xff\xfe", b"\xfe\xff"}
    return content.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _table(path: Path, separator: str) -> pd.DataFrame:
    return _parsed(_text(path), separator)


def _parsed(text: str, separator: str) -> pd.DataFrame:
    table = pd.read_csv(
        io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, index_col=False
    )
    table.columns = [str(name).strip().lower() for name in table.columns]
    return table


def _zipped(path: Path, names: list[str]) -> pd.DataFrame:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        text = stream.read()
    return pd.read_csv(io.StringIO(text), sep="\t", names=names, dtype=str, keep_default_na=False)


def _column(table: pd.DataFrame, pattern: str) -> ExportColumn | None:
    """Return the first column whose name fits; None where none does."""
    places = (place for place, name in enumerate(table.columns) if re.fullmatch(pattern, name))
    place = next(places, None)
    return None if place is None else table.iloc[:, place].fillna("").str.strip()


def _named(table: pd.DataFrame, pattern: str) -> ExportColumn:
    found = _column(table, pattern)
    if found is None:
        raise RawDataError(f"no column `{pattern.partition('(')[0].partition('|')[0]}`")
    return found


def _floats(column: ExportColumn) -> ExportColumn:
    """Return numbers, NaN where there is none; a decimal comma is read as a point."""
    return pd.to_numeric(column.str.replace(",", "."), errors="coerce").astype(float)
