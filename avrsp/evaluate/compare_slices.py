"""Comparisons of two methods on slices of the frames; what a slice is, `slices` says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from avrsp.errors import StoreError
from avrsp.evaluate.compare import (
    ComparisonRules,
    Method,
    SliceScore,
    differences,
    read_methods,
)
from avrsp.evaluate.slices import divided, facts_of

FRAME = ["dataset", "video", "frame"]


def compare_slices(
    files: Sequence[Path], stores: Path, rules: ComparisonRules
) -> tuple[SliceScore, ...]:
    """Compare the first method in files of rows with the others, slice by slice.

    Args:
        files: As `avrsp evaluate` writes them.
        stores: Folder of `<dataset>/<video>.zarr.zip`, against which they were scored.
        rules: What to compare, and how.

    Raises:
        StoreError: As `compare.compare`, or a store is missing or is not that of the rows.
        ParamsError: There is but one method.
    """
    chosen, (first, *others) = read_methods(files, rules)
    facts = facts_of(first.rows, stores)
    _refuse_other_stores(first, facts, stores)
    slices = [
        (kind, name, facts[words == name])
        for kind, names, words in divided(facts)
        for name in names
    ]
    return tuple(
        SliceScore(kind=kind, name=name, frames=len(frames), **found.model_dump())
        for other in others
        for kind, name, frames in slices
        for found, _, _ in differences(_part(first, frames), _part(other, frames), chosen, rules)
    )


def _refuse_other_stores(method: Method, facts: pd.DataFrame, stores: Path) -> None:
    keys = method.rows[FRAME].drop_duplicates()
    counts = keys.groupby(["dataset", "video"]).size()
    held = facts.groupby(["dataset", "video"]).size()
    for dataset, video in counts.index[counts != held.loc[counts.index]]:
        raise StoreError(
            f"{stores}: {dataset}/{video} has {held[dataset, video]} frames, its rows in "
            f"{method.file} {counts[dataset, video]}; give the stores that it was scored against"
        )


def _part(method: Method, frames: pd.DataFrame) -> Method:
    """Return a method with its rows of some frames alone."""
    return method._replace(rows=method.rows.merge(frames[FRAME], on=FRAME))
