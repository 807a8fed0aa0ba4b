"""Score one network of Tables III to V (stage `score` of workflow/ablations/dvc.yaml)."""

from __future__ import annotations

import argparse
import sys

from avrsp import params, paths
from avrsp.errors import exits_cleanly
from avrsp.evaluate.averages import summarise
from avrsp.evaluate.run import evaluate_run
from avrsp.evaluate.score_table import read_rows
from avrsp.evaluate.summary import write_summary
from avrsp.params.ablations import ABLATIONS, DATASETS, SPLIT
from avrsp.prediction.testset import write_test_maps
from avrsp.progress import timed
from avrsp.stages import left_out
from avrsp.stages import videos as lists


@exits_cleanly
@timed
def main() -> None:
    """Predict and score the test videos of DIEM and AVAD.

    Writes `data/ablations/maps/<name>/`, `data/ablations/scores/<name>.parquet` and
    `reports/ablations/metrics/<name>.json`.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.ablation_score")
    parser.add_argument("name", choices=ABLATIONS)
    name = parser.parse_args().name
    loaded = params.load(paths.params_file())
    listed, stores = lists.read(lists.of_ablation(lists.TEST, name), loaded)
    videos = listed.videos(DATASETS, SPLIT, "test")
    home = paths.workspace() / "data" / "ablations"
    maps, out = home / "maps" / name, home / "scores" / f"{name}.parquet"
    write_test_maps(home / "models" / name, stores, videos, loaded.active.compute, maps)
    evaluation = loaded.evaluation
    faults, remarks = evaluate_run(
        maps, stores, videos, method=name, split=SPLIT, out=out, names=(evaluation.protocol,)
    )
    for line in faults + remarks:
        sys.stderr.write(f"avrsp: {line}\n")
    summary = summarise(
        read_rows(out),
        evaluation.protocol,
        evaluation.resamples,
        loaded.seed,
        faults,
        preset=loaded.preset,
    )
    place = paths.workspace() / "reports" / "ablations" / "metrics" / f"{name}.json"
    write_summary(place, summary)
    left_out.note_damaged(loaded.preset, "networks-score", name, videos, faults)
    left_out.refuse_faults(faults, allowed=evaluation.allow_missing)


if __name__ == "__main__":
    main()
