"""From rows of frames to the score of each dataset with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from avrsp.evaluate.intervals import ScoreArray, entries, interval, known, resample
from avrsp.evaluate.summary import COLUMNS, COUNTS, DatasetScores, Estimate, Summary
from avrsp.params import ProtocolName


def summarise(
    rows: pd.DataFrame | Iterable[pd.DataFrame],
    protocol: ProtocolName,
    resamples: int,
    seed: int,
    faults: Sequence[str] = (),
    *,
    preset: str = "",
) -> Summary:
    """Average the rows of one method as `protocol` does.

    Args:
        rows: Rows of frames as `evaluate` writes them, at once or a video at a time.
        protocol: By whose rules.
        resamples: Draws of videos for the 95 % intervals.
        seed: Of the draws, which are a dataset's own whatever others there are.
        faults: What could not be evaluated, a line each.
        preset: Of the chain, where it is the chain that scores.
    """
    parts = [rows] if isinstance(rows, pd.DataFrame) else rows
    found = pd.concat([entries(part, protocol) for part in parts]).sort_index()
    datasets, draws, values = {}, [], []
    for name, own in found.groupby("dataset", sort=True):
        videos = own.groupby("video").sum()
        total = videos[list(COLUMNS)].to_numpy(np.float64)
        weight = videos[[f"{metric}_weight" for metric in COLUMNS]].to_numpy(np.float64)
        drawn = resample(
            total, weight, resamples, np.random.default_rng([seed, *str(name).encode()])
        )
        with np.errstate(invalid="ignore"):
            score = total.sum(0) / weight.sum(0)
        counts = {"videos": len(own), **{key: int(own[key].sum()) for key in COUNTS[1:]}}
        datasets[str(name)] = _scores(score, drawn, counts, len(videos))
        draws.append(drawn)
        values.append(score)
    counts = {key: sum(getattr(each, key) for each in datasets.values()) for key in COUNTS}
    fewest = min((len(own.groupby("video")) for _, own in found.groupby("dataset")), default=0)
    return Summary(
        protocol=protocol,
        preset=preset,
        datasets=datasets,
        mean=_scores(np.mean(values, 0), np.mean(draws, 0), counts, fewest),
        faults=tuple(faults),
    )


def _scores(
    values: ScoreArray, draws: ScoreArray, counts: Mapping[str, int], videos: int
) -> DatasetScores:
    metrics = {
        name: Estimate(value=float(value), low=known(low), high=known(high))
        for name, value, column in zip(COLUMNS, values, draws.T, strict=True)
        for low, high in [interval(column, videos)]
        if not math.isnan(value)
    }
    return DatasetScores(metrics=metrics, **counts)
