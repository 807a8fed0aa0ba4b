"""EyeLink's `.asc`; its samples are read by pymovements where that is installed."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from avrsp.datasets.tracker_export import Export

Sample = tuple[float, float, float]
"""Seconds, and the place in pixels of the screen."""


def eyelink(path: Path) -> list[Export]:
    """EyeLink's `.asc`: milliseconds, pixels of the screen; `.` where gaze was lost.

    With pymovements, which keeps no place of fixations and no texts, it reads the samples.
    """
    samples: list[Sample] = []
    fixations: dict[str, list[tuple[float, float, float, float]]] = {}
    messages: list[tuple[float, str]] = []
    screen: tuple[int, int] | None = None
    both = False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0][0].isdigit():
            samples.append(_sample(words, both))
        elif words[0] == "SAMPLES":
            both = {"LEFT", "RIGHT"} <= set(words)
        elif words[0] == "MSG" and len(words) > 2:  # noqa: PLR2004
            messages.append((float(words[1]) / 1000, " ".join(words[2:])))
            if words[2] in {"GAZE_COORDS", "DISPLAY_COORDS"} and screen is None:
                left, top, right, bottom = map(float, words[-4:])
                screen = round(right - left) + 1, round(bottom - top) + 1
        elif words[0] == "EFIX":
            start, _, lasting, x, y = (_number(word) for word in words[2:7])
            fixations.setdefault(words[1], []).append((start / 1000, lasting / 1000, x, y))
    eye = max(fixations, key=lambda name: len(fixations[name]), default="")
    table = pd.DataFrame(_by_pymovements(path) or samples, columns=["time", "x", "y"])
    own = pd.DataFrame(fixations.get(eye, []), columns=["time", "duration", "x", "y"])
    return [Export(path.stem, table, own if len(own) else None, messages, screen=screen)]


def _sample(words: list[str], both: bool) -> Sample:
    """Return what a line says, which has x, y and pupil of one eye or of two."""
    numbers = [_number(word) for word in words[1:6]]
    return float(words[0]) / 1000, *_place([numbers[:2], numbers[3:5]] if both else [numbers[:2]])


def _place(eyes: list[list[float]]) -> tuple[float, float]:
    """Return the mean place of those eyes that see."""
    seen = [eye for eye in eyes if np.isfinite(eye).all()]
    x, y = np.mean(seen, axis=0) if seen else (np.nan, np.nan)
    return float(x), float(y)


def _by_pymovements(path: Path) -> list[Sample]:
    """Return the samples as pymovements reads them; none where it is not installed.

    Raises:
        ValueError: It cannot read the file.
    """
    if find_spec("pymovements") is None:
        return []
    from polars.exceptions import PolarsError  # noqa: PLC0415 - an extra, and slow to import
    from pymovements import gaze  # noqa: PLC0415 - likewise

    try:
        with warnings.catch_warnings(action="ignore"):  # of facts that are not asked for here
            found = gaze.from_asc(path).samples
    except (PolarsError, IndexError, TypeError) as error:
        raise ValueError(f"pymovements: {error}") from None
    if "pixel" not in found.columns:
        return []
    places = [np.array(each, float).reshape(-1, 2)[:2].tolist() for each in found["pixel"]]
    return [(at / 1000, *_place(eyes)) for at, eyes in zip(found["time"], places, strict=True)]


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")
