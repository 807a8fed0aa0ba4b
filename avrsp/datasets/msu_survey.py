"""What is there of AViMoS, NTIRE 2026 or CrowdSAL: counts of each video, kept in a list.

The sets publish no frame counts, so the list is made from the files. A video whose files are as
they were is not read again. What is only known from real files is said in a line for each check.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from avrsp import files, progress
from avrsp.datasets import msu_files
from avrsp.datasets.msu_files import VideoFiles
from avrsp.datasets.raw import fingerprint
from avrsp.errors import RawDataError
from avrsp.media.probe import Media, probe

THREADS: Final = 4
SWAPPED_SHARE: Final = 0.01
"""Share of points beyond the frame from which `[x, y]` instead of `[y, x]` is believed."""


GAP: Final = 1.5
"""Times a frame's usual duration beyond which it is a gap in the video."""


class VideoFacts(BaseModel):
    """What was counted of one video.

    Attributes:
        video: Its name.
        part: Of the set: `train`, `test`, `public_test` or `private_test`.
        stamp: Of its files; where it differs they are counted again.
        paths: Of video, maps and fixations, below the set's folder.
        frames: In the video.
        rate: Frames a second, exact, such as `30/1`.
        size: Height and width as shown.
        rotation: Degrees by which the picture is turned when shown.
        gap: Whether a frame near the beginning is shown much longer than others.
        sound: Rate, channels and when it begins; None without sound.
        maps: Frames, height and width of the video of maps.
        map_format: Codec's profile, how its pixels are stored, and their range.
        lists: Of fixations.
        empty: Lists without a fixation.
        points: In all lists.
        most: Points in a frame, at the most.
        repeats: Points that another one of the same frame equals.
        broken: Points that are no whole numbers.
        outside: Points beyond the frame.
        largest: Greatest row and column of a point inside it.
        indented: Whether the JSON of the points is spread over lines.
        fault: Why the video cannot be read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    video: str
    part: str
    stamp: str
    paths: tuple[str, str, str]
    frames: int = 1
    rate: Annotated[str, Field(pattern=r"^[1-9]\d*(/[1-9]\d*)?$")] = "30/1"
    size: tuple[int, int] = (0, 0)
    rotation: int = 0
    gap: bool = False
    sound: str | None = None
    maps: tuple[int, int, int] = (0, 0, 0)
    map_format: str = ""
    lists: int = 0
    empty: int = 0
    points: int = 0
    most: int = 0
    repeats: int = 0
    broken: int = 0
    outside: int = 0
    largest: tuple[int, int] = (0, 0)
    indented: bool = False
    fault: str = ""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(Fraction(self.rate))


FACTS: Final = TypeAdapter(list[VideoFacts])


@dataclass(frozen=True, slots=True)
class FramePoints:
    """The points of one frame: k x 2 rows and columns inside it, and what was odd about others."""

    inside: NDArray[np.int16]
    count: int
    repeats: int
    broken: int


def read_points(path: Path, size: tuple[int, int]) -> list[FramePoints]:
    """Return the fixations of each frame of height and width `size`.

    A point is `[y, x]`; one between pixels belongs to the pixel that holds it.

    Raises:
        RawDataError: Not lists of pairs of numbers, or the pairs are `[x, y]`.
    """
    lists = msu_files.read_json(path)
    if not isinstance(lists, list):
        raise RawDataError(f"{path}: expected a list of points for each frame")
    arrays = [_pairs(path, number, points) for number, points in enumerate(lists)]
    found = [_frame(points, size) for points in arrays]
    outside = sum(each.count - len(each.inside) for each in found)
    total = sum(each.count for each in found)
    if outside > SWAPPED_SHARE * total:
        turned = [_frame(points[:, ::-1], size) for points in arrays]
        if sum(each.count - len(each.inside) for each in turned) < outside / 2:
            raise RawDataError(
                f"{path}: {outside} of {total} points lie beyond {size[0]} rows and {size[1]} "
                "columns, as if they were [x, y]; expected [y, x]"
            )
    return found


def _pairs(path: Path, number: int, points: object) -> NDArray[np.float64]:
    try:
        found = np.asarray(points, np.float64)
    except (TypeError, ValueError, OverflowError):
        found = np.zeros(0)
    found = found.reshape(0, 2) if points == [] else found
    if found.ndim != 2 or found.shape[1] != 2 or not np.isfinite(found).all():  # noqa: PLR2004
        raise RawDataError(f"{path}: list {number} is not one of points [y, x]")
    return found


def _frame(points: NDArray[np.float64], size: tuple[int, int]) -> FramePoints:
    pixels = np.floor(points)
    inside = pixels[((pixels >= 0) & (pixels < size)).all(axis=1)].astype(np.int16)
    repeats = len(points) - len(np.unique(points, axis=0))
    return FramePoints(inside, len(points), repeats, int((pixels != points).any(axis=1).sum()))


def survey(key: str, raw: Path) -> list[VideoFacts]:
    """Count what is there of a set below `raw`, and write the list.

    Raises:
        RawDataError: No video is there with its maps and fixations.
    """
    root = raw / key
    there = msu_files.index(key, root)
    if not there:
        raise RawDataError(
            f"{root}: no video is there with its maps and fixations; expected all of "
            f"{', '.join(msu_files.parts(key))}"
        )
    former = listed(raw, key)
    with ThreadPoolExecutor(THREADS) as pool:
        counted = pool.map(lambda name: _facts(root, name, there[name], former.get(name)), there)
        facts = list(progress.track(counted, total=len(there), label=f"count {key}", unit="video"))
    content = FACTS.dump_python(facts, mode="json")
    files.write_json(_place(raw, key), files.sealed({"videos": content}))
    return facts


def listed(raw: Path, key: str) -> dict[str, VideoFacts]:
    """Return what was counted, by the video's name; empty before that."""
    path = _place(raw, key)
    return _read(path, path.stat().st_mtime_ns) if path.exists() else {}


