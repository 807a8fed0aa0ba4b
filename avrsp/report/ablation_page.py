"""The ablations' own page and tables, below `reports/ablations/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from avrsp.files import write_text
from avrsp.params.ablations import ABLATIONS
from avrsp.report import fusions, wording
from avrsp.report.ablations import ablations, not_run
from avrsp.report.formats import write_tables
from avrsp.report.fusions import Versus
from avrsp.report.inputs import About
from avrsp.report.page import Block, Grid, Notice, Page, Points, Prose, Section, to_html
from avrsp.report.results import Results


@dataclass(frozen=True, slots=True)
class Ablated:
    """What the ablations left.

    Attributes:
        results: Scores by network.
        versus: RAVF against the other fusions.
        clips: On which clips, in words.
        histories: Loss by epoch of each network.
        models: What `model.json` says of each.
    """

    results: Results
    versus: tuple[Versus, ...]
    clips: str
    histories: Mapping[str, pd.DataFrame]
    models: Mapping[str, Mapping[str, Any]]


def write_ablations(folder: Path, found: Ablated, about: About) -> None:
    """Write `index.html` and `tables/` into `folder`; the same inputs give the same bytes."""
    tables = ablations(found.results, preset=about.preset, protocol=about.protocol)
    write_tables(folder, tables)
    page = Page(
        title="AVRSP: what each part is worth",
        lead=wording.ABLATIONS,
        warning=wording.SAMPLE_WARNING if about.preset == "sample" else "",
        sections=(
            Section("tables", "Tables III to V", (*_gaps(found.results), *tables)),
            Section("fusions", "RAVF against the other fusions", _fusions(found)),
            Section("runs", "What was run", (_runs(found),)),
        ),
        colophon=f"Made by avrsp on {about.date} from preset {about.preset}.",
    )
    write_text(folder / "index.html", to_html(page))


def _gaps(results: Results) -> list[Block]:
    absent = not_run(results)
    blocks: list[Block] = []
    if absent:
        blocks.append(Notice(f"{len(absent)} of {len(ABLATIONS)} networks were not run: "
                             f"{', '.join(absent)}."))  # fmt: skip
    if results.faults:
        blocks += [Notice("Not everything could be evaluated:"), Points(results.faults)]
    return blocks


def _fusions(found: Ablated) -> tuple[Block, ...]:
    said = fusions.sentence(found.versus, found.clips)
    return Prose(said), fusions.grid(found.versus, found.clips)


def _runs(found: Ablated) -> Grid:
    heads = ("Network", "Fusion", "MS", "MRG", "Pairs", "Epochs", "Best epoch", "MLflow run")
    rows = tuple(
        (
            *(name, chosen.fusion or "none", _yes(chosen.synergy), _yes(chosen.gate)),
            *(str(chosen.pairs), *_epochs(found.histories.get(name))),
            str(found.models.get(name, {}).get("mlflow_run") or "not recorded"),
        )
        for name, chosen in ABLATIONS.items()
    )
    return Grid("Networks", heads, rows, words=(0, 1, 2, 3, 7))


def _yes(chosen: bool) -> str:
    return "yes" if chosen else "no"


def _epochs(history: pd.DataFrame | None) -> tuple[str, str]:
    if history is None:
        return "not run", "not run"
    best = history["epoch"].iloc[int(history["validation_loss"].argmin())]
    return str(len(history)), f"{best:.0f}"
