"""What this run measured, ready for tables: one estimate for each method, dataset and metric."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from avrsp.errors import StoreError
from avrsp.report.names import HEADINGS, method_name

MEAN: Final = "mean"
"""Stands in a dataset's place for the mean of the datasets."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A dataset's score and its 95 % bootstrap interval over videos, where one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """One method on one dataset.

    Attributes:
        metrics: Estimates by metric; one that is not defined is missing.
        videos: How many videos were scored; one that two splits test counts twice.
        frames: How many frames count in every metric.
        dropped: Frames that at least one metric leaves out, such as those nobody fixated.
        missing: Frames without a predicted map.
    """

    metrics: Mapping[str, Estimate]
    videos: int
    frames: int
    dropped: int
    missing: int


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was scored.

    Attributes:
        methods: By method, then by dataset; what is absent was not run.
        faults: What could not be evaluated, a line each.
    """

    methods: Mapping[str, Mapping[str, Scored]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def find(self, method: str, dataset: str, metric: str) -> Estimate | None:
        """Return one estimate, or None where it was not run."""
        scored = self.methods.get(method, {}).get(dataset)
        return scored.metrics.get(metric) if scored else None


def read_results(folder: Path) -> Results:
    """Read the summaries `<run>.json`; runs of one method on several splits are pooled.

    Raises:
        StoreError: A summary is not one.
    """
    runs: dict[str, list[dict[str, Scored]]] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.json")):
        scored, own = _read(path)
        runs.setdefault(method_name(path.stem), []).append(scored)
        faults += (f"{path.stem}: {fault}" for fault in own)
    methods = {method: _pool_all(parts) for method, parts in runs.items()}
    return Results(methods, tuple(faults))


def pool(parts: Sequence[Scored]) -> Scored:
    """Pool a dataset's splits as STAViS does: every video counts, in each split that tests it.

    The interval of several splits is left out: they share videos, so that it does not follow from
    the splits' own.
    """
    if len(parts) == 1:
        return parts[0]
    videos = sum(part.videos for part in parts)
    shared = set.intersection(*(set(part.metrics) for part in parts))
    values = {
        metric: sum(part.metrics[metric].value * part.videos for part in parts) / videos
        for metric in shared
    }
    return Scored(
        metrics={metric: Estimate(value) for metric, value in values.items()},
        videos=videos,
        frames=sum(part.frames for part in parts),
        dropped=sum(part.dropped for part in parts),
        missing=sum(part.missing for part in parts),
    )


def _pool_all(parts: Sequence[Mapping[str, Scored]]) -> dict[str, Scored]:
    """Pool each dataset over the parts that have it; the mean weighs every dataset the same."""
    if len(parts) == 1:
        return dict(parts[0])
    names = dict.fromkeys(name for part in parts for name in part if name != MEAN)
    pooled = {name: pool([part[name] for part in parts if name in part]) for name in names}
    means = {
        metric: Estimate(fmean(each.metrics[metric].value for each in pooled.values()))
        for metric in HEADINGS
        if all(metric in each.metrics for each in pooled.values())
    }
    return {**pooled, MEAN: replace(pool([part[MEAN] for part in parts]), metrics=means)}


def _read(path: Path) -> tuple[dict[str, Scored], list[str]]:
    try:
        content = json.loads(path.read_text())
        datasets = {**content["datasets"], MEAN: content[MEAN]}
        scored = {name: _scored(values) for name, values in datasets.items()}
        return scored, list(content["faults"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: not a summary ({type(error).__name__}: {error}); remove it and run: dvc repro"
        ) from None


def _scored(values: Mapping[str, Any]) -> Scored:
    metrics = {
        metric: Estimate(values[metric], *values[f"{metric}_interval"])
        for metric in HEADINGS
        if values[metric] is not None
    }
    return Scored(metrics, values["videos"], values["frames"], values["dropped"], values["missing"])
