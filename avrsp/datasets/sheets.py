"""The datasets' sheets: which videos there are, how long, how fast, and their role in each split.

Preset `paper` reads `data/sheets/<dataset>.tsv`, or asks the entry of a dataset that lists its own
videos; what preset `sample` generates says itself what it will hold. A validation part is carved
out of every training list here, by video; test lists are never touched, and a dataset that has a
validation list of its own keeps it.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import ValidationError

from avrsp.datasets.dataset_registry import DatasetSpec, ListedVideo, names, spec
from avrsp.errors import ParamsError
from avrsp.params import Params
from avrsp.store.manifest import EVERY_SPLIT, Role

SPELLINGS: Final = {"": "none", "val": "validation"}
"""How sheets write roles, where it is not as here; an empty cell: the split leaves it out."""


def read_sheet(path: Path, splits: Sequence[str]) -> list[ListedVideo]:
    """Read a sheet: columns video, frames, fps, and split<name> of each split, or split for all.

    Raises:
        ParamsError: No such file, a column is missing, a value wrong, or a video listed twice.
    """
    if not path.exists():
        raise ParamsError(f"{path}: no such sheet; expected a line for each video of the dataset")
    try:
        lines = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter="\t")
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 ({error.reason}); save the sheet as UTF-8") from None
    try:
        rows = [_listed_video(line, splits) for line in lines]
    except KeyError as error:
        raise ParamsError(
            f"{path}: line {lines.line_num}: no column {error}; expected {_columns(splits)}"
        ) from None
    except (csv.Error, ValidationError) as error:
        raise ParamsError(
            f"{path}: line {lines.line_num}: {' '.join(str(error).split())}"
        ) from None
    twice = sorted(
        video for video, times in Counter(row.video for row in rows).items() if times > 1
    )
    if twice or not rows:
        raise ParamsError(f"{path}: {f'listed twice: {twice}' if twice else 'no video'}")
    return rows


def prepared(
    dataset: str, rows: Iterable[ListedVideo], validation_fraction: float
) -> list[ListedVideo]:
    """Return the videos to convert, sorted by name, with a validation part in each split."""
    converted = spec(dataset).converted
    kept = sorted(
        (row for row in rows if converted.intersection(row.roles.values())),
        key=lambda row: row.video,
    )
    if any(role == "validation" for row in kept for role in row.roles.values()):
        return kept
    chosen = {
        split: _validation(dataset, kept, split, validation_fraction)
        for split in sorted({split for row in kept for split in row.roles})
    }
    return [row.model_copy(update={"roles": _with_validation(row, chosen)}) for row in kept]


def folder(workspace: Path, named: str | None) -> Path:
    """Return the folder of preset `paper`'s sheets: one that params.yaml names, or data/sheets."""
    return workspace / (named or "data/sheets")


def published(
    folder: Path, dataset: str, validation_fraction: float, raw: Path
) -> list[ListedVideo]:
    """Return the videos to convert of a dataset of preset `paper`.

    Args:
        folder: Holds the sheet `<dataset>.tsv`, unless the dataset's entry lists its videos.
        dataset: Its key.
        validation_fraction: Of each training list, which is carved out for validation.
        raw: The raw folder, by which some datasets list their videos.

    Raises:
        ParamsError: There is no such dataset or sheet, or the sheet is wrong.
    """
    return prepared(dataset, _listed_by(spec(dataset), folder, raw), validation_fraction)


def datasets_of(loaded: Params, workspace: Path) -> tuple[str, ...]:
    """Return the datasets that are converted, sorted by key.

    In preset `sample` these are all that it generates. In preset `paper` they are those that the
    parameters name and, where an audio-visual set of these has a sheet, all that have one: leaving
    one of the paper's sets out repeats no pretraining, and who has other sets is not made to
    download the paper's.
    """
    if loaded.preset == "sample":
        return tuple(sorted(loaded.world.datasets))
    used = {loaded.pretraining_set, *loaded.audio_visual_sets, *loaded.recordings}
    place = folder(workspace, loaded.data.sheets)
    sheeted = {key for key in names() if (place / f"{key}.tsv").exists()}
    found = used | sheeted if sheeted & {*loaded.audio_visual_sets} else used
    return tuple(key for key in names() if key in found)


def _listed_by(dataset: DatasetSpec, folder: Path, raw: Path) -> Sequence[ListedVideo]:
    if dataset.list_videos is not None:
        return dataset.list_videos(raw)
    return read_sheet(folder / f"{dataset.key}.tsv", dataset.splits)


