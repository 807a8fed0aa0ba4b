"""Pool the scores of all splits, with intervals over the videos of all (DVC stage `pool`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from avrsp import params, paths
from avrsp.errors import exits_cleanly
from avrsp.evaluate.averages import summarise
from avrsp.evaluate.references import REFERENCES
from avrsp.evaluate.score_table import read_methods
from avrsp.evaluate.summary import VIEWERS, write_summary
from avrsp.files import write_json
from avrsp.params import Params
from avrsp.params.runs import AUDIO_VISUAL, KINDS, VISUAL, run_name
from avrsp.progress import timed
from avrsp.stages.places import data_of

RUNS: dict[str, tuple[str, ...]] = {kind: (kind,) for kind in KINDS} | {
    "references": (*REFERENCES, *VIEWERS)
}
"""What was evaluated, and the methods that its rows hold."""

SHOWN = ("cc", "nss", "sim", "auc_judd")
COMPARED = (AUDIO_VISUAL, VISUAL, "centre prior")
"""Metrics and methods that `dvc exp show` compares experiments by: as many as a terminal shows."""


@exits_cleanly
@timed
def main() -> None:
    """Write `reports/pooled/<method>.json`, and means of the models in `reports/metrics.json`.

    A video that two splits test is drawn with all its entries, so intervals do not follow from
    those of the splits.
    """
    pool(params.load(paths.params_file()), RUNS, paths.workspace() / "reports", COMPARED)


def pool(
    loaded: Params, runs: Mapping[str, Sequence[str]], reports: Path, compared: Sequence[str]
) -> None:
    """Write `pooled/<method>.json` and `metrics.json` into a folder, from the scores of runs.

    Args:
        loaded: The parameters.
        runs: By what was evaluated, the methods that its rows hold.
        reports: The folder.
        compared: The methods whose means `metrics.json` holds, in that order.
    """
    chosen = loaded.evaluation
    means: dict[str, dict[str, float]] = {}
    for what, methods in runs.items():
        scores = data_of(what) / "scores"
        files_of = [scores / f"{run_name(what, split)}.parquet" for split in loaded.splits]
        found = [path for path in files_of if path.exists()]
        rows = read_methods(found)
        for method in methods:
            if method not in rows:  # the network has no such run
                continue
            summary = summarise(
                rows[method], chosen.protocol, chosen.resamples, loaded.seed, preset=loaded.preset
            )
            write_summary(reports / "pooled" / f"{method.replace(' ', '-')}.json", summary)
            if method not in compared:
                continue
            known = summary.mean.metrics
            means[method] = {each: known[each].value for each in SHOWN if each in known}
    ordered = {method: means[method] for method in compared if method in means}
    write_json(reports / "metrics.json", ordered)


if __name__ == "__main__":
    main()
