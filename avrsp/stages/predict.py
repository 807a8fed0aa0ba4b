"""Predict the test videos of a split (stages `predict`)."""

from __future__ import annotations

import argparse
from pathlib import Path

from avrsp import forkserver

if __name__ == "__main__":  # its workers' process imports what follows while this one does
    forkserver.head_start("avrsp.prediction.testset", "avrsp.stages.networks")

from avrsp import params, paths
from avrsp.errors import ParamsError, exits_cleanly
from avrsp.models.saved import CONFIG
from avrsp.params import split_name
from avrsp.params.runs import KINDS, run_name
from avrsp.prediction.testset import write_test_maps
from avrsp.progress import timed
from avrsp.stages import absent, videos
from avrsp.stages.networks import networks
from avrsp.stages.places import data_of


@exits_cleanly
@timed
def main() -> None:
    """Write `maps/<network>-split<N>/<dataset>/<video>.zarr.zip` beside the network's `models`.

    Of imported weights, a folder in `data/models`, into `data/others/maps/<that folder>`.

    Raises:
        ParamsError: There is no such network.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.predict")
    parser.add_argument("network", help="v, av, a compared method, or a folder in data/models")
    parser.add_argument("--split", type=split_name, required=True)
    wanted = parser.parse_args()
    loaded = params.load(paths.params_file())
    listed, stores = videos.read(videos.of_split(videos.TEST, wanted.split), loaded)
    model, maps = folders(wanted.network, wanted.split)
    why = absent.reason(model)
    if why:
        absent.write(why, [maps])
        return
    write_test_maps(
        model,
        stores,
        listed.videos(loaded.audio_visual_sets, wanted.split, "test"),
        loaded.active.compute,
        maps,
    )


def folders(network: str, split: int | str) -> tuple[Path, Path]:
    """Return where a network lies and where its maps go.

    Raises:
        ParamsError: There is no such network.
    """
    data = data_of(network)
    if network in {*KINDS, *networks()}:
        run = run_name(network, split)
        return data / "models" / run, data / "maps" / run
    imported = paths.workspace() / "data" / "models" / network
    if not (imported / CONFIG).is_file():
        raise ParamsError(
            f"no network {network!r}; expected {', '.join((*KINDS, *networks()))}, or the name of "
            "a folder in data/models that avrsp import-weights made"
        )
    return imported, paths.workspace() / "data" / "others" / "maps" / network


if __name__ == "__main__":
    main()
