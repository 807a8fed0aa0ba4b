"""Predict the test videos of a split (DVC stage `predict`)."""

from __future__ import annotations

import argparse

from avrsp import params, paths
from avrsp.errors import exits_cleanly
from avrsp.params import split_name
from avrsp.params.runs import KINDS, run_name
from avrsp.prediction.testset import write_test_maps
from avrsp.progress import timed
from avrsp.stages import absent
from avrsp.stages.stores import converted


@exits_cleanly
@timed
def main() -> None:
    """Write `data/maps/{v,av}-split<N>/<dataset>/<video>.zarr.zip`."""
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.predict")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--split", type=split_name, required=True)
    wanted = parser.parse_args()
    loaded = params.load(paths.params_file())
    manifest, stores = converted(loaded)
    run = run_name(wanted.kind, wanted.split)
    model, maps = (paths.workspace() / "data" / each / run for each in ("models", "maps"))
    why = absent.reason(model)
    if why:
        absent.write(why, [maps])
        return
    write_test_maps(
        model,
        stores,
        manifest.videos(loaded.audio_visual_sets, wanted.split, "test"),
        loaded.active.compute,
        maps,
    )


if __name__ == "__main__":
    main()