@lru_cache(maxsize=8)
def _read(path: Path, _: int) -> dict[str, VideoFacts]:
    try:
        found = files.unsealed(path.read_bytes())
        facts = FACTS.validate_python(found["videos"])
        return {each.video: each for each in facts}
    except (LookupError, TypeError, ValueError):
        return {}  # damaged, or of another version: it is counted again


def _place(raw: Path, key: str) -> Path:
    return raw / "lists" / f"{key}.json"


def stamp(key: str, raw: Path) -> str:
    """Return a digest that changes when videos come or go, reading no file."""
    names = [f"{key} {_place(raw, key).exists()}"]
    for name, each in msu_files.index(key, raw / key).items():
        names.append(f"{name} {each.part} {each.video} {each.maps} {each.points}")
    return sha256("\n".join(names).encode()).hexdigest()[:16]


def _facts(root: Path, name: str, there: VideoFiles, former: VideoFacts | None) -> VideoFacts:
    paths = there.video, there.maps, there.points
    within = [str(path.relative_to(root)) for path in paths]
    known = VideoFacts(
        video=name,
        part=there.part,
        stamp=fingerprint(paths),
        paths=(within[0], within[1], within[2]),
    )
    if former is not None and former.stamp == known.stamp and not former.fault:
        return former.model_copy(update={"part": known.part, "paths": known.paths})
    try:
        return known.model_copy(update=_counted(there))
    except RawDataError as error:
        return known.model_copy(update={"fault": " ".join(str(error).split())})


def _counted(there: VideoFiles) -> dict[str, Any]:
    media, maps = probe(there.video), probe(there.maps)
    points = read_points(there.points, (media.height, media.width))
    total = sum(each.count for each in points)
    inside = np.concatenate([np.zeros((1, 2), np.int16), *(each.inside for each in points)])
    return {
        "frames": media.expected or len(points) or 1,
        "rate": str(media.rate),
        "size": (media.height, media.width),
        "rotation": media.rotation,
        "gap": media.longest_step > GAP / media.rate,
        "sound": _sound(media),
        "maps": (maps.expected or 0, maps.height, maps.width),
        "map_format": f"{maps.profile}, {maps.pixel_format}, "
        f"{'full' if maps.full_range else 'limited'} range",
        "lists": len(points),
        "empty": sum(not each.count for each in points),
        "points": total,
        "most": max((each.count for each in points), default=0),
        "repeats": sum(each.repeats for each in points),
        "broken": sum(each.broken for each in points),
        "outside": total - sum(len(each.inside) for each in points),
        "largest": tuple(map(int, inside.max(axis=0))),
        "indented": there.points.read_bytes().strip().count(b"\n") > 1,
    }


def _sound(media: Media) -> str | None:
    track = media.sound
    if track is None:
        return None
    return f"{track.rate} Hz, {track.channels} channels from {track.start:.3f} s"


CREDIT_FIELDS: Final = (
    *("title", "author", "creator", "attribution", "channel", "uploader", "owner"),
    *("licen", "url", "source"),
)
"""Parts of the names of fields that a credit is made of, in this order."""


def credits_of(key: str, raw: Path, video: str) -> str:
    """Return licence, author and source of one video, as the set's own files state them.

    Where no field is known by its name, all of them are returned.
    """
    facts = meta(raw / key).get(video, {})
    stated = {name: str(each) for name, each in facts.items() if isinstance(each, str | int)}
    said = {
        field: value
        for word in CREDIT_FIELDS
        for field, value in stated.items()
        if word in field.lower() and value
    }
    return ", ".join(dict.fromkeys((said or stated).values()))


def meta(root: Path) -> dict[str, dict[str, Any]]:
    """Return what `VideoInfo.json` and `metadata.jsonl` say of each video, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for name in msu_files.META[1:]:
        path = root / name
        if path.is_file():
            found |= _meta(path, path.stat().st_mtime_ns)
    return found


@lru_cache(maxsize=16)
def _meta(path: Path, _: int) -> dict[str, dict[str, Any]]:
    if path.suffix == ".jsonl":
        return {_named(each): each for each in _lines(path)}
    content = msu_files.read_json(path)
    if isinstance(content, dict):
        return {
            str(name).removesuffix(".mp4"): each if isinstance(each, dict) else {"info": each}
            for name, each in content.items()
        }
    if not isinstance(content, list):
        raise RawDataError(f"{path}: expected an object or a list of what is known of each video")
    return {_named(each): each for each in content if isinstance(each, dict)}


def _lines(path: Path) -> Sequence[dict[str, Any]]:
    try:
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (ValueError, RecursionError) as error:
        raise RawDataError(f"{path}: not JSON lines ({error}); fetch it again") from None
    return [each for each in found if isinstance(each, dict)]


def _named(facts: dict[str, Any]) -> str:
    name = next((facts[key] for key in ("file_name", "name", "video", "id") if key in facts), "")
    return Path(str(name)).stem
