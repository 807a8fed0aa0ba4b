"""The registry of datasets: an entry says everything about its dataset, and is found by its key.

The entries of this package register themselves where their raw layout is read, one module a family;
a module that is added here is found without being listed. Whoever has another dataset calls
`register` with an entry of their own.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from avrsp.datasets.raw import RawVideo
from avrsp.errors import ParamsError
from avrsp.params import Params
from avrsp.store.manifest import EVERY_SPLIT, Role

NO_LICENCE: Final = "none stated; ask the authors"

ALL_ROLES: Final = frozenset({"train", "validation", "test", "none"})

KEY: Final = r"[a-z][a-z0-9_]*"
"""What a dataset may be called: its key becomes a folder's name and a part of columns' names."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What is downloaded and unpacked to one folder.

    Attributes:
        folder: Where it lies, unpacked, below the raw folder.
        name: Its path on a mirror and below `data/raw/incoming`, without a suffix.
        entry: What it holds for each video, with `{video}` for the video's name.
        mirrors: Addresses of the archive, tried in order; none where it takes a browser.
        pages: Where a person finds it.
        sha256: Of the archive, where its page shows it.
    """

    folder: str
    name: str
    entry: str
    mirrors: tuple[str, ...]
    pages: tuple[str, ...]
    sha256: str = ""

    def addresses(self, bases: Iterable[str] | None) -> tuple[str, ...]:
        """Return where to ask: below `bases` instead of its own mirrors where they are given."""
        if bases is None or not self.mirrors:
            return self.mirrors
        return tuple(f"{base.rstrip('/')}/{self.name}.tar.gz" for base in bases)


NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
"""What a video may be called: it becomes a file's name."""


