"""Score one fusion in the workspace of a seed, on its test videos with several sounds."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from avrsp import params, paths
from avrsp.errors import exits_cleanly
from avrsp.evaluate.score_table import write_frames
from avrsp.params import FUSIONS
from avrsp.progress import timed
from avrsp.reliance.analysis import Listening, Rules, listen_to
from avrsp.reliance.sounds import SoundName
from avrsp.reliance.truth import Split, read_truths
from avrsp.stages import left_out
from avrsp.stages import videos as lists
from avrsp.stages.seed_workspace import SPLIT

SHOWN: Final[tuple[SoundName, ...]] = ("true", "other", "silence")


@exits_cleanly
@timed
def main() -> None:
    """Write `../scores/<fusion>-<seed>.parquet`.

    Raises:
        StoreError: A store is missing, or a video could not be shown and that is not allowed.
        WeightsError: The model is missing or damaged.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.fusion_score")
    parser.add_argument("fusion", choices=FUSIONS)
    fusion = parser.parse_args().fusion
    loaded, here = params.load(paths.params_file()), paths.workspace()
    datasets = sorted(loaded.audio_visual_sets)
    listed, stores = lists.read(lists.of_split(lists.TEST, SPLIT), loaded)
    videos = listed.videos(datasets, SPLIT, "test")
    keys = [(video.dataset, video.video) for video in videos]
    world = paths.current().raw(loaded.preset) / "world"
    split = Split(SPLIT, videos, read_truths(world, datasets, keys))
    model = here / "data" / "models" / fusion / fusion
    evaluation = loaded.evaluation
    rules = Rules(evaluation.protocol, evaluation.resamples, loaded.seed, loaded.fusions.frames)
    shown = Listening(model, loaded.active.compute, stores, rules, names=SHOWN)
    rows, faults = listen_to(shown, split)
    for fault in faults:
        sys.stderr.write(f"avrsp: {fault}\n")
    out = here.parent / "scores" / f"{fusion}-{loaded.seed}.parquet"
    write_frames(out, rows.assign(fusion=fusion, seed=loaded.seed), by=("dataset", "video"))
    left_out.refuse_faults(faults, allowed=evaluation.allow_missing)


if __name__ == "__main__":
    main()
