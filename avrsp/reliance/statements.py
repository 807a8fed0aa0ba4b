"""What the sample has to show about sound, statement by statement, measured on its test videos."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avrsp.evaluate.intervals import Paired, known
from avrsp.params.runs import KINDS, TITLES
from avrsp.reliance.analysis import Rules
from avrsp.reliance.truth import ClipTruth, VideoKey

GAIN: Final = 0.15
"""CC by which sound must help on sounding clips."""
HARM: Final = 0.02
"""CC that sound may cost where it belongs to nothing, or is not there."""
SECONDS: Final = 1.0
"""Median time in which the peak must follow another sounding object."""

PRIOR: Final = "centre prior"
"""The method that knows nothing of a video; see `evaluate.references`."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with what was measured.

    Attributes:
        clips: Which clips it is about.
        text: What is measured.
        value: The measurement; None where it was not run.
        low: Lower end of its 95 % interval over videos; None where there is none.
        high: Upper end.
        count: How many videos, or changes, it rests on.
        bar: What is asked of it.
        held: Whether it holds; None where it was not run.
    """

    clips: str
    text: str
    value: float | None
    low: float | None
    high: float | None
    count: int
    bar: str
    held: bool | None

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON knows them, and `measured`, the value in words."""
        ends = {name: known(getattr(self, name)) for name in ("value", "low", "high")}
        return {**dataclasses.asdict(self), **ends, "measured": self.measured}

    @property
    def measured(self) -> str:
        """Return the value with its interval to three decimals; "never" stands for infinity."""
        if self.value is None:
            return "not run"
        low, high = _written(self.low), _written(self.high)
        return _written(self.value) + (f" ({low} to {high})" if low and high else "")


@dataclass(frozen=True, slots=True)
class Measured:
    """All that statements are made from.

    Attributes:
        rows: Scores of every frame by role: the kinds of networks in `params.runs`, and "centre
            prior"; columns as `evaluate` writes them, and `kind`.
        sounds: Scores with each sound, as `listen_to` returns them.
        pursuits: Every change of the sounding object.
    """

    rows: Mapping[str, pd.DataFrame]
    sounds: pd.DataFrame
    pursuits: list[Following]


def statements(found: Measured, rules: Rules) -> list[Statement]:
    """Return every statement, in the order in which pages show them."""
    parts = (_gains, _follows, _harms, _above_prior)
    return [each for part in parts for each in part(found, rules)]


def _gains(found: Measured, rules: Rules) -> Iterator[Statement]:
    bar = f"at least {GAIN:+.2f}, interval above 0"
    gain = _between(found, "sounding", rules)
    yield _difference("sounding", "CC of AV minus CC of V", gain, bar, at_least=GAIN)
    own = found.sounds[found.sounds["kind"] == "sounding"]
    true, other = (own[own["sound"] == name] for name in ("true", "other"))
    text = "CC of AV with its sound minus with another video's"
    yield _difference("sounding", text, rules.paired(true, other, "cc"), bar, at_least=GAIN)


def _harms(found: Measured, rules: Rules) -> Iterator[Statement]:
    told = ("distracting",) if "distracting" in set(found.sounds["kind"]) else ()
    for kind in ("music", "silent", *told):
        cost = _between(found, kind, rules)
        bar = f"not below {-HARM:+.2f}"
        yield _difference(kind, "CC of AV minus CC of V", cost, bar, at_least=-HARM, surely=False)


def _above_prior(found: Measured, rules: Rules) -> Iterator[Statement]:
    for method in KINDS:
        if {method, PRIOR} <= found.rows.keys():
            gap = rules.paired(found.rows[method], found.rows[PRIOR], "nss")
        else:
            gap = Paired(math.nan, math.nan, math.nan, math.nan, 0)
        text = f"NSS of {TITLES[method]} minus NSS of the centre prior"
        yield _difference("all", text, gap, "interval above 0", at_least=-math.inf)