class ListedVideo(BaseModel):
    """A video as a sheet lists it.

    Attributes:
        video: Its name, unique in the dataset.
        frames: How many frames it has.
        fps: Frames a second.
        roles: Role in each split, by the split's name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    video: Annotated[str, Field(pattern=f"^{NAME}$")]
    frames: Annotated[int, Field(gt=0)]
    fps: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    roles: dict[str, Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """All that the package knows of a dataset.

    Attributes:
        key: Its name in params.yaml, in paths and in tables' columns.
        title: Its name as people write it.
        reader: Opens a video: raw folder, `folder`, the video's name in the sheet.
        folder: Its folder's name in the raw layout.
        archives: What to download.
        citation: Authors, title, place, year.
        licence: Of the data.
        source: Where its authors publish it.
        viewers_heard_sound: Whether they did; where not, stores hold no sound.
        gaze: How gaze was recorded.
        splits: Names of the splits of its videos; `EVERY_SPLIT` alone where it is divided once.
        protocol: Key of the evaluation protocol of its authors, or of those who divided it.
        converted: Roles whose videos are converted, because they have annotations.
        quirks: What is odd about it, a clause each.
        list_videos: Lists its videos from the raw folder, where no sheet below data/sheets does.
        side_files: Single files beside the archives.
        repository: Its id on the Hugging Face hub; empty where it is not there.
        prepare: Counts what lies below the raw folder, for `list_videos`; only datasets without a
            sheet have it. RawDataError where nothing of it is there.
        stamp: Changes when `prepare` must run again.
        credit: Returns licence and source of one video below the raw folder.
    """

    key: str
    title: str
    reader: Callable[[Path, str, str], RawVideo]
    folder: str
    archives: tuple[Archive, ...]
    citation: str
    licence: str
    source: str
    viewers_heard_sound: bool
    gaze: Literal["eye tracker", "mouse"]
    splits: tuple[str, ...]
    protocol: str
    converted: frozenset[str] = ALL_ROLES
    quirks: tuple[str, ...] = ()
    list_videos: Callable[[Path], Sequence[ListedVideo]] | None = None
    side_files: tuple[str, ...] = ()
    repository: str = ""
    prepare: Callable[[Path], None] | None = None
    stamp: Callable[[Path], str] | None = None
    credit: Callable[[Path, str], str] | None = None

    def video(self, raw: Path, name: str) -> RawVideo:
        """Return one of its videos below the raw folder."""
        return self.reader(raw, self.folder, name)

    def has_split(self, split: int | str) -> bool:
        """Return whether its videos have roles in `split`."""
        return EVERY_SPLIT in self.splits or str(split) in self.splits


_registered: dict[str, DatasetSpec] = {}
_of_params: dict[str, DatasetSpec] = {}
_families: list[Callable[[Params, Path], Iterable[DatasetSpec]]] = []


def register(entry: DatasetSpec) -> DatasetSpec:
    """Add a dataset to the registry and return it.

    Raises:
        ParamsError: Its key is not a key, or is taken.
    """
    _check_key(entry.key)
    _registered[entry.key] = entry
    return entry


def _check_key(key: str) -> None:
    if not re.fullmatch(KEY, key):
        raise ParamsError(
            f"{key!r}: not a dataset's key; expected a lower-case letter, then such letters, "
            "digits or _"
        )
    if key in _registered:
        raise ParamsError(f"{key}: there is a dataset of this key already; choose another")


def register_family(entries: Callable[[Params, Path], Iterable[DatasetSpec]]) -> None:
    """Add what makes entries of the parameters, such as a folder of recordings that they name."""
    _families.append(entries)


def register_named(loaded: Params, root: Path) -> None:
    """Make the datasets known that the parameters name by a place; those named before are dropped.

    Relative places are below `root`.

    Raises:
        ParamsError: One cannot be read, or its key is not a key, or is taken.
    """
    _register_built_in()
    _of_params.clear()
    for entry in (entry for family in _families for entry in family(loaded, root)):
        _check_key(entry.key)
        _of_params[entry.key] = entry


def names() -> tuple[str, ...]:
    """Return the keys of all datasets, sorted."""
    _register_built_in()
    return tuple(sorted({*_registered, *_of_params}))


def spec(key: str) -> DatasetSpec:
    """Return a dataset's entry.

    Raises:
        ParamsError: There is no such dataset; the message names those there are.
    """
    _register_built_in()
    if key in _of_params:
        return _of_params[key]
    if key not in _registered:
        raise ParamsError(f"{key}: no such dataset; expected one of {', '.join(names())}")
    return _registered[key]


def title(key: str, preset: str) -> str:
    """Return what a dataset is called where it is shown.

    What preset `sample` generates in a dataset's layout is never called by its bare name.
    """
    name = spec(key).title if key in names() else key
    return f"{name} (generated)" if preset == "sample" else name


def check_params(loaded: Params, root: Path) -> None:
    """Make the datasets known that the parameters name, and make sure that all of them exist.

    Relative places of recordings are below `root`.

    Raises:
        ParamsError: One does not; the message names those there are.
    """
    register_named(loaded, root)
    for name, keys in (
        ("pretraining_set", [loaded.pretraining_set]),
        ("audio_visual_sets", loaded.audio_visual_sets),
    ):
        there = loaded.world.datasets if loaded.preset == "sample" else names()
        for key in keys:
            if key not in there:
                where = "that preset sample generates" if loaded.preset == "sample" else "known"
                raise ParamsError(
                    f"params.yaml: {name}: found {key!r}, expected one {where}: {', '.join(there)}"
                )
    for key in loaded.audio_visual_sets:
        entry = spec(key)
        for split in loaded.splits:
            if not entry.has_split(split):
                raise ParamsError(
                    f"params.yaml: splits: found {split!r}, expected one that {key} has: "
                    f"{', '.join(entry.splits)}"
                )


@cache
def _register_built_in() -> None:
    """Import the modules of this package: those that read a raw layout register its datasets."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg:
            importlib.import_module(f"{__package__}.{module.name}")
