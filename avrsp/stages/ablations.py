"""Write Tables III to V and their page from the networks that were run.

A program of its own and no stage: it shows what there is, which a stage could not depend on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from avrsp import params, paths
from avrsp.errors import exits_cleanly
from avrsp.evaluate.score_table import read_rows
from avrsp.params import Params
from avrsp.params.ablations import ABLATIONS, DATASETS, SPLIT
from avrsp.params.runs import AUDIO_VISUAL
from avrsp.reliance.analysis import Rules, as_json
from avrsp.reliance.truth import Split, read_truths
from avrsp.report.build_report import Ablated, write_ablations
from avrsp.report.fusion_table import Versus
from avrsp.report.results import read_results
from avrsp.report.trainings import histories_in, models_in
from avrsp.stages.report import about
from avrsp.store.manifest import read_manifest

OTHERS = ("add", "mul", "concat", "bilinear", "mbt")
RAVF = AUDIO_VISUAL


@exits_cleanly
def main() -> None:
    """Write `reports/ablations/index.html` and `reports/ablations/tables/`.

    Raises:
        StoreError: The manifest is missing, or a result is not what it should be.
    """
    loaded, here = params.load(paths.params_file()), paths.workspace()
    models = here / "data" / "ablations" / "models"
    rows, clips = sounding(loaded, here / "data" / "ablations" / "scores")
    evaluation = loaded.evaluation
    rules = Rules(evaluation.protocol, evaluation.resamples, loaded.seed, frames=0)
    found = Ablated(
        results=read_results(here / "reports" / "ablations" / "metrics"),
        versus=tuple(versus(rows, rules)),
        clips=clips,
        histories=histories_in(models),
        models=models_in(models),
    )
    write_ablations(here / "reports" / "ablations", found, about(loaded))


def sounding(loaded: Params, scores: Path) -> tuple[dict[str, pd.DataFrame], str]:
    """Return the rows of each network on the clips whose sound belongs to something visible.

    Where nobody knows which these are, they are the rows of all clips; the second value says so.
    """
    manifest = read_manifest(paths.current().manifest(loaded.preset))
    videos = manifest.videos(DATASETS, SPLIT, "test")
    keys = [(video.dataset, video.video) for video in videos]
    world = paths.current().raw(loaded.preset) / "world"
    split = Split(SPLIT, videos, read_truths(world, DATASETS, keys))
    named = bool(split.truths)
    rows = {}
    for name in ABLATIONS:
        path = scores / f"{name}.parquet"
        if path.exists():
            own = pd.concat(read_rows(path), ignore_index=True)
            pairs = zip(own["dataset"], own["video"], strict=True)
            kept = [not named or split.kind(*pair) == "sounding" for pair in pairs]
            rows[name] = own[kept]
    return rows, "clips whose sound belongs to something visible" if named else "all test clips"


def versus(rows: Mapping[str, pd.DataFrame], rules: Rules) -> Iterator[Versus]:
    """Compare RAVF with every other fusion; one that was not run has no numbers."""
    for name in OTHERS:
        if {RAVF, name} <= rows.keys():
            yield Versus(name, **as_json(rules.paired(rows[RAVF], rows[name], "cc")))
        else:
            yield Versus(name, None, None, None, None, 0)


if __name__ == "__main__":
    main()
