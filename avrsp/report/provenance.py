"""The sections that say what was run, on which data, and how to read the numbers."""

from __future__ import annotations

import pandas as pd

from avrsp.report import datasets, wording
from avrsp.report.inputs import Inputs
from avrsp.report.names import in_order
from avrsp.report.page import Block, Facts, Grid, Notice, Points, Section

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
    if inputs.manifest is None:
        return Section("data", "Data", (Notice(wording.NO_MANIFEST),))
    return Section("data", "Data", tuple(datasets.blocks(inputs.manifest, inputs.about.splits)))


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
