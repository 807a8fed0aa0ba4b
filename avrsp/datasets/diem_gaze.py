"""DIEM's original gaze logs: a text file for each observer of a video, a line for each frame.

Columns, separated by tabs: frame from 1, at 30 a second; then x, y, pupil and event of the left
eye and of the right one. An event is -1 (error), 0 (blink), 1 (fixation) or 2 (saccade). Positions
are pixels of a screen of 1280 x 960 in whose middle the video stood (thediemproject.wordpress.com;
Mital, Smith, Hill, Henderson 2011).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets.gaze import Annotation
from avrsp.errors import RawDataError

RATE: Final = 30.0
SCREEN: Final = 960, 1280
"""Height and width in pixels."""

COLUMNS: Final = 9
FRAME, LEFT, LEFT_EVENT, RIGHT, RIGHT_EVENT = 0, slice(1, 3), 4, slice(5, 7), 8
FIXATION: Final = 1
LONGEST: Final = 24 * 3600 * int(RATE)
"""Frames in a day; a log that counts further is damaged."""


def read_events(folder: Path, *, width: int, height: int) -> Annotation:
    """Return the fixations of all observers whose logs are in `folder`, in pixels of the video.

    A sample counts while both eyes fixate; its place is the mean of both. Samples beside the video
    are left out. Observers are numbered by the names of their logs, in order.

    Args:
        folder: Holds `*.txt`: the dataset's `<video>/event_data`.
        width: Of the video on the screen, in pixels; DIEM's names of videos end in it.
        height: Likewise.

    Raises:
        RawDataError: There is no log, or one is damaged.
    """
    logs = sorted(folder.glob("*.txt"))
    if not logs:
        raise RawDataError(f"{folder}: no gaze log; expected a .txt file for each observer")
    samples = [_fixating(_read(log), (height, width)) for log in logs]
    last = max(int(frames.max(initial=0)) for frames, _, _ in samples)
    frame = np.concatenate([frames for _, frames, _ in samples])
    points = np.concatenate([found for _, _, found in samples])
    who = np.repeat(np.arange(len(logs), dtype=np.int16), [len(each) for _, each, _ in samples])
    order = np.argsort(frame, kind="stable")
    edges = np.searchsorted(frame[order], np.arange(2, last + 1))
    return Annotation(
        np.split(points[order], edges), (height, width), RATE, np.split(who[order], edges)
    )


def _read(log: Path) -> NDArray[np.float64]:
    if not log.stat().st_size:
        raise _damaged(log, "it is empty")
    try:
        lines = np.loadtxt(log, delimiter="\t", ndmin=2, encoding="utf-8")
    except ValueError as error:
        raise _damaged(log, str(error)) from None
    if not lines.size or lines.shape[1] != COLUMNS:
        raise _damaged(log, f"{lines.shape[0]} lines of {lines.shape[1]} numbers")
    frames = lines[:, FRAME]
    if not (frames == frames.round()).all() or frames.min() < 1 or frames.max() > LONGEST:
        raise _damaged(log, "its frames are not whole numbers from 1")
    return np.asarray(lines)


def _fixating(
    log: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int16]]:
    """Return all frames of a log, those of its fixations, and the k x 2 pixels fixated."""
    frames = log[:, FRAME].astype(np.int64)
    both = (log[:, LEFT_EVENT] == FIXATION) & (log[:, RIGHT_EVENT] == FIXATION)
    along_and_down = (log[both, LEFT] + log[both, RIGHT]) / 2
    points = np.floor(along_and_down[:, ::-1] - np.subtract(SCREEN, size) / 2)
    inside = ((points >= 0) & (points < size)).all(axis=1)
    return frames, frames[both][inside], points[inside].astype(np.int16)


def _damaged(log: Path, reason: str) -> RawDataError:
    return RawDataError(
        f"{log}: not a gaze log ({reason}); expected lines of {COLUMNS} numbers; fetch it again"
    )
