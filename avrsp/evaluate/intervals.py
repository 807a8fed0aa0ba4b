"""How sure a score is: bootstrap intervals over videos, and paired tests of two methods.

Frames of one video resemble each other, so whole videos are drawn. A video that several splits
test is drawn with all its entries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # which imports scipy.stats only when it is used, as that takes a second
from numpy.typing import NDArray

from avrsp.evaluate.protocols import PROTOCOLS
from avrsp.evaluate.summary import COLUMNS, METRICS, VIEWERS
from avrsp.params import ProtocolName

LEVEL = (2.5, 97.5)
"""Percentiles between which 95 % of the resampled scores lie."""

ScoreArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Paired:
    """The difference of two methods on the same videos.

    Attributes:
        difference: Mean over videos of the first method's score minus the second's.
        low: Lower end of its 95 % interval; NaN with fewer than two videos.
        high: Upper end.
        p: How often a mean lies at least so far from 0 when the sign of each video's difference
            is left to chance: a two-sided permutation test, exact where few videos allow it; NaN
            with fewer than two videos.
        videos: How many videos have a score by both methods.
    """

    difference: float
    low: float
    high: float
    p: float
    videos: int


def resample(
    total: ScoreArray, weight: ScoreArray, resamples: int, rng: np.random.Generator
) -> ScoreArray:
    """Draw videos with replacement and return the score of each draw: resamples x metrics.

    `total` and `weight` are videos x metrics; a score is the sum of drawn totals over the sum of
    drawn weights, NaN where only videos without a defined score were drawn.
    """
    videos = len(total)
    draws = rng.multinomial(videos, np.full(videos, 1 / videos), size=resamples)
    with np.errstate(invalid="ignore"):
        scores: ScoreArray = (draws @ total) / (draws @ weight)
    return scores


def interval(scores: ScoreArray, videos: int) -> tuple[float, float]:
    """Return the ends of the 95 % percentile interval of resampled scores.

    Both are NaN for fewer than two videos, among which there is nothing to draw.
    """
    defined = scores[~np.isnan(scores)]
    if videos < 2 or not len(defined):  # noqa: PLR2004 - two is the least that can differ
        return np.nan, np.nan
    low, high = np.percentile(defined, LEVEL)
    return float(low), float(high)


def paired(
    rows: pd.DataFrame,
    others: pd.DataFrame,
    metric: str,
    *,
    protocol: ProtocolName = "avrsp",
    resamples: int,
    seed: int,
) -> Paired:
    """Compare two methods by a metric, video by video.

    Args:
        rows: Rows of frames of the first method, of as many datasets as are to be compared.
        others: Rows of the second; videos that only one of the two has are left out.
        metric: Name of the column.
        protocol: By which frames become a video's score.
        resamples: Draws for the interval, and permutations for the test.
        seed: Of both.
    """
    first, second = (by_video(entries(each, protocol))[metric] for each in (rows, others))
    return paired_test(first - second, resamples, seed)


def paired_test(gaps: pd.Series[float], resamples: int, seed: int) -> Paired:
    """Return what the differences of two methods on the same videos, one a video, say of both.

    Args:
        gaps: The first method's scores minus the second's; NaN where one of them has none.
        resamples: Draws for the interval, and permutations for the test.
        seed: Of both.
    """
    differences = np.asarray(gaps.dropna(), np.float64)
    videos = len(differences)
    if videos < 2:  # noqa: PLR2004 - one video says nothing about others
        mean = float(differences.mean()) if videos else np.nan
        return Paired(mean, np.nan, np.nan, np.nan, videos)
    column = differences[:, None]
    rng = np.random.default_rng(seed)
    low, high = interval(resample(column, np.ones_like(column), resamples, rng), videos)
    test = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=resamples, rng=rng
    )
    return Paired(float(differences.mean()), low, high, float(test.pvalue), videos)


def by_video(found: pd.DataFrame) -> pd.DataFrame:
    """Return a column a metric of `entries`, index `dataset, video`; splits are averaged."""
    groups = found.groupby(["dataset", "video"])
    totals = groups[list(COLUMNS)].sum()
    weights = groups[[f"{metric}_weight" for metric in COLUMNS]].sum()
    return totals / weights.set_axis(totals.columns, axis=1)


def holm(p: Sequence[float]) -> list[float]:
    """Return p values adjusted by Holm's step-down method, in the order given.

    Scandinavian Journal of Statistics 6, 1979, 65-70.

    The adjusted i-th smallest of m is the largest of min(1, (m - j + 1) p_(j)) over j <= i, so
    that rejecting those below alpha errs in any of them with probability alpha at most. NaN stays
    NaN and does not count.
    """
    values = np.asarray(p, np.float64)
    defined = np.flatnonzero(~np.isnan(values))
    order = defined[np.argsort(values[defined], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(each) for each in adjusted]


def known(value: float | None) -> float | None:
    """Return a number as JSON knows it: None where it is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


ZEROED = ["cc", "sim", "nss", "auc_judd"]
KEYS = ["dataset", "video", "split"]


def entries(rows: pd.DataFrame, name: ProtocolName) -> pd.DataFrame:
    """Return what each video of each split contributes to its dataset's score.

    A dataset's score in a metric is the sum of the column of that name over the sum of the column
    `<metric>_weight`. Where frames are averaged a video first, the weights are 1, or 0 for a video
    without a defined score; where all frames are pooled, they are numbers of frames.

    Args:
        rows: Rows of frames of one method, as `evaluate` writes them.
        name: The protocol; rows of others are passed over.

    Returns:
        Index `dataset, video, split`; besides the above the columns `frames` that count in every
        metric, `dropped`, which at least one metric leaves out, `missing`, without a map, and
        `empty`, whose ground truth is empty.
    """
    protocol = PROTOCOLS[name]
    rows = rows[rows["protocol"] == name].copy()
    rows = rows.assign(**{each: np.nan for each in COLUMNS if each not in rows})
    if protocol.missing == "zero":
        rows.loc[~rows["predicted"], ZEROED] = 0.0
    scores = list(COLUMNS)
    rows.loc[rows["frame"] < protocol.first_frame, scores] = float("nan")
    compared = ZEROED if protocol.missing == "zero" else METRICS
    method = str(rows["method"].iat[0]) if "method" in rows and len(rows) else ""
    has = VIEWERS.get(method, protocol.metrics)
    needed = [metric for metric in compared if metric in protocol.metrics and metric in has]
    rows["frames"] = rows[needed].notna().all(axis=1)
    rows["dropped"], rows["missing"] = ~rows["frames"], ~rows["predicted"]
    groups = rows.groupby(KEYS, sort=True)
    total, weight = groups[scores].sum(), groups[scores].count()
    if protocol.average == "videos":
        total, weight = (total / weight).fillna(0.0), weight.clip(upper=1)
    counts = groups[["frames", "dropped", "missing", "empty"]].sum()
    return pd.concat([total, weight.add_suffix("_weight"), counts], axis=1)
