"""The score of each dataset with its interval, as JSON for files and as a table for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from avrsp.evaluate.intervals import Scores, entries, interval, resample
from avrsp.evaluate.scores import METRICS
from avrsp.params import ProtocolName
from avrsp.store.ground_truth import EMPTY_RULE

LABELS = {"kl": "KL", "cc": "CC", "sim": "SIM", "nss": "NSS", "auc_judd": "AUC-J"}
"""Metrics of the printed table and their headings there."""

COUNTS = ("videos", "frames", "dropped", "missing", "empty")


def summarise(
    rows: pd.DataFrame | Iterable[pd.DataFrame],
    protocol: ProtocolName,
    resamples: int,
    seed: int,
    faults: Sequence[str] = (),
) -> dict[str, Any]:
    """Average the rows of one method as `protocol` does.

    Args:
        rows: Rows of frames as `evaluate` writes them, at once or a video at a time.
        protocol: By whose rules.
        resamples: Draws of videos for the 95 % intervals.
        seed: Of the draws, which are a dataset's own whatever others there are.
        faults: What could not be evaluated, a line each.

    Returns:
        `{"protocol", "datasets": {name: scores}, "mean": scores, "faults"}`; scores hold each
        metric, its interval `<metric>_interval` as [low, high], and the counts `videos` (one that
        two splits test counts twice), `frames` that count in every metric, `dropped`, `missing`,
        without a map, and `empty`, without a ground truth. "mean" is the plain mean of the
        datasets. What is not defined is None.
    """
    parts = [rows] if isinstance(rows, pd.DataFrame) else rows
    found = pd.concat([entries(part, protocol) for part in parts]).sort_index()
    datasets, draws, values = {}, [], []
    for name, own in found.groupby("dataset", sort=True):
        videos = own.groupby("video").sum()
        total = videos[list(METRICS)].to_numpy(np.float64)
        weight = videos[[f"{metric}_weight" for metric in METRICS]].to_numpy(np.float64)
        drawn = resample(
            total, weight, resamples, np.random.default_rng([seed, *str(name).encode()])
        )
        with np.errstate(invalid="ignore"):
            score = total.sum(0) / weight.sum(0)
        counts = {"videos": len(own), **{key: int(own[key].sum()) for key in COUNTS[1:]}}
        datasets[str(name)] = _scores(score, drawn, counts, len(videos))
        draws.append(drawn)
        values.append(score)
    counts = {key: sum(each[key] for each in datasets.values()) for key in COUNTS}
    fewest = min((len(own.groupby("video")) for _, own in found.groupby("dataset")), default=0)
    return {
        "protocol": protocol,
        "datasets": datasets,
        "mean": _scores(np.mean(values, 0), np.mean(draws, 0), counts, fewest),
        "faults": list(faults),
    }


def _scores(
    values: Scores, draws: Scores, counts: Mapping[str, int], videos: int
) -> dict[str, Any]:
    ends = (interval(column, videos) for column in draws.T)
    return {
        **counts,
        **{name: _known(value) for name, value in zip(METRICS, values, strict=True)},
        **{
            f"{name}_interval": [_known(low), _known(high)]
            for name, (low, high) in zip(METRICS, ends, strict=True)
        },
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def table(summaries: Mapping[str, Mapping[ProtocolName, Mapping[str, Any]]]) -> str:
    """Return the summaries of methods by protocols as text: a block for each dataset.

    A line of a block is a method by a protocol, with the interval of each score behind it.
    """
    width = max(map(len, ("method", *summaries)))
    head = f"{'method':<{width}}  protocol" + "".join(f"  {each:<20}" for each in LABELS.values())
    head += "".join(f"  {name:>6}" for name in COUNTS)
    blocks = [f"Scores with 95 % intervals over videos. Of KL, less is better. {EMPTY_RULE}"]
    first = next(iter(next(iter(summaries.values())).values()))
    datasets = list(first["datasets"])
    for dataset in datasets + ["mean"] * (len(datasets) > 1):
        lines = [dataset, head]
        for method, protocols in summaries.items():
            for name, summary in protocols.items():
                scores = {**summary["datasets"], "mean": summary["mean"]}.get(dataset)
                if scores:
                    lines.append(f"{method:<{width}}  {name:<8}{_cells(scores)}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _cells(scores: Mapping[str, Any]) -> str:
    cells = "".join(f"  {_cell(scores, metric):<20}" for metric in LABELS)
    return cells + "".join(f"  {scores[name]:>{max(6, len(name))}}" for name in COUNTS)


def _cell(scores: Mapping[str, Any], metric: str) -> str:
    value, (low, high) = scores[metric], scores[f"{metric}_interval"]
    if value is None:
        return "-"
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.3f} {high:.3f}]"
