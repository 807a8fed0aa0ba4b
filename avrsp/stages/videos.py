"""List the videos that later stages read (DVC stages `videos` and `videos-pretrain`).

A stage depends on such a list instead of the whole manifest, so that a video that changed repeats
only what reads it: a test video of one dataset no training, and no pretraining on another.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from avrsp import params, paths
from avrsp.errors import StoreError, exits_cleanly
from avrsp.params import Params, split_name
from avrsp.params.ablations import ABLATIONS
from avrsp.params.ablations import DATASETS as ABLATION_SETS
from avrsp.params.ablations import SPLIT as ABLATION_SPLIT
from avrsp.params.runs import PRETRAINING
from avrsp.stages.stores import checked
from avrsp.store.manifest import Manifest, Role, read_manifest, write_record

PRETRAINING_SPLIT: Final = 1
"""The pretraining set has the same roles in every split."""

LEARN: Final = "learn"
TEST: Final = "test"
ROLES: Final[dict[str, tuple[Role, ...]]] = {LEARN: ("train", "validation"), TEST: ("test",)}
"""Lists of videos, and the roles of those in them."""


@exits_cleanly
def main() -> None:
    """Write the lists of a run: `data/videos/<list>.json`.

    Raises:
        StoreError: The manifest is missing, or a dataset that is to be read is absent.
    """
    parser = argparse.ArgumentParser(prog="python -m avrsp.stages.videos")
    runs = parser.add_subparsers(dest="run", required=True)
    runs.add_parser(PRETRAINING, help="of the pretraining set")
    ablation = runs.add_parser("ablation", help="of a network of Tables III to V")
    ablation.add_argument("name", choices=ABLATIONS)
    split = runs.add_parser("split", help="of the audio-visual sets")
    split.add_argument("split", type=split_name, help="a name in `splits` of params.yaml")
    wanted = parser.parse_args()
    here, loaded = paths.current(), params.load(paths.params_file())
    manifest = read_manifest(here.manifest(loaded.preset))
    if wanted.run == PRETRAINING:
        write(manifest, [loaded.pretraining_set], PRETRAINING_SPLIT, {LEARN: pretraining()})
    elif wanted.run == "ablation":
        places = {kind: of_ablation(kind, wanted.name) for kind in ROLES}
        write(manifest, ABLATION_SETS, ABLATION_SPLIT, places)
    else:
        places = {kind: of_split(kind, wanted.split) for kind in ROLES}
        write(manifest, loaded.audio_visual_sets, wanted.split, places)


def write(
    manifest: Manifest, datasets: Iterable[str], split: int | str, places: Mapping[str, Path]
) -> None:
    """Write the lists of some datasets in a split to `places`, by `LEARN` and `TEST`.

    Raises:
        StoreError: A dataset is absent.
    """
    for kind, place in places.items():
        write_record(place, manifest.only([*datasets], split, ROLES[kind]))


def pretraining() -> Path:
    """Return the list of what pretraining learns from and is judged by."""
    return _folder() / f"{PRETRAINING}.json"


def of_split(kind: str, split: int | str) -> Path:
    """Return a list of the audio-visual sets: `LEARN` or `TEST`."""
    return _folder() / f"{kind}-split{split}.json"


def of_ablation(kind: str, name: str) -> Path:
    """Return a list of a network of Tables III to V: `LEARN` or `TEST`."""
    return paths.workspace() / "data" / "ablations" / "videos" / f"{kind}-{name}.json"


def read(place: Path, loaded: Params) -> tuple[Manifest, Path]:
    """Return a list and the folder of its stores, each of which is there and the listed one.

    Raises:
        StoreError: The list is missing or damaged, or a store is.
        RemoteError: The object storage does not answer.
    """
    if not place.exists():
        raise StoreError(f"{place}: no such list of videos; run: dvc repro")
    listed = read_manifest(place)
    return listed, checked(listed, loaded)


def _folder() -> Path:
    return paths.workspace() / "data" / "videos"


if __name__ == "__main__":
    main()
