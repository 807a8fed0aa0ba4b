"""What is wrong or doubtful in a folder of recordings, said before anything is made of it.

Places that were measured upwards, mirrored, exchanged or left in pixels of the screen lie inside
the video all the same. They are found by the picture: people look at what moves and stands out, so
that gaze meets more of it where it is read rightly than where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

from avrsp.datasets import gaze_csv
from avrsp.datasets.gaze_csv import Gaze
from avrsp.datasets.gaze_plausibility import implausible
from avrsp.datasets.recorded_video import RecordedVideo, points_by_frame
from avrsp.datasets.recordings_about import ENTRY, RecordingsDescription, read_about, video_files
from avrsp.errors import RawDataError
from avrsp.media import decode

ROWS: Final = 54
COLUMNS: Final = 72
"""Of the small picture by which gaze is judged."""

MOST: Final = 3000
"""Frames of a video by which it is judged."""

CLEAR_GAIN: Final = 0.3
CLEAR_RATIO: Final = 2.5
"""How much more conspicuous gaze must be, in deviations, read in another way, and how many standard
errors of its seconds that must be, for a fault to be sure."""

DOUBT_GAIN: Final = 0.1
"""From which gain on somebody should look at the pictures."""

GazePlaces: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Rows and columns as shares of height and width."""


@dataclass(frozen=True, slots=True)
class VideoCheck:
    """What was found in one video.

    Attributes:
        video: Its name.
        facts: A line of numbers; empty where its gaze cannot be read.
        faults: What must be corrected, a line each.
        doubts: What somebody should look at.
        gaze: Its gaze, where that can be read.
        gains: For each other way to read places, what each second gains by it.
    """

    video: RecordedVideo
    facts: str
    faults: list[str]
    doubts: list[str]
    gaze: Gaze | None
    gains: dict[str, list[float]]


def check(folder: Path) -> Iterator[VideoCheck]:
    """Yield what is found in each video of a folder.

    Raises:
        ParamsError: `dataset.yaml` is missing or wrong.
        RawDataError: There is no video.
    """
    about = read_about(folder)
    for name in video_files(folder):
        yield _checked(RecordedVideo(folder, str(folder), name), about)


def folder_faults(folder: Path) -> list[str]:
    """Return what is wrong with a folder as a whole: files without a video, splits of no video.

    Raises:
        ParamsError: `dataset.yaml` is missing or wrong.
        RawDataError: There is no video.
    """
    about, videos = read_about(folder), video_files(folder)
    said = [
        f"{path}: no video of this name; found {', '.join(videos)}"
        for path in sorted((folder / "gaze").glob("*.csv"))
        if path.stem not in videos and path.name[0] != "."
    ]
    listed = [name for names in (about.splits or {}).values() for name in names]
    unknown = sorted({*listed} - {*videos})
    twice = sorted({name for name in listed if listed.count(name) > 1})
    said += [f"{folder / ENTRY}: splits: no video {name}" for name in unknown]
    said += [f"{folder / ENTRY}: splits: {name} has two roles" for name in twice]
    if about.splits is not None:
        lack = sorted({*videos} - {*listed})
        said += [f"{folder / ENTRY}: splits: {name} has no role" for name in lack]
    return said


def pooled_faults(checks: list[VideoCheck]) -> list[str]:
    """Return ways of reading places that fit all videos together clearly better than theirs."""
    judged = [each.gains for each in checks if each.gains]
    said = []
    for name in WAYS if len(judged) > 1 else ():
        each_gain = [each.get(name) or [0.0] for each in judged]
        alike = all(np.mean(gains) > DOUBT_GAIN for gains in each_gain)
        if alike and _is_clear([gain for gains in each_gain for gain in gains]):
            said.append(f"in all videos together, gaze fits the picture better {WAYS[name]}")
    return said