def _between(found: Measured, kind: str, rules: Rules) -> Paired:
    if not {*KINDS} <= found.rows.keys():
        return Paired(math.nan, math.nan, math.nan, math.nan, 0)
    v, av = (found.rows[kind] for kind in KINDS)
    return rules.paired(av[av["kind"] == kind], v[v["kind"] == kind], "cc")


def _difference(
    clips: str, text: str, gap: Paired, bar: str, *, at_least: float, surely: bool = True
) -> Statement:
    if not gap.videos:
        return Statement(clips, text, None, None, None, 0, bar, held=None)
    held = gap.difference >= at_least and (gap.low > 0 or not surely)
    return Statement(clips, text, gap.difference, gap.low, gap.high, gap.videos, bar, held)


def _follows(found: Measured, rules: Rules) -> Iterator[Statement]:
    text = "seconds until the map's peak is on the object that begins to sound, median"
    bar = f"at most {SECONDS:.0f} s"
    waits = np.array([each.seconds for each in found.pursuits], np.float64)
    if not len(waits):
        yield Statement("sounding", text, None, None, None, 0, bar, held=None)
        return
    rng = np.random.default_rng(rules.seed)
    draws = np.median(rng.choice(waits, (rules.resamples, len(waits))), axis=1)
    low, high = np.percentile(draws, (2.5, 97.5), method="nearest")
    median = float(np.median(waits))
    held = median <= SECONDS
    yield Statement("sounding", text, median, float(low), float(high), len(waits), bar, held)


def _written(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return "never" if math.isinf(value) else f"{value:.3f}"


STAY: Final = 3
"""Frames in a row that the peak must be on the object, so that passing over it does not count."""


class Following(NamedTuple):
    """One change of the sounding object.

    Attributes:
        dataset: Of the video in which it happened.
        video: Its name.
        change: When it happened, in seconds.
        frames: Whole frames from the change until the peak stayed on the new object; infinite
            where it did not before the next change or the end.
        seconds: The same in seconds.
    """

    dataset: str
    video: str
    change: float
    frames: float
    seconds: float


def pursuits(
    key: VideoKey, maps: NDArray[np.floating], truth: ClipTruth, size: tuple[int, int]
) -> list[Following]:
    """Measure every change of a video.

    Args:
        key: Dataset and name of the video.
        maps: T x H x W, of every frame.
        truth: What sounded when, and where the objects were.
        size: Height and width of the truth's pixels.
    """
    held = _held(peaks(maps, size), truth)
    return [
        Following(*key, change, *_wait(held, change, end, truth)) for change, end in _parts(truth)
    ]


def peaks(maps: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the row and column of each map's highest point, T x 2, in pixels of `size`."""
    count, height, width = maps.shape
    rows, columns = np.unravel_index(maps.reshape(count, -1).argmax(1), (height, width))
    middles = np.stack([rows, columns], axis=1) + 0.5
    return np.asarray(middles * (np.array(size) / (height, width)) - 0.5, np.float64)


def _held(points: NDArray[np.float64], truth: ClipTruth) -> NDArray[np.bool_]:
    """Say for each object and frame whether the peak is on it: within a diameter, none nearer."""
    count = min(len(points), truth.centres.shape[1])
    distance = np.linalg.norm(truth.centres[:, :count] - points[None, :count], axis=-1)
    near = distance <= np.array(truth.diameters)[:, None]
    return np.asarray(near & (distance == distance.min(0)), np.bool_)


def _parts(truth: ClipTruth) -> Iterator[tuple[float, float]]:
    """Yield each change with the time of the next one."""
    yield from zip(truth.changes, (*truth.changes[1:], math.inf), strict=True)


def _wait(
    held: NDArray[np.bool_], change: float, end: float, truth: ClipTruth
) -> tuple[float, float]:
    first = math.ceil(change * truth.fps - 1e-9)
    after = min(held.shape[1], math.ceil(end * truth.fps)) if math.isfinite(end) else held.shape[1]
    if first >= after or truth.sounding[first] is None:
        return math.inf, math.inf
    on = held[truth.sounding[first], first:after]
    for start in range(len(on) - STAY + 1):
        if on[start : start + STAY].all():
            return float(start), (first + start) / truth.fps - change
    return math.inf, math.inf
