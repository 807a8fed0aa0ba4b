"""What this run measured, ready for tables: one estimate for each method, dataset and metric."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from avrsp.errors import StoreError
from avrsp.report.names import HEADINGS, KINDS, MEAN, REFERENCES, method_name


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

    @property
    def given(self) -> tuple[str, ...]:
        """Return the methods that are no model of this project: their maps were given."""
        return tuple(name for name in self.methods if name not in {*KINDS, *REFERENCES})

    @property
    def datasets(self) -> tuple[str, ...]:
        """Return the datasets on which anything was scored, sorted by key."""
        found = {name for scored in self.methods.values() for name in scored}
        return tuple(sorted(found - {MEAN}))

    def joined(self, other: Results) -> Results:
        """Return the results of both; where both have a method, this one's."""
        return Results({**other.methods, **self.methods}, self.faults + other.faults)


def read_results(folder: Path, pooled: Path | None = None) -> Results:
    """Read the summaries `<run>.json`; runs of one method on several splits are pooled.

    Args:
        folder: Where they lie; one that is not there is empty.
        pooled: Folder of `<method>.json`, summaries over the rows of all splits, which go before
            what follows from the splits' own and also have intervals.

    Raises:
        StoreError: A summary is not one.
    """
    runs: dict[str, list[dict[str, Scored]]] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.json")):
        if "absent" in _json(path):  # the network has no such run
            continue
        scored, own = _read(path)
        runs.setdefault(method_name(path.stem), []).append(scored)
        faults += (f"{path.stem}: {fault}" for fault in own)
    methods = {method: _pool_all(parts) for method, parts in runs.items()}
    for path in sorted(pooled.glob("*.json")) if pooled else ():
        methods[method_name(path.stem)] = _read(path)[0]
    return Results(methods, tuple(faults))


def read_outside(folder: Path, protocol: str) -> Results:
    """Read what `avrsp evaluate` wrote of other methods' maps: `<method>.json` beside its rows.

    The references that it scores beside them are left out, because the chain scores its own.

    Raises:
        StoreError: A file is not what it writes, or its method is called as one of ours.
    """
    methods: dict[str, dict[str, Scored]] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        for method in sorted(content.keys() - REFERENCES.keys()):
            if method in KINDS:
                raise StoreError(
                    f"{path}: {method} is the name of a model of this project; score these maps "
                    "under another --method, and remove this file and the rows beside it"
                )
            if protocol in content[method]:
                methods[method], own = understood(path, content[method][protocol])
                faults += (f"{method}: {fault}" for fault in own)
    return Results(methods, tuple(faults))


def pool(parts: Sequence[Scored]) -> Scored:
    """Pool a dataset's splits as STAViS does: every video counts, in each split that tests it.

    The interval of several splits is left out: they share videos, so that it does not follow from
    the splits' own; the stage `pool` has it from the rows.
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
    return understood(path, _json(path))


def _json(path: Path) -> Any:  # noqa: ANN401 - what is in it is checked by `understood`
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise _unreadable(path, error) from None


def understood(
    source: Path | str, content: Mapping[str, Any]
) -> tuple[dict[str, Scored], list[str]]:
    """Return the scores of a summary by dataset, "mean" included, and its faults.

    Raises:
        StoreError: It is not a summary; the message names its source.
    """
    try:
        datasets = {**content["datasets"], MEAN: content[MEAN]}
        scored = {name: _scored(values) for name, values in datasets.items()}
        return scored, list(content["faults"])
    except (KeyError, TypeError) as error:
        raise _unreadable(source, error) from None


def _unreadable(path: Path | str, error: Exception) -> StoreError:
    reason = f"{type(error).__name__}: {error}"
    return StoreError(f"{path}: not a summary ({reason}); remove it and run: dvc repro")


def _scored(values: Mapping[str, Any]) -> Scored:
    metrics = {
        metric: Estimate(values[metric], *values[f"{metric}_interval"])
        for metric in HEADINGS
        if values[metric] is not None
    }
    return Scored(metrics, values["videos"], values["frames"], values["dropped"], values["missing"])
