"""Tables III to V: what each part of the network is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from avrsp.params.ablations import ABLATIONS, DATASETS
from avrsp.report import paper, wording
from avrsp.report.names import method_name, title
from avrsp.report.results import Results
from avrsp.report.tables import Group, Row, Table, cells_of, mark_best, printed_rows, remark

NAMES: Final[tuple[paper.TableName, ...]] = ("III", "IV", "V")

TITLES: Final[Mapping[str, str]] = {
    "III": "Table III. Sound, MS and MRG",
    "IV": "Table IV. Number of MS and MRG pairs",
    "V": "Table V. Ways to join sound and picture",
}

ROWS: Final[Mapping[str, Mapping[str, str]]] = {
    "III": {
        "none": "v-none",
        "MS": "v-ms",
        "MRG": "v-mrg",
        "MS + MRG": "v",
        "audio": "av-none",
        "audio + MS": "av-ms",
        "audio + MRG": "av-mrg",
        "audio + MS + MRG": "av",
    },
    "IV": {
        **{f"Visual-only, {pairs}": f"v-{pairs}" for pairs in (4, 3, 2, 1, 0)},
        **{f"Audio-Visual, {pairs}": f"av-{pairs}" for pairs in (4, 3, 2, 1, 0)},
        **{f"Visual-only, {pairs}": name for pairs, name in ((3, "v"), (0, "v-none"))},
        **{f"Audio-Visual, {pairs}": name for pairs, name in ((3, "av"), (0, "av-none"))},
    },
    "V": {
        "Visual-only baseline": "v",
        "Element-wise addition": "add",
        "Element-wise multiplication": "mul",
        "Concatenation": "concat",
        "Bilinear": "bilinear",
        "MBT": "mbt",
        "RAVF(Ours)": "av",
    },
}
"""The paper's rows of each table and the network, by its name in `ABLATIONS`, that each of them is;
Table IV's rows of three pairs are the whole networks, and those of none are Table III's."""


def ablations(results: Results, *, preset: str, protocol: str) -> tuple[Table, ...]:
    """Return Tables III to V; a network that was not run leaves cells that say so."""
    return tuple(_table(name, results, preset, protocol) for name in NAMES)


def not_run(results: Results) -> tuple[str, ...]:
    """Return the networks that were not scored, by name."""
    return tuple(name for name in ABLATIONS if method_name(name) not in results.methods)


def _table(name: paper.TableName, results: Results, preset: str, protocol: str) -> Table:
    datasets = paper.DATASETS[name]
    columns = [(dataset, metric) for dataset in datasets for metric in paper.METRICS]
    rows = [
        Row(label, cells_of(results, method_name(network), columns), emphasis=network == "av")
        for label, network in ROWS[name].items()
    ]
    trained = " and ".join(map(title, DATASETS))
    return Table(
        name=f"table-{name.lower()}",
        title=TITLES[name],
        caption=f"Preset {preset}, protocol {protocol}, split 1. Trained on {trained} alone.",
        datasets=datasets,
        metrics=paper.METRICS,
        groups=(
            Group("this run", "This run", tuple(mark_best(rows, columns)), ours=True),
            Group("paper", remark(comparable=preset == "paper"), printed_rows(name), ours=False),
        ),
        notes=(wording.PAIRS,) if name == "IV" else (),
    )
