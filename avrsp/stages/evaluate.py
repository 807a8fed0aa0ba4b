"""Score a split's test videos (stages `evaluate`, and `references`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from avrsp import forkserver

if __name__ == "__main__":  # its workers' process imports what follows while this one does
    forkserver.head_start("avrsp.evaluate.run", "avrsp.metrics.loops")

import pandas as pd

from avrsp import params, paths
from avrsp.errors import StoreError, exits_cleanly
from avrsp.evaluate.averages import summarise
from avrsp.evaluate.references import REFERENCES
from avrsp.evaluate.run import (
    evaluate_references,
    evaluate_run,
    write_no_rows,
)
from avrsp.evaluate.score_table import read_methods
from avrsp.evaluate.summary import VIEWERS, Summary, no_scores, write_summary
from avrsp.params import Params, split_name
from avrsp.params.runs import KINDS, run_name
from avrsp.progress import timed
from avrsp.stages import absent, left_out, videos
from avrsp.stages.left_out import Step
from avrsp.stages.places import data_of, reports_of


@exits_cleanly
@timed
def main() -> None:
    """Write `scores/<what>-split<N>.parquet` and `metrics/<method>-split<N>.json`.

    The main pipeline's lie in `data` and `reports`, those of a compared method in its folders.

    Raises:
        StoreError: There are no maps of that network.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.evaluate")
    parser.add_argument("what", help="v, av, references, or a compared method")
    parser.add_argument("--split", type=split_name, required=True)
    wanted = parser.parse_args()
    what, split = wanted.what, wanted.split
    loaded = params.load(paths.params_file())
    tested, stores = videos.read(videos.of_split(videos.TEST, split), loaded)
    learnt, _ = videos.read(videos.of_split(videos.LEARN, split), loaded)
    test = tested.videos(loaded.audio_visual_sets, split, "test")
    training = learnt.videos(loaded.audio_visual_sets, split, "train")
    run, protocol = run_name(what, split), loaded.evaluation.protocol
    out, reports = data_of(what) / "scores" / f"{run}.parquet", reports_of(what) / "metrics"
    if what == "references":
        faults, remarks = evaluate_references(
            stores, test, training, split=split, out=out, seed=loaded.seed, names=(protocol,)
        )
    else:
        maps = data_of(what) / "maps" / run
        if not maps.is_dir():
            raise StoreError(f"{maps}: no maps of {what!r}; predict them first")
        why = absent.reason(maps)
        if why:
            write_no_rows(out)
            write_summary(reports / f"{run}.json", no_scores(protocol, loaded.preset))
            return
        faults, remarks = evaluate_run(
            maps,
            stores,
            test,
            training,
            method=what,
            split=split,
            out=out,
            seed=loaded.seed,
            names=(protocol,),
        )
    for line in faults + remarks:
        sys.stderr.write(f"avrsp: {line}\n")
    rows = read_methods([out])
    for method in (*REFERENCES, *VIEWERS) if what == "references" else [what]:
        summary = summary_of(rows.get(method), loaded, faults)
        write_summary(reports / f"{run_name(method.replace(' ', '-'), split)}.json", summary)
    left_out.note_damaged(loaded.preset, step_of(what), run, test, faults)
    left_out.refuse_faults(faults, allowed=loaded.evaluation.allow_missing)


def summary_of(rows: pd.DataFrame | None, loaded: Params, faults: Sequence[str]) -> Summary:
    """Average a method's rows; of a method without rows there are no scores."""
    protocol = loaded.evaluation.protocol
    if rows is None:
        return no_scores(protocol, loaded.preset)
    resamples = loaded.evaluation.resamples
    return summarise(rows, protocol, resamples, loaded.seed, faults, preset=loaded.preset)


def step_of(what: str) -> Step:
    """Return by what name DVC is told which videos a scoring left out."""
    if what == "references":
        return "references"
    return "evaluate" if what in KINDS else "compared-score"


if __name__ == "__main__":
    main()
