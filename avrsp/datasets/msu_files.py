"""Where the files of AViMoS, NTIRE 2026 and CrowdSAL lie below the raw folder.

AViMoS and NTIRE 2026: `Videos/**/<name>.mp4`, `SaliencyTrain/**/<name>.mp4`,
`FixationsTrain/**/<name>/fixations.json`, likewise `Test`, each as an archive or unpacked. Of which
part a video is says `TrainTestSplit.json`, whose names may end in `.mp4`. CrowdSAL has single files
in `Train` and `Test`: `Videos/0001.mp4`, `Saliency/0001.mp4`, `Fixations/0001.json`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avrsp.datasets.dataset_registry import NAME
from avrsp.errors import RawDataError

PARTS: Final = ("Videos", "SaliencyTrain", "SaliencyTest", "FixationsTrain", "FixationsTest")
SPLIT: Final = "TrainTestSplit.json"
META: Final = (SPLIT, "VideoInfo.json", "Train/metadata.jsonl", "Test/metadata.jsonl")
POINTS: Final = "fixations.json"
SINGLE: Final = "crowdsal"
"""The set of single files; the others come in archives."""

SECOND_VERSION: Final = "3f92459a7d95f03881f2d9a29b118e9379191add0b67766b6dfebe903ac4d598"
"""SHA-256 of NTIRE's FixationsTrain.zip since it was replaced."""

DEPTH: Final = 3
"""So many folders may lie between a part and its files."""


@dataclass(frozen=True, slots=True)
class VideoFiles:
    """The files of one video.

    Attributes:
        part: `train`, `test`, `public_test` or `private_test`.
        video: The video with its sound.
        maps: The video of its density maps.
        points: Its fixations, as JSON.
    """

    part: str
    video: Path
    maps: Path
    points: Path


def parts(key: str) -> tuple[str, ...]:
    """Return the folders that a set consists of."""
    if key != SINGLE:
        return PARTS
    kinds = ("Videos", "Saliency", "Fixations")
    return tuple(f"{part}/{kind}" for part in ("Train", "Test") for kind in kinds)


def index(key: str, root: Path) -> dict[str, VideoFiles]:
    """Return the files of each video of which all three are there, by name, sorted."""
    find = _in_single_files if key == SINGLE else _in_archives
    found = find(root)
    odd = sorted(name for name in found if not re.fullmatch(NAME, name))
    for name in odd:
        sys.stderr.write(f"{key}: {name!r} is left out: expected a name of letters and digits\n")
        del found[name]
    return dict(sorted(found.items()))


def _in_archives(root: Path) -> dict[str, VideoFiles]:
    split = {name: part for part, names in read_split(root).items() for name in names}
    found = {}
    videos = {path.stem: path for path in _videos(root / "Videos")}
    for part in ("Train", "Test"):
        maps = {path.stem: path for path in _videos(root / f"Saliency{part}")}
        for points in _points(root / f"Fixations{part}", DEPTH):
            name = points.parent.name
            if name in videos and name in maps:
                role = split.get(name, "" if split else part.lower())
                if role:
                    found[name] = VideoFiles(role, videos[name], maps[name], points)
    return found


def _in_single_files(root: Path) -> dict[str, VideoFiles]:
    found = {}
    for part in ("Train", "Test"):
        maps = {path.stem: path for path in _videos(root / part / "Saliency")}
        points = {path.stem: path for path in _files(root / part / "Fixations", "json")}
        for video in _videos(root / part / "Videos"):
            name = video.stem
            if name in maps and name in points:
                found[name] = VideoFiles(part.lower(), video, maps[name], points[name])
    return found


def read_split(root: Path) -> dict[str, list[str]]:
    """Return the names of `TrainTestSplit.json` by part, without `.mp4`; empty where it is absent.

    Raises:
        RawDataError: It is damaged.
    """
    path = root / SPLIT
    if not path.exists():
        return {}
    found = read_json(path)
    if not isinstance(found, dict) or not all(isinstance(each, list) for each in found.values()):
        raise RawDataError(f"{path}: expected an object with a list of names for each part")
    return {
        str(part): [str(name).removesuffix(".mp4") for name in names]
        for part, names in found.items()
    }


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return what a JSON file holds.

    Raises:
        RawDataError: It is missing or damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RawDataError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:
        raise RawDataError(f"{path}: not JSON ({error}); fetch it again") from None


def _videos(top: Path) -> list[Path]:
    return _files(top, "mp4")


def _files(top: Path, suffix: str, depth: int = DEPTH) -> list[Path]:
    """Return the files of one kind at most `depth` folders below `top`, sorted."""
    if not top.is_dir():
        return []
    entries = sorted(each for each in top.iterdir() if not each.name.startswith("."))
    found = [each for each in entries if each.suffix.lower() == f".{suffix}" and each.is_file()]
    if depth:
        for each in entries:
            if each.is_dir():
                found += _files(each, suffix, depth - 1)
    return found


def _points(top: Path, depth: int) -> Iterator[Path]:
    """Yield the `fixations.json`; a folder that holds one is not searched, for it holds images."""
    if not top.is_dir():
        return
    for each in sorted(top.iterdir()):
        if (each / POINTS).is_file():
            yield each / POINTS
        elif depth and each.is_dir():
            yield from _points(each, depth - 1)