def _checked(video: RecordedVideo, about: RecordingsDescription) -> VideoCheck:
    if not video.gaze_file.is_file():
        given = video.map_file.is_file() or video.map_folder.is_dir()
        fault = [] if given else [f"{video.gaze_file}: no such file, and no maps either"]
        return VideoCheck(video, "density maps, no gaze" if given else "", fault, [], None, {})
    gaze, faults = gaze_csv.examine(video.gaze_file)
    if gaze is None:
        return VideoCheck(video, "", faults, [], None, {})
    try:
        times, size = video.times, video.size()
    except RawDataError as error:
        return VideoCheck(video, "", [str(error)], [], None, {})
    faults = [
        f"{video.gaze_file}: {each}"
        for each in implausible(gaze, float(times[-1]), size, about.screen)
    ]
    points, _, stated = points_by_frame(gaze, times, size, about)
    facts = _facts(gaze, times, size, points, stated)
    faults = faults or _unused(video, points, stated)
    if faults:
        return VideoCheck(video, facts, faults, [], gaze, {})
    gains = _gains(video, gaze, about)
    doubts = _lonely(gaze, size)
    best = max(gains, key=lambda name: np.mean(gains[name] or [0.0]))
    if _is_clear(gains[best]):
        faults.append(f"{video.gaze_file}: gaze fits the picture better {WAYS[best]}")
    elif not any(map(any, gains.values())):
        doubts.append(
            "the picture shows nothing by which places could be judged; look at the sheet"
        )
    elif np.mean(gains[best] or [0.0]) > DOUBT_GAIN:
        doubts.append(f"gaze fits the picture a little better {WAYS[best]}; look at the sheet")
    return VideoCheck(video, facts, faults, doubts, gaze, gains)


def _unused(video: RecordedVideo, points: list[NDArray[np.int16]], stated: str) -> list[str]:
    """Say that no frame has gaze, which is no fault of any row."""
    if any(map(len, points)):
        return []
    return [
        f"{video.gaze_file}: no frame has gaze (fixations: {stated}); expected rows of each viewer "
        "while the video is shown, and empty cells, not 0 or -1, where gaze was lost"
    ]


def _facts(
    gaze: Gaze,
    times: NDArray[np.float64],
    size: tuple[int, int],
    points: list[NDArray[np.int16]],
    stated: str,
) -> str:
    seen = gaze.seen
    inside = seen & (gaze.x >= 0) & (gaze.y >= 0) & (gaze.x < size[1]) & (gaze.y < size[0])
    late = gaze.time > times[-1] / 2
    halves = [inside & ~late, inside & late]
    drift = "not known"
    if all(half.any() for half in halves):
        first, last = ((gaze.x[half].mean(), gaze.y[half].mean()) for half in halves)
        drift = f"{last[0] - first[0]:+.0f}, {last[1] - first[1]:+.0f} pixels"
    empty = sum(not len(each) for each in points)
    what = "samples" if gaze.duration is None else "fixations"
    return (
        f"{len(gaze.viewers)} viewers, {len(seen)} {what}, {100 * inside.sum() / len(seen):.1f} % "
        f"inside, {100 * (~seen).sum() / len(seen):.1f} % lost; drift of the centre from the first "
        f"half to the second {drift}; {empty} of {len(points)} frames without gaze "
        f"(fixations: {stated})"
    )


def _lonely(gaze: Gaze, size: tuple[int, int]) -> list[str]:
    """Say which viewers lie far beside the others all the time, as if badly calibrated."""
    seen = gaze.seen
    slot = np.floor(gaze.time[seen] / 0.1).astype(np.int64)
    who, where = gaze.observer[seen], np.column_stack([gaze.x[seen], gaze.y[seen]])
    said = []
    for number, name in enumerate(gaze.viewers):
        own, others = who == number, who != number
        shared = np.intersect1d(slot[own], slot[others])
        if len(shared) < 10 or len(gaze.viewers) < 3:  # noqa: PLR2004 - too little to tell
            continue
        apart = np.median(_means(slot, where, own, shared) - _means(slot, where, others, shared), 0)
        if np.abs(apart / size[::-1]).max() > 0.2:  # noqa: PLR2004 - a fifth of the picture
            said.append(f"{name} looks {apart[0]:+.0f}, {apart[1]:+.0f} pixels beside the others")
    return said


