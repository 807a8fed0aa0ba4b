"""Tables III to V as data: which network each of the paper's rows is, and what it scored here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from avrsp.params.ablations import ABLATIONS, DATASETS, SPLIT
from avrsp.params.runs import AUDIO_VISUAL, VISUAL
from avrsp.report import paper, texts
from avrsp.report.about import About
from avrsp.report.names import listed, method_name
from avrsp.report.results import Results
from avrsp.report.tables import (
    RowGroup,
    Table,
    TableRow,
    cells_of,
    mark_best,
    printed_rows,
    remark,
)

NAMES: Final = ("III", "IV", "V")

TITLES: Final[Mapping[str, str]] = {
    "III": "Table III. Sound, MS and MRG",
    "IV": "Table IV. Number of MS and MRG pairs",
    "V": "Table V. Ways to join sound and picture",
}

ROWS: Final[Mapping[str, Mapping[str, str]]] = {
    "III": {
        "none": f"{VISUAL}-none",
        "MS": f"{VISUAL}-ms",
        "MRG": f"{VISUAL}-mrg",
        "MS + MRG": VISUAL,
        "audio": f"{AUDIO_VISUAL}-none",
        "audio + MS": f"{AUDIO_VISUAL}-ms",
        "audio + MRG": f"{AUDIO_VISUAL}-mrg",
        "audio + MS + MRG": AUDIO_VISUAL,
    },
    "IV": {
        f"{branch}, {pairs}": {3: f"{kind}", 0: f"{kind}-none"}.get(pairs, f"{kind}-{pairs}")
        for branch, kind in (("Visual-only", VISUAL), ("Audio-Visual", AUDIO_VISUAL))
        for pairs in (4, 3, 2, 1, 0)
    },
    "V": {
        "Visual-only baseline": VISUAL,
        "Element-wise addition": "add",
        "Element-wise multiplication": "mul",
        "Concatenation": "concat",
        "Bilinear": "bilinear",
        "MBT": "mbt",
        "RAVF(Ours)": AUDIO_VISUAL,
    },
}
"""The paper's rows of each table and the network, by its name in `ABLATIONS`, that each of them is;
Table IV's rows of three pairs are the whole networks, and those of none are Table III's."""


def ablations(results: Results, about: About, objections: Sequence[str]) -> tuple[Table, ...]:
    """Return Tables III to V; a network that was not run leaves cells that say so."""
    return tuple(_ablation(name, results, about, objections) for name in NAMES)


def not_run(results: Results) -> tuple[str, ...]:
    """Return the networks that were not scored, by name."""
    return tuple(name for name in ABLATIONS if method_name(name) not in results.methods)


def _ablation(name: str, results: Results, about: About, objections: Sequence[str]) -> Table:
    datasets = paper.DATASETS[name]
    columns = [(dataset, metric) for dataset in datasets for metric in paper.METRICS]
    rows = [
        TableRow(
            label,
            cells_of(results, method_name(network), columns),
            emphasis=network == AUDIO_VISUAL,
        )
        for label, network in ROWS[name].items()
    ]
    trained = listed(about.titles(DATASETS))
    printed = printed_rows(name, datasets)
    return Table(
        name=f"table-{name.lower()}",
        title=TITLES[name],
        caption=f"{replace(about, splits=(SPLIT,)).setting}. Trained on {trained} alone.",
        datasets=datasets,
        headings=about.titles(datasets),
        metrics=paper.METRICS,
        groups=(
            RowGroup("this run", "This run", tuple(mark_best(rows, columns)), ours=True),
            RowGroup("paper", remark(objections), printed, ours=False),
        ),
        notes=(texts.PAIRS,) if name == "IV" else (),
    )