def _validation(dataset: str, rows: Sequence[ListedVideo], split: str, fraction: float) -> set[str]:
    """Choose that fraction of a training list, at least one video if it has two, by hash."""
    training = [row.video for row in rows if row.roles.get(split) == "train"]
    training.sort(key=lambda video: hashlib.sha256(f"{dataset}/{video}".encode()).digest())
    wanted = max(round(fraction * len(training)), 1) if len(training) > 1 else 0
    return set(training[:wanted])


def _with_validation(row: ListedVideo, chosen: Mapping[str, set[str]]) -> dict[str, Role]:
    return row.roles | {split: "validation" for split in row.roles if row.video in chosen[split]}


def _listed_video(line: Mapping[str, str], splits: Sequence[str]) -> ListedVideo:
    given = {name: line["split"] if "split" in line else line[f"split{name}"] for name in splits}
    roles = {split: SPELLINGS.get(role, role) for split, role in given.items()}
    return ListedVideo.model_validate(
        {"video": line["video"], "frames": line["frames"], "fps": line["fps"], "roles": roles}
    )


def _columns(splits: Sequence[str]) -> str:
    several = ", ".join(f"split{name}" for name in splits if name != EVERY_SPLIT)
    return f"video, frames, fps, and {f'{several}, or ' if several else ''}split"


Roles: TypeAlias = Mapping[str, Mapping[str, str]]
"""For each video its role in each split."""

LISTED = ("train", "test")


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with the splits of a dataset.

    Attributes:
        dataset: Its key in the registry.
        what: In a few words.
        videos: That it concerns, sorted.
    """

    dataset: str
    what: str
    videos: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.dataset}: {len(self.videos)} {self.what}: {', '.join(self.videos)}"


def defects(dataset: str, roles: Roles) -> list[Defect]:
    """Return the defects of a dataset's splits; one whose splits are all the same has one split."""
    if all(len(set(each.values())) == 1 for each in roles.values()):
        return []
    tests = {video: list(each.values()).count("test") for video, each in roles.items()}
    found = {
        "tested in more than one split": [video for video in roles if tests[video] > 1],
        "never tested": [video for video in roles if not tests[video]],
        "absent from a split": [video for video in roles if "none" in roles[video].values()],
    }
    return _defects(dataset, found)


def list_defects(dataset: str, folder: Path, name: str, roles: Roles) -> list[Defect]:
    """Return the defects of a dataset's published lists, and where the sheet says otherwise.

    Args:
        dataset: Its key.
        folder: Holds `<name>_list_{train,test}_<split>_fps.txt`, or lists without a split's name
            that count for every split. Where there is none, nothing is found.
        name: The dataset's in the lists' names.
        roles: The sheet's.
    """
    found: dict[str, list[str]] = {}
    for split in sorted({split for each in roles.values() for split in each}):
        lists = {role: _read(folder, name, role, split) for role in LISTED}
        train, test = lists["train"], lists["test"]
        if train is None or test is None:
            continue
        found[f"both trained on and tested in split {split}"] = [*{*train} & {*test}]
        twice = Counter(train) + Counter(test)
        found[f"listed twice in split {split}"] = [
            video for video, times in twice.items() if times > 1 and video not in {*train} & {*test}
        ]
        found[f"otherwise in the published lists of split {split} than in the sheet"] = [
            video
            for video in {*roles, *train, *test}
            if _listed(roles.get(video, {}).get(split, "none")) != _role(video, train, test)
        ]
    return _defects(dataset, found)


def _defects(dataset: str, found: Mapping[str, list[str]]) -> list[Defect]:
    return [
        Defect(dataset, what, tuple(sorted(videos))) for what, videos in found.items() if videos
    ]


def _read(folder: Path, name: str, role: str, split: str) -> list[str] | None:
    """Return the videos of a list, whose lines hold a name, frames and a rate; blanks vary."""
    for number in (f"_{split}", ""):
        path = folder / f"{name}_list_{role}{number}_fps.txt"
        if path.is_file():
            return list(_names(path))
    return None


def _names(path: Path) -> Iterator[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return (words[0] for line in lines if (words := line.split()))


def _listed(role: str) -> str:
    """Return a role as the lists have it: their training part includes what validates here."""
    return "train" if role == "validation" else role


def _role(video: str, train: list[str], test: list[str]) -> str:
    return "test" if video in test else "train" if video in train else "none"
