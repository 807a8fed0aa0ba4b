"""Score a split's test videos (DVC stages `evaluate` and `references`)."""

from __future__ import annotations

import argparse
import sys

from avrsp import params, paths
from avrsp.errors import exits_cleanly
from avrsp.evaluate.averages import summarise
from avrsp.evaluate.references import REFERENCES
from avrsp.evaluate.run import (
    evaluate_references,
    evaluate_run,
    read_rows,
    refuse_faults,
    write_no_rows,
)
from avrsp.evaluate.summary import no_scores, write_summary
from avrsp.params import split_name
from avrsp.params.runs import KINDS, run_name
from avrsp.progress import timed
from avrsp.stages import absent
from avrsp.stages.stores import converted


@exits_cleanly
@timed
def main() -> None:
    """Write `data/scores/<what>-split<N>.parquet` and `reports/metrics/<method>-split<N>.json`."""
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.evaluate")
    parser.add_argument("what", choices=[*KINDS, "references"])
    parser.add_argument("--split", type=split_name, required=True)
    wanted = parser.parse_args()
    what, split = wanted.what, wanted.split
    loaded = params.load(paths.params_file())
    manifest, stores = converted(loaded)
    test = manifest.videos(loaded.audio_visual_sets, split, "test")
    run, protocol = run_name(what, split), loaded.evaluation.protocol
    out = paths.workspace() / "data" / "scores" / f"{run}.parquet"
    training = manifest.videos(loaded.audio_visual_sets, split, "train")
    if what == "references":
        faults, remarks = evaluate_references(
            stores, test, training, split=split, out=out, seed=loaded.seed, names=(protocol,)
        )
    else:
        maps = paths.workspace() / "data" / "maps" / run
        why = absent.reason(maps)
        if why:
            write_no_rows(out)
            place = paths.workspace() / "reports" / "metrics" / f"{run}.json"
            write_summary(place, no_scores(protocol, loaded.preset))
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
    for method in REFERENCES if what == "references" else [what]:
        rows = (part for part in read_rows(out) if part["method"].iat[0] == method)
        summary = summarise(
            rows,
            protocol,
            loaded.evaluation.resamples,
            loaded.seed,
            faults,
            preset=loaded.preset,
        )
        name = f"{method.replace(' ', '-')}-split{split}.json"
        write_summary(paths.workspace() / "reports" / "metrics" / name, summary)
    refuse_faults(faults, allowed=loaded.evaluation.allow_missing)


if __name__ == "__main__":
    main()