def _means(
    slot: NDArray[np.int64],
    where: NDArray[np.float64],
    rows: NDArray[np.bool_],
    shared: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean place in each of the shared tenths of a second, n x 2."""
    number = np.searchsorted(shared, slot[rows])
    fits = (number < len(shared)) & (shared[np.minimum(number, len(shared) - 1)] == slot[rows])
    number, place = number[fits], where[rows][fits]
    count = np.bincount(number, minlength=len(shared))
    sums = [np.bincount(number, place[:, axis], minlength=len(shared)) for axis in (0, 1)]
    return np.column_stack([each / count for each in sums])


WAYS: Final = {
    "upwards": "upside down: is y measured from the bottom?; expected from the top",
    "mirrored": "mirrored: is x measured from the right?; expected from the left",
    "exchanged": "with x and y exchanged",
    "screen": "moved from the screen to the video: are x and y pixels of the screen?",
}


def _other_ways(
    about: RecordingsDescription, size: tuple[int, int]
) -> dict[str, Callable[[GazePlaces], GazePlaces]]:
    height, width = size
    ways: dict[str, Callable[[GazePlaces], GazePlaces]] = {
        "upwards": lambda place: (1 - place[0], place[1]),
        "mirrored": lambda place: (place[0], 1 - place[1]),
        "exchanged": lambda place: (place[1] * width / height, place[0] * height / width),
    }
    screen = about.screen
    if screen is not None and screen.rectangle(size) != (0, 0, width, height):

        def moved(place: GazePlaces) -> GazePlaces:
            x, y = screen.to_video(place[1] * width, place[0] * height, size)
            return y / height, x / width

        ways["screen"] = moved
    return ways


def _gains(
    video: RecordedVideo, gaze: Gaze, about: RecordingsDescription
) -> dict[str, list[float]]:
    """Return, for each other way to read places, how much a second's gaze gains by it."""
    times, size = video.times, video.size()
    frame = np.searchsorted(times, gaze.time, side="right") - 1
    rows = np.flatnonzero(gaze.seen & (frame >= 0) & (gaze.time <= times[-1]))
    rows = rows[np.argsort(frame[rows], kind="stable")]
    edges = np.searchsorted(frame[rows], np.arange(len(times) + 1))
    ways = _other_ways(about, size)
    found: dict[str, list[float]] = {name: [] for name in ways}
    seconds: list[int] = []
    for number, picture in enumerate(islice(_conspicuity(video.file), min(MOST, len(times)))):
        own = rows[edges[number] : edges[number + 1]]
        if len(own):
            place = gaze.y[own] / size[0], gaze.x[own] / size[1]
            now = _at(picture, place)
            seconds.append(int(times[number]))
            for name, way in ways.items():
                found[name].append(_at(picture, way(place)) - now)
    return {name: _by_second(gains, seconds) for name, gains in found.items()}


def _by_second(gains: list[float], seconds: list[int]) -> list[float]:
    if not gains:
        return []
    count = np.bincount(seconds)
    return list((np.bincount(seconds, gains) / np.maximum(count, 1))[count > 0])


def _is_clear(gains: list[float]) -> bool:
    if len(gains) < 4:  # noqa: PLR2004 - seconds
        return False
    mean, error = np.mean(gains), np.std(gains, ddof=1) / np.sqrt(len(gains))
    return bool(mean > CLEAR_GAIN and mean > CLEAR_RATIO * error)


def _at(picture: NDArray[np.float64], place: GazePlaces) -> float:
    """Return the mean of a picture at places; beyond it there is nothing to see."""
    down, along = np.floor(place[0] * ROWS), np.floor(place[1] * COLUMNS)
    inside = (down >= 0) & (down < ROWS) & (along >= 0) & (along < COLUMNS)
    values = picture[down[inside].astype(int), along[inside].astype(int)]
    return float(values.sum() / max(len(down), 1))


def _conspicuity(file: Path) -> Iterator[NDArray[np.float64]]:
    """Yield for each frame how much each place stands out and changes, in deviations, summed."""
    before: NDArray[np.float64] | None = None
    for frame in decode.read_frames(file, height=ROWS, width=COLUMNS):
        grey = frame.astype(np.float64).mean(axis=2)
        contrast = np.abs(grey - scipy.ndimage.gaussian_filter(grey, 3))
        change = np.abs(grey - (grey if before is None else before))
        before = grey
        parts = (scipy.ndimage.gaussian_filter(each, 2) for each in (contrast, change))
        first, second = ((each - each.mean()) / (each.std() + 1e-6) for each in parts)
        yield first + second
