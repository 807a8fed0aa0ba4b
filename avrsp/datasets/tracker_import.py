"""From a tracker's export to the CSV file of a video: its clock, its rectangle on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avrsp.datasets import gaze_csv
from avrsp.datasets.fixation_detection import DETECTORS, detect, statement
from avrsp.datasets.gaze_geometry import Screen
from avrsp.datasets.recorded_video import ROUNDING, RecordedVideo
from avrsp.datasets.recordings_about import RecordingsDescription
from avrsp.datasets.tracker_export import Export
from avrsp.datasets.trackers import read
from avrsp.errors import RawDataError


@dataclass(frozen=True, slots=True)
class Choice:
    """How exports are read.

    Attributes:
        fixations: `none` writes samples; `tracker` the export's own fixations; `idt` and `ivt`
            detect them.
        viewer: Name of the viewer, instead of the one in the file.
        start: Text of the message, or time in seconds of the tracker's clock, at which the video's
            first frame was shown; by default the first sample of the video's stimulus.
    """

    fixations: str
    viewer: str | None
    start: str | None


def bring(name: str, exports: Sequence[Path], video: RecordedVideo, choice: Choice) -> list[str]:
    """Add the viewers in `exports` to the video's CSV file; return a line on each.

    A viewer that the file has already is replaced.

    Raises:
        RawDataError: An export is not of the format `name`, or holds nothing on this video.
        ParamsError: `dataset.yaml` is missing or wrong.
    """
    about, size = video.about, video.size()
    tables, said = [], []
    for path in exports:
        for export in read(name, path):
            viewer = choice.viewer or export.viewer
            try:
                zero, why = _start(export, video.video, choice.start)
                rows = _rows(export, zero, video, about, choice.fixations)
            except RawDataError as error:
                raise RawDataError(f"{path}: {error}") from None
            if not len(rows):
                raise RawDataError(f"{path}: no gaze while {video.video} was shown ({why})")
            tables.append(rows.assign(observer=viewer))
            kind = "fixations" if "duration" in rows else "samples"
            said.append(f"{viewer}: {len(rows)} {kind}, video of {size[1]} x {size[0]}, {why}")
    _written(video.gaze_file, pd.concat(tables))
    return said


def _written(path: Path, rows: pd.DataFrame) -> None:
    twice = rows.duplicated(["observer", "time"])
    if twice.any():
        raise RawDataError(
            f"{rows['observer'][twice].iloc[0]}: several exports of this viewer; name each by "
            "--observer, or bring one"
        )
    if path.is_file():
        before = gaze_csv.rows(gaze_csv.read(path))
        if ("duration" in before) != ("duration" in rows):
            raise RawDataError(
                f"{path}: holds {'fixations' if 'duration' in before else 'samples'}, not as these "
                "here; bring all viewers alike, or remove it first"
            )
        rows = pd.concat([before[~before["observer"].isin(rows["observer"])], rows])
    gaze_csv.write(path, rows)


def _start(export: Export, video: str, start: str | None) -> tuple[float, str]:
    """Return when the video began on the tracker's clock, and by what that is known."""
    if start is not None:
        try:
            return float(start), f"begins at {float(start):g} s of the tracker's clock"
        except ValueError:
            pass
        found = [(at, text) for at, text in export.messages if start in text]
        if not found:
            known = "; ".join(text for _, text in export.messages[:5]) or "none"
            raise RawDataError(f"no message with {start!r}; the first messages are: {known}")
        return found[0][0], f"begins at the message {found[0][1]!r}"
    if export.zero is not None:
        return export.zero, "begins where the format says"
    shown = _of_stimulus(export.samples, video)
    if shown is not None:
        return float(shown["time"].iloc[0]), "begins with the first sample of its stimulus"
    table = export.samples if len(export.samples) else export.fixations
    assert table is not None
    return float(table["time"].iloc[0]), "taken to begin with the first sample: see --start"


def _of_stimulus(samples: pd.DataFrame, video: str) -> pd.DataFrame | None:
    if "stimulus" not in samples or not (samples["stimulus"] != "").any():
        return None
    rows = samples[samples["stimulus"].map(lambda name: Path(str(name)).stem == video)]
    return rows if len(rows) else None


def _rows(
    export: Export, zero: float, video: RecordedVideo, about: RecordingsDescription, fixations: str
) -> pd.DataFrame:
    size, times = video.size(), video.times
    table = export.samples
    if fixations == "tracker":
        if export.fixations is None:
            raise RawDataError("no fixations of the tracker's own; choose idt, ivt or none")
        table = export.fixations
    elif not len(table):
        raise RawDataError("no samples, only fixations; choose --fixations tracker")
    screen = _screen(export, about)
    along, down = (np.asarray(table[axis], np.float64) for axis in "xy")
    if export.fractions:
        along, down = along * screen.width, down * screen.height
    x, y = screen.to_video(along, down, size)
    rows = pd.DataFrame({"time": np.asarray(table["time"]) - zero, "x": x, "y": y})
    if fixations == "tracker":
        rows["duration"] = np.asarray(table["duration"])
    end = float(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 0))
    rows = rows[(rows["time"] >= -ROUNDING) & (rows["time"] < end)]
    return _detected(rows, about, size, fixations) if fixations in DETECTORS else rows


def _screen(export: Export, about: RecordingsDescription) -> Screen:
    if about.screen is None:
        raise RawDataError("dataset.yaml has no screen; expected its width and height in pixels")
    own = about.screen.width, about.screen.height
    if export.screen is not None and export.screen != own:
        raise RawDataError(
            f"it was recorded on a screen of {export.screen[0]} x {export.screen[1]}, dataset.yaml "
            f"says {own[0]} x {own[1]}"
        )
    return about.screen


def _detected(
    rows: pd.DataFrame, about: RecordingsDescription, size: tuple[int, int], detector: str
) -> pd.DataFrame:
    degree = about.per_degree(size)
    if degree is None:
        raise RawDataError(
            f"{statement(detector)} needs degrees; expected pixels_per_degree, or width_cm and "
            "distance_cm of the screen, in dataset.yaml"
        )
    time, x, y = (_array(rows[name]) for name in ("time", "x", "y"))
    found = detect(detector, time, x, y, degree)
    return pd.DataFrame(
        {"time": found.start, "duration": found.duration, "x": found.x, "y": found.y}
    )


def _array(column: pd.Series[Any]) -> NDArray[np.float64]:
    return np.asarray(column, np.float64)
