"""How sure a score over several seeds is: seeds are drawn, and in each drawn seed its videos.

Every seed has a world and networks of its own. Videos of one seed share its network, so that
videos alone would seem to know more than they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avrsp.evaluate.intervals import ScoreArray, interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds of means over videos.

    Attributes:
        value: The mean; NaN without a video.
        low: Lower end of its 95 % percentile interval; NaN with fewer than two videos.
        high: Upper end.
        p: Two-sided bootstrap p value of its being 0: twice the share of drawn means that lie on
            the other side of 0, the measured one counted among the draws; NaN as the ends are.
        seeds: How many seeds have such a video.
        videos: How many videos there are in all seeds.
    """

    value: float
    low: float
    high: float
    p: float
    seeds: int
    videos: int


def nested_means(
    groups: Sequence[ScoreArray], resamples: int, rng: np.random.Generator
) -> ScoreArray:
    """Return `resamples` means over drawn seeds of means over drawn videos.

    As many seeds are drawn with replacement as there are, and from each of these as many of its
    videos as it has, anew each time that it is drawn.

    Args:
        groups: One array for each seed: the scores of its videos, at least one, none of them NaN.
        resamples: How often to draw.
        rng: What to draw by.
    """
    chosen = rng.integers(len(groups), size=(resamples, len(groups)))
    means = np.empty(chosen.shape)
    for number, scores in enumerate(groups):
        here = chosen == number
        count = len(scores)
        draws = rng.multinomial(count, np.full(count, 1 / count), size=int(here.sum()))
        means[here] = draws @ scores / count
    found: ScoreArray = means.mean(axis=1)
    return found


def estimate(groups: Sequence[ScoreArray], resamples: int, seed: int) -> Estimate:
    """Return the mean of paired differences, or of scores, with its interval and p value.

    Args:
        groups: One array for each seed, the values of its videos; NaN is passed over.
        resamples: How often to draw.
        seed: Of the draws.
    """
    there = [kept for each in groups if len(kept := each[~np.isnan(each)])]
    videos = sum(len(each) for each in there)
    if not there:
        return Estimate(np.nan, np.nan, np.nan, np.nan, 0, 0)
    value = float(np.mean([each.mean() for each in there]))
    if videos < 2:  # noqa: PLR2004 - one video says nothing about others
        return Estimate(value, np.nan, np.nan, np.nan, len(there), videos)
    means = nested_means(there, resamples, np.random.default_rng(seed))
    low, high = interval(means, videos)
    across = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * (across + 1) / (resamples + 1))
    return Estimate(value, low, high, p, len(there), videos)
