"""`avrsp compare`: whether one method is better than others on the same videos, and due to which.

Every method is compared with the first, a video at a time, in every metric that both have. The p
values are corrected for the number of comparisons by Holm's method.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from avrsp.datasets import dataset_registry
from avrsp.errors import ParamsError, StoreError
from avrsp.evaluate.intervals import by_video, entries, holm, known, paired_test
from avrsp.evaluate.protocols import PROTOCOLS
from avrsp.evaluate.score_table import read_rows
from avrsp.evaluate.summary import COLUMNS, LESS_IS_BETTER, MOUSE
from avrsp.params import ProtocolName


class Method(NamedTuple):
    """The rows of one method by one protocol.

    Attributes:
        name: As tables show it.
        file: Where its rows are from.
        rows: A row for each frame of each split, as `evaluate` writes them.
    """

    name: str
    file: Path
    rows: pd.DataFrame

    def by_video(self, protocol: ProtocolName) -> pd.DataFrame:
        """Return a column a metric, index `dataset, video`; several splits' scores are averaged."""
        return by_video(entries(self.rows, protocol))


class VideoDifference(BaseModel):
    """The first method's score of a video minus the other's."""

    model_config = ConfigDict(frozen=True)
    video: str
    difference: float


class Difference(BaseModel):
    """The first method against another one in one metric; undefined numbers are None.

    Attributes:
        metric: Which.
        first: Name of the first method.
        other: Name of the other one.
        first_score: Mean over videos of the first method's scores.
        other_score: The same of the other's.
        difference: The first minus the other.
        low: Lower end of its 95 % bootstrap interval over videos.
        high: Upper end.
        videos: How many videos have a score by both.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    metric: str
    first: str
    other: str
    first_score: float
    other_score: float
    difference: float
    low: float | None
    high: float | None
    videos: int


class Comparison(Difference):
    """A difference over all frames, how sure it is, and which videos make it.

    Attributes:
        p: Of the paired permutation test (signs of the videos' differences), two-sided.
        p_holm: `p`, corrected by Holm's method for all comparisons that were asked for.
        better: In how many of the videos the first method is better.
        turned_by: Fewest videos without which the mean difference has no longer its sign: those
            that contribute most to it. None where the difference is 0.
        by_video: The videos' differences, the largest first whatever their sign.
    """

    p: float | None
    p_holm: float | None
    better: int
    turned_by: int | None
    by_video: tuple[VideoDifference, ...]


class SliceScore(Difference):
    """A difference on frames that have something in common.

    Attributes:
        kind: One of `slices.KINDS`.
        name: Which frames of that kind.
        frames: How many there are.
    """

    kind: str
    name: str
    frames: int


class Comparisons(BaseModel):
    """All comparisons with the first method, and what is to be said about them.

    Attributes:
        protocol: By which the frames were scored.
        comparisons: Of every other method and every metric.
        remarks: What makes the comparison less than fair, a line each.
        slices: The same on parts of the frames, where these were asked for.
    """

    protocol: ProtocolName
    comparisons: tuple[Comparison, ...]
    remarks: tuple[str, ...] = ()
    slices: tuple[SliceScore, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRules:
    """What is compared, and how.

    Attributes:
        protocol: By which frames become a video's score; None: the one that all files hold.
        datasets: Which to compare on; all if empty.
        metrics: Which; all that the methods have if empty. The correction counts these only.
        resamples: Draws for the intervals, and permutations for the tests.
        seed: Of both.
    """

    protocol: ProtocolName | None = None
    datasets: Sequence[str] = ()
    metrics: Sequence[str] = ()
    resamples: int
    seed: int


def compare(files: Sequence[Path], rules: ComparisonRules) -> Comparisons:
    """Compare the methods in files of rows with the first one of them.

    Args:
        files: As `avrsp evaluate` writes them; of several methods in a file, each is one.
        rules: What to compare, and how.

    Raises:
        StoreError: A file is no such file, or the methods were not scored on the same frames of
            the same videos by the same protocol.
        ParamsError: There is but one method, or none has a metric that is asked for.
    """
    chosen, methods = read_methods(files, rules)
    first, *others = methods
    found = [each for other in others for each in _comparisons(first, other, chosen, rules)]
    if not found:
        wanted = ", ".join(rules.metrics) or "any metric"
        raise ParamsError(f"no video has a score in {wanted} by both methods, protocol {chosen}")
    corrected = holm([math.nan if each.p is None else each.p for each in found])
    return Comparisons(
        protocol=chosen,
        comparisons=tuple(
            each.model_copy(update={"p_holm": known(p)})
            for each, p in zip(found, corrected, strict=True)
        ),
        remarks=tuple(_remarks(methods)),
    )


def read_methods(
    files: Sequence[Path], rules: ComparisonRules
) -> tuple[ProtocolName, list[Method]]:
    """Return the protocol and the methods, two at least, that files of rows hold.

    Raises:
        StoreError: As `compare` does.
        ParamsError: There is but one method.
    """
    tables = {file: _read(file, rules.datasets) for file in files}
    chosen = _protocol(tables, rules.protocol)
    methods = _methods(tables, chosen)
    if len(methods) < 2:  # noqa: PLR2004 - a comparison has two sides
        raise ParamsError(f"{methods[0].file}: one method only; give the rows of another one too")
    first, *others = methods
    for other in others:
        _refuse_different(first, other)
    return chosen, methods


def _read(file: Path, datasets: Sequence[str]) -> pd.DataFrame:
    parts = [
        part if not datasets else part[part["dataset"].isin(datasets)] for part in read_rows(file)
    ]
    rows = pd.concat(parts) if parts else pd.DataFrame()
    if rows.empty:
        of = f" of {', '.join(datasets)}" if datasets else ""
        raise StoreError(f"{file}: no rows{of}; score the method first: avrsp evaluate")
    return rows


def _protocol(tables: dict[Path, pd.DataFrame], wanted: ProtocolName | None) -> ProtocolName:
    """Return the protocol of all files; refuse files of different or, unasked, of several ones."""
    known = {file: sorted(rows["protocol"].unique()) for file, rows in tables.items()}
    if wanted is not None:
        for file, names in known.items():
            if wanted not in names:
                raise StoreError(
                    f"{file}: scored by {', '.join(names)}, not by {wanted}; run avrsp evaluate "
                    f"--protocol {wanted}"
                )
        return wanted
    (first, names), *others = known.items()
    for file, own in others:
        if own != names:
            raise StoreError(
                f"{file}: scored by {', '.join(own)}, but {first} by {', '.join(names)}; numbers "
                "of different protocols cannot be compared: choose one that both have by "
                "--protocol, or run avrsp evaluate again"
            )
    for name in PROTOCOLS:
        if names == [name]:
            return name
    raise ParamsError(f"{first}: scored by {', '.join(names)}; choose one by --protocol")


def _methods(tables: dict[Path, pd.DataFrame], protocol: ProtocolName) -> list[Method]:
    """Return the methods in the order of the files; equal names are told apart by their file's."""
    found = [
        Method(str(name), file, own[own["protocol"] == protocol])
        for file, rows in tables.items()
        for name, own in rows.groupby("method", sort=False)
    ]
    names = [each.name for each in found]
    return [
        each._replace(name=f"{each.name} ({each.file})") if names.count(each.name) > 1 else each
        for each in found
    ]


PLACE: Final = ["dataset", "video", "split"]


def _refuse_different(first: Method, other: Method) -> None:
    """Refuse methods that were scored on other datasets, videos, frames or ground truth."""
    ours, theirs = (_truth(each.rows) for each in (first, other))
    for (one, mine), (two, its) in itertools.permutations(((first, ours), (other, theirs))):
        lacking = mine.index.difference(its.index)
        sets = sorted({key[0] for key in mine.index} - {key[0] for key in its.index})
        if len(lacking):
            what = f"dataset {sets[0]}" if sets else _named(lacking[0])
            many = f" ({len(lacking)} videos in all)"
            raise StoreError(
                f"{two.file}: {two.name} has no scores of {what}{many}, which {one.name} in "
                f"{one.file} has; score both on the same videos, or choose by --dataset"
            )
    different = ours.index[(ours != theirs.loc[ours.index]).any(axis=1)]
    if len(different):
        raise StoreError(
            f"{other.file}: {other.name} was scored on other frames or fixations of "
            f"{_named(different[0])} than {first.name} in {first.file} ({len(different)} videos in "
            "all); score both against the same stores"
        )


def _truth(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what identifies the ground truth of each video: frames, fixations and where."""
    weighed = rows.assign(
        split=rows["split"].astype(str), where=rows["fixations"] * (rows["frame"] + 1)
    )
    return weighed.groupby(PLACE).agg(
        frames=("frame", "size"), fixations=("fixations", "sum"), where=("where", "sum")
    )


def _named(key: tuple[str, str, object]) -> str:
    dataset, video, split = key
    return f"{dataset}/{video} in split {split}"


def _remarks(methods: Sequence[Method]) -> Iterator[str]:
    known = {*dataset_registry.names()} & {*methods[0].rows["dataset"]}
    by_mouse = [each for each in sorted(known) if dataset_registry.spec(each).gaze == "mouse"]
    if by_mouse:
        yield f"{MOUSE}{', '.join(by_mouse)}."
    for each in methods:
        missing = int((~each.rows["predicted"].astype(bool)).sum())
        if missing:
            yield f"{each.name}: {missing} of {len(each.rows)} frames have no map"


def differences(
    first: Method, other: Method, protocol: ProtocolName, rules: ComparisonRules
) -> Iterator[tuple[Difference, float | None, pd.Series]]:
    """Yield each metric's difference, its p value, and the difference of each video.

    A metric that no video has by both is left out.
    """
    one, two = first.by_video(protocol), other.by_video(protocol)
    for metric in [each for each in COLUMNS if not rules.metrics or each in rules.metrics]:
        scores = pd.concat([one[metric], two[metric]], axis=1, keys=["one", "two"]).dropna()
        if scores.empty:
            continue
        of_videos = scores["one"] - scores["two"]
        test = paired_test(of_videos, rules.resamples, rules.seed)
        found = Difference(
            metric=metric,
            first=first.name,
            other=other.name,
            first_score=float(scores["one"].mean()),
            other_score=float(scores["two"].mean()),
            difference=test.difference,
            low=known(test.low),
            high=known(test.high),
            videos=test.videos,
        )
        yield found, known(test.p), of_videos


def _comparisons(
    first: Method, other: Method, protocol: ProtocolName, rules: ComparisonRules
) -> Iterator[Comparison]:
    for found, p, of_videos in differences(first, other, protocol, rules):
        values = of_videos.to_numpy(np.float64)
        gains = -values if found.metric in LESS_IS_BETTER else values
        places = [f"{dataset}/{video}" for dataset, video in of_videos.index]
        yield Comparison(
            **found.model_dump(),
            p=p,
            p_holm=None,
            better=int((gains > 0).sum()),
            turned_by=turned_by(values),
            by_video=tuple(
                VideoDifference(video=places[each], difference=float(values[each]))
                for each in np.argsort(-np.abs(values), kind="stable")
            ),
        )


def turned_by(differences: NDArray[np.float64]) -> int | None:
    """Return how few videos carry the sign of a mean difference; None where the mean is 0.

    Without that many videos, those that contribute most to it, what remains sums to 0 or to the
    other sign; that is all of them where no video differs in the other direction.
    """
    total = differences.sum()
    if total == 0:
        return None
    ordered = np.sort(differences * np.sign(total))[::-1]
    left = abs(total) - np.cumsum(ordered)
    # Where all but rounding is taken away, nothing is left.
    return int(np.argmax(left <= np.abs(differences).sum() * 1e-12)) + 1
