"""Predict the test videos of a split (DVC stages `predict-v` and `predict-av`)."""

from __future__ import annotations

import argparse

from avrsp import params, paths
from avrsp.errors import exits_cleanly
from avrsp.params import split_name
from avrsp.prediction.testset import write_test_maps
from avrsp.progress import timed
from avrsp.store.manifest import check_stores, read_manifest


@exits_cleanly
@timed
def main() -> None:
    """Write `data/maps/{v,av}-split<N>/<dataset>/<video>.zarr.zip`."""
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.predict")
    parser.add_argument("kind", choices=["v", "av"])
    parser.add_argument("--split", type=split_name, required=True)
    wanted = parser.parse_args()
    loaded = params.load()
    manifest, stores = read_manifest(paths.manifest(loaded.preset)), paths.stores(loaded.preset)
    check_stores(manifest, stores)
    run = f"{wanted.kind}-split{wanted.split}"
    write_test_maps(
        paths.workspace() / "data" / "models" / run,
        stores,
        manifest.videos(loaded.audio_visual_sets, wanted.split, "test"),
        loaded.active.compute,
        paths.workspace() / "data" / "maps" / run,
    )


if __name__ == "__main__":
    main()
