"""What this run measured, ready for tables: one estimate for each method, dataset and metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from avrsp.errors import StoreError
from avrsp.evaluate.summary import (
    MEAN,
    DatasetScores,
    Estimate,
    read_summaries,
    read_summary,
)
from avrsp.report.names import KINDS, REFERENCES, RUN, method_name


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was scored.

    Attributes:
        methods: By method, then by dataset; what is absent was not run.
        faults: What could not be evaluated, a line each.
    """

    methods: Mapping[str, Mapping[str, DatasetScores]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def find(self, method: str, dataset: str, metric: str) -> Estimate | None:
        """Return one estimate, or None where it was not run.

        A method has a mean only where it was scored on the same datasets as the chain's models:
        means over some of them, or over more, cannot stand beside theirs.
        """
        own = self.methods.get(method, {})
        if dataset == MEAN and {*own} - {MEAN} != self.averaged:
            return None
        scored = own.get(dataset)
        return scored.metrics.get(metric) if scored else None

    @property
    def given(self) -> tuple[str, ...]:
        """Return the methods that are no model of this project: their maps were given."""
        return tuple(name for name in self.methods if name not in {*KINDS, *REFERENCES})

    @property
    def averaged(self) -> set[str]:
        """Return the datasets of means: those of the chain's models or, without them, all."""
        of_chain = {name for kind in KINDS for name in self.methods.get(kind, ())}
        return (of_chain or {*self.datasets}) - {MEAN}

    @property
    def datasets(self) -> tuple[str, ...]:
        """Return the datasets on which anything was scored, sorted by key."""
        found = {name for scored in self.methods.values() for name in scored}
        return tuple(sorted(found - {MEAN}))

    def joined(self, other: Results) -> Results:
        """Return the results of both; where both have a method, this one's."""
        return Results({**other.methods, **self.methods}, self.faults + other.faults)


def read_results(
    folder: Path, pooled: Path | None = None, splits: Collection[int | str] | None = None
) -> Results:
    """Read the summaries `<run>.json`, and those of all splits of a method together.

    Args:
        folder: Where they lie; one that is not there is empty.
        pooled: Folder of `<method>.json`, summaries over the rows of all splits, which go before
            those of a split.
        splits: Runs of other splits are passed over: they are left of earlier parameters.

    Raises:
        StoreError: A summary is not one, or a method was scored on several splits and not pooled.
    """
    together = {
        method_name(path.stem): read_summary(path).by_dataset
        for path in (sorted(pooled.glob("*.json")) if pooled else ())
    }
    methods: dict[str, Mapping[str, DatasetScores]] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.json")):
        run = RUN.fullmatch(path.stem)
        if run and splits is not None and run[2] not in set(map(str, splits)):
            continue
        summary, method = read_summary(path), method_name(path.stem)
        if not summary.datasets:  # the network has no such run
            continue
        if method in methods and method not in together:
            raise StoreError(f"{path}: no scores of all splits of {method}; run: dvc repro pool")
        methods[method] = summary.by_dataset
        faults += (f"{path.stem}: {fault}" for fault in summary.faults)
    return Results({**methods, **together}, tuple(faults))


def read_outside(folder: Path, protocol: str) -> Results:
    """Read what `avrsp evaluate` wrote of other methods' maps: `<method>.json` beside its rows.

    The references that it scores beside them are left out, because the chain scores its own.

    Raises:
        StoreError: A file is not what it writes, or its method is called as one of ours.
    """
    methods: dict[str, Mapping[str, DatasetScores]] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.json")):
        for method, summaries in sorted(read_summaries(path).items()):
            if method in REFERENCES:
                continue
            if method in KINDS:
                raise StoreError(
                    f"{path}: {method} is the name of a model of this project; score these maps "
                    "under another --method, and remove this file and the rows beside it"
                )
            if protocol in summaries:
                methods[method] = summaries[protocol].by_dataset
                faults += (f"{method}: {fault}" for fault in summaries[protocol].faults)
    return Results(methods, tuple(faults))
