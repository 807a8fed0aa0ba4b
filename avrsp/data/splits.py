"""Defects of the splits: what a reader of a table should know about who was tested how often.

A dataset with several splits should test every video in just one of them, and no split should
train on what it tests. The published lists do not all keep to that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Roles: TypeAlias = Mapping[str, Mapping[str, str]]
"""For each video its role in each split, "1" to "3"."""

LISTED = ("train", "test")


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with the splits of a dataset.

    Attributes:
        dataset: Key in `datasets.DATASETS`.
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
        folder: Holds `<name>_list_{train,test}_{1,2,3}_fps.txt`, or lists without a number that
            count for every split. Where there is none, nothing is found.
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
