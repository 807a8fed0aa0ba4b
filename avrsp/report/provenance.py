"""The sections that say what was run, on which data, and how to read the numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from avrsp.data.manifest import DatasetEntry, Manifest
from avrsp.data.splits import defects
from avrsp.report import wording
from avrsp.report.inputs import Inputs
from avrsp.report.names import in_order, title
from avrsp.report.page import Block, Facts, Grid, Notice, Points, Prose, Section

SHORT = 12
"""Characters of a digest or commit that are shown."""


def run(inputs: Inputs) -> Section:
    """Say what was run, with what, and when."""
    about = inputs.about
    facts = Facts(
        (
            ("Preset", about.preset),
            ("Fusion of the audio-visual model", about.fusion),
            ("Splits", ", ".join(map(str, about.splits))),
            ("Seed", str(about.seed)),
            ("Evaluation protocol", about.protocol),
            ("Report made on", about.date),
            ("Git commit", about.commit[:SHORT] or "unknown"),
            ("Digest of the data (SHA-256)", inputs.manifest_digest[:SHORT] or "no manifest"),
        )
    )
    return Section("run", "What was run", (facts, _runs(inputs)))


def data(inputs: Inputs) -> Section:
    """Count the videos, and name those that were set aside and the datasets that are absent."""
    manifest = inputs.manifest
    if manifest is None:
        return Section("data", "Data", (Notice(wording.NO_MANIFEST),))
    blocks: list[Block] = [_counts(manifest, inputs.about.splits)]
    aside = _set_aside(manifest)
    if aside:
        heads = ("Video", "Dataset", "Why it was set aside")
        blocks += [Prose(wording.SET_ASIDE), Grid("Videos set aside", heads, aside, (0, 1, 2))]
    else:
        blocks.append(Prose("No video was set aside."))
    blocks += [
        Notice(f"{title(name)} is absent: {entry.reason}.")
        for name, entry in manifest.datasets.items()
        if not entry.present
    ]
    return Section("data", "Data", (*blocks, *_split_defects(manifest)))


def _split_defects(manifest: Manifest) -> list[Block]:
    found = [
        str(defect)
        for name, entry in manifest.datasets.items()
        for defect in defects(name, {each.video: each.roles for each in entry.videos})
    ]
    return [Prose(wording.SPLIT_DEFECTS), Points(tuple(found))] if found else []


def notes(inputs: Inputs) -> Section:
    """Say how the numbers are meant to be read."""
    extra = wording.SAMPLE_NOTES if inputs.about.preset == "sample" else ()
    return Section("notes", "How to read this", (Points((*extra, *wording.NOTES)),))


def _runs(inputs: Inputs) -> Block:
    names = sorted({*inputs.histories, *inputs.models}, key=in_order)
    if not names:
        return Notice(wording.NO_HISTORIES)
    rows = tuple(
        (name, *_training_in_numbers(inputs.histories.get(name)), _mlflow(inputs, name))
        for name in names
    )
    heads = ("Training run", "Epochs", "Best epoch", "Lowest validation loss", "MLflow run")
    return Grid("Training runs", heads, rows, (0, 4))


def _training_in_numbers(history: pd.DataFrame | None) -> tuple[str, str, str]:
    if history is None:
        return "unknown", "unknown", "unknown"
    best = history.iloc[int(history["validation_loss"].argmin())]
    return str(len(history)), f"{best['epoch']:.0f}", f"{best['validation_loss']:.4f}"


def _mlflow(inputs: Inputs, name: str) -> str:
    return str(inputs.models.get(name, {}).get("mlflow_run") or "not recorded")


def _counts(manifest: Manifest, splits: Sequence[int]) -> Grid:
    heads = ("Dataset", "Videos", "Kept", "Set aside", "Frames", "With sound")
    tests = tuple(f"Test videos, split {split}" for split in splits)
    rows = tuple(_count(name, entry, splits) for name, entry in manifest.datasets.items())
    return Grid("Videos by dataset", (*heads, *tests), rows)


def _count(name: str, entry: DatasetEntry, splits: Sequence[int]) -> tuple[str, ...]:
    if not entry.present:
        return (title(name), "absent", *["-"] * (4 + len(splits)))
    kept = [verdict for verdict in entry.videos if verdict.kept]
    numbers = [
        len(entry.videos),
        len(kept),
        len(entry.videos) - len(kept),
        sum(verdict.frames or 0 for verdict in kept),
        sum(bool(verdict.has_sound) for verdict in kept),
        *(sum(verdict.roles.get(str(split)) == "test" for verdict in kept) for split in splits),
    ]
    return (title(name), *(f"{number:,}" for number in numbers))


def _set_aside(manifest: Manifest) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (verdict.video, title(name), verdict.reason or "no reason given")
        for name, entry in manifest.datasets.items()
        for verdict in entry.videos
        if not verdict.kept
    )
