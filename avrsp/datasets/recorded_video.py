"""A video of somebody's own recordings: its frames, and the ground truth made of its gaze."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import isclose
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets import gaze_csv
from avrsp.datasets.fixation_detection import spans, statement
from avrsp.datasets.gaze import Annotation, blurred
from avrsp.datasets.gaze_csv import Gaze
from avrsp.datasets.gaze_plausibility import implausible
from avrsp.datasets.map_images import read_densities
from avrsp.datasets.msu import stretched
from avrsp.datasets.raw import Counts
from avrsp.datasets.recordings_about import ENTRY, RecordingsDescription, read_about, video_files
from avrsp.errors import RawDataError
from avrsp.media import decode
from avrsp.media.luma import read_luma
from avrsp.media.probe import JUMP, probe

EVERY: Final = "none: every sample"
GIVEN: Final = "as given, with their durations"
SAMPLE_RULE: Final = "a sample counts in the frame that is shown at its time"
MIDDLE_RULE: Final = "a fixation counts in each frame whose middle it covers"
PLACE_RULE: Final = f"{MIDDLE_RULE}, where gaze was then"

FRAME_RULES: Final = {EVERY: SAMPLE_RULE, GIVEN: MIDDLE_RULE}

ROUNDING: Final = 5e-7
"""Seconds by which a time in a file may be rounded."""


@dataclass(frozen=True, slots=True)
class RecordedVideo:
    """A video of somebody's own recordings.

    Attributes:
        raw: Not used: the folder has a path of its own.
        folder: Path of the recordings.
        video: The video's name, without a suffix.
    """

    raw: Path
    folder: str
    video: str

    @property
    def places(self) -> tuple[Path, ...]:
        """Files that the store follows from; `dataset.yaml` is one of them."""
        return self.root / ENTRY, self.file, self.gaze_file, self.map_file, self.map_folder

    @property
    def sound(self) -> Path | None:
        """The video file, where it has a sound track."""
        return self.file if probe(self.file).has_sound else None

    @property
    def root(self) -> Path:
        """The folder of the recordings."""
        return Path(self.folder)

    @property
    def file(self) -> Path:
        """The video file."""
        found = video_files(self.root).get(self.video)
        if found is None:
            raise RawDataError(f"{self.root / 'videos'}: no video {self.video}")
        return found

    @property
    def gaze_file(self) -> Path:
        """Its gaze, which may be missing."""
        return self.root / "gaze" / f"{self.video}.csv"

    @property
    def map_file(self) -> Path:
        """A video of its density maps, which may be missing."""
        return self.root / "maps" / f"{self.video}.mp4"

    @property
    def map_folder(self) -> Path:
        """Its density maps as images, which may be missing."""
        return self.root / "maps" / self.video

    @property
    def about(self) -> RecordingsDescription:
        """What `dataset.yaml` says."""
        return read_about(self.root)

    @property
    def credit(self) -> str:
        """What is to be named wherever a frame is shown: the recordings and their licence."""
        about = self.about
        return ", ".join(filter(None, (about.name, about.licence, about.source)))

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first frame at which each frame is shown, T."""
        return frame_times(self.file, self.file.stat().st_mtime_ns)

    def counts(self) -> Counts:
        """Count frames by decoding; gaze has a map and fixations for each of them."""
        frames = len(self.times)
        return Counts(frames, self._map_count(frames), frames)

    def size(self) -> tuple[int, int]:
        """Return height and width of the frames as they are shown."""
        found = probe(self.file)
        return found.height, found.width

    def frames(self, height: int, width: int, notes: list[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames at the given size; `notes` receives a line on damage."""
        return decode.read_frames(self.file, height=height, width=width, notes=notes)

    def densities(self, count: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the first `count` density maps: given ones, or Gaussians at the fixations."""
        if self.map_folder.is_dir():
            return read_densities(islice(self._map_images(), count))
        if self.map_file.is_file():
            return map(stretched, islice(read_luma(self.map_file), count))
        return self._made_densities(count)

    def annotation(self, count: int, fps: float) -> Annotation:
        """Return the fixations on the first `count` frames, and how they were made."""
        size = self.size()
        frames = len(self.times)
        found = self._fixated(size) if self.gaze_file.is_file() else _no_gaze(frames)
        points, observers, made = found
        return Annotation(points[:count], size, fps, observers, times=self.times[:count], made=made)

    def gaze(self) -> Gaze:
        """Return its gaze.

        Raises:
            RawDataError: It has a fault, or none of it lies within the video.
        """
        found = gaze_csv.read(self.gaze_file)
        faults = implausible(found, self.times[-1], self.size(), self.about.screen)
        if faults:
            raise RawDataError(f"{self.gaze_file}: {faults[0]}")
        return found

    def _fixated(
        self, size: tuple[int, int]
    ) -> tuple[list[NDArray[np.int16]], list[NDArray[np.int16]] | None, dict[str, str | float]]:
        gaze = self.gaze()
        points, observers, stated = points_by_frame(gaze, self.times, size, self.about)
        down, along = self.about.sigma(size)
        made: dict[str, str | float] = {
            "source": f"gaze/{self.video}.csv, {self.about.gaze}",
            "viewers": len(gaze.viewers),
            "fixations": stated,
            "frame_rule": FRAME_RULES.get(stated, PLACE_RULE),
            "sigma_pixels": round(along, 3),
        }
        if not isclose(down, along):
            made["sigma_pixels_down"] = round(down, 3)
        degree = self.about.per_degree(size)
        if degree is not None:
            made["pixels_per_degree"] = round(degree[1], 3)
            made["sigma_degrees"] = round(along / degree[1], 4)
        return points, observers, made

    def _made_densities(self, count: int) -> Iterator[NDArray[np.uint8]]:
        size = self.size()
        points, _, _ = self._fixated(size)
        sigma = self.about.sigma(size)
        for each in points[:count]:
            made = blurred(each, size, sigma)
            yield np.rint(made * (255 / max(made.max(), 1e-12))).astype(np.uint8)

    def _map_images(self) -> list[Path]:
        found = (each for each in self.map_folder.glob("*.png") if each.name[0] != ".")
        return sorted(found, key=_words_and_numbers)

    def _map_count(self, frames: int) -> int:
        if self.map_folder.is_dir():
            return len(self._map_images())
        if self.map_file.is_file():
            return probe(self.map_file).expected or 0
        if self.gaze_file.is_file():
            return frames
        raise RawDataError(f"{self.gaze_file}: no such file, and no maps either")


def _words_and_numbers(path: Path) -> list[str | int]:
    """Return what a file's name consists of, by which 9.png comes before 10.png."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def _no_gaze(
    frames: int,
) -> tuple[list[NDArray[np.int16]], list[NDArray[np.int16]] | None, dict[str, str | float]]:
    none = [np.zeros((0, 2), np.int16)] * frames
    return none, None, {"source": "density maps as given; no gaze"}


@lru_cache(maxsize=4)
def frame_times(path: Path, changed: int) -> NDArray[np.float64]:
    """Return when each frame is shown, in seconds from the first; `changed` is the file's time.

    Raises:
        RawDataError: It cannot be decoded, or its times jump.
    """
    found: NDArray[np.float64] = decode.frame_times(path)
    found -= found[0]
    steps = np.diff(found)
    if steps.max(initial=0) > JUMP:
        raise RawDataError(
            f"{path}: {steps.max():,.0f} s pass between frames {steps.argmax() + 1} and "
            f"{steps.argmax() + 2}; expected frames that follow one another, so that gaze finds "
            "its frame; write the film anew with continuous times"
        )
    return found


def points_by_frame(
    gaze: Gaze, times: NDArray[np.float64], size: tuple[int, int], about: RecordingsDescription
) -> tuple[list[NDArray[np.int16]], list[NDArray[np.int16]], str]:
    """Return for each frame k x 2 fixated pixels and the k viewers, and how they were found.

    Places beyond the frame are left out.
    """
    if gaze.duration is not None:
        found, stated = _of_given(gaze, gaze.duration, times), GIVEN
    elif about.detector == "none":
        found, stated = _of_samples(gaze, times), EVERY
    else:
        found, stated = _of_detected(gaze, times, about, size), statement(about.detector)
    pixels = np.floor(np.column_stack([found.y, found.x]))
    kept = ((pixels >= 0) & (pixels < size)).all(axis=1)
    order = np.flatnonzero(kept)[np.argsort(found.frame[kept], kind="stable")]
    edges = np.searchsorted(found.frame[order], np.arange(1, len(times)))
    points = np.split(pixels[order].astype(np.int16), edges)
    return points, np.split(found.viewer[order].astype(np.int16), edges), stated


class _Places(NamedTuple):
    """Places of gaze, n each: the frame, column and row in pixels, and the viewer."""

    frame: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    viewer: NDArray[np.int16]


def _of_samples(gaze: Gaze, times: NDArray[np.float64]) -> _Places:
    """Return every sample that holds a place while the video is shown."""
    frame = np.searchsorted(times, gaze.time + ROUNDING, side="right") - 1
    rows = np.flatnonzero((frame >= 0) & (gaze.time < _end(times)) & gaze.seen)
    return _Places(frame[rows], gaze.x[rows], gaze.y[rows], gaze.observer[rows])


def _of_given(gaze: Gaze, duration: NDArray[np.float64], times: NDArray[np.float64]) -> _Places:
    """Return each fixation once for each frame whose middle it covers."""
    middles = _middles(times)
    seen = np.flatnonzero(gaze.seen)
    start = gaze.time[seen]
    first = np.searchsorted(middles, start)
    count = np.maximum(np.searchsorted(middles, start + duration[seen]) - first, 0)
    number = np.repeat(np.arange(len(seen)), count)
    within = np.arange(len(number)) - np.repeat(np.cumsum(count) - count, count)
    rows = seen[number]
    return _Places(first[number] + within, gaze.x[rows], gaze.y[rows], gaze.observer[rows])


def _of_detected(
    gaze: Gaze, times: NDArray[np.float64], about: RecordingsDescription, size: tuple[int, int]
) -> _Places:
    """Return where each viewer looked at the middle of each frame that a fixation covers.

    Not a fixation's mean: in a video, gaze that rests on something may well move with it.
    """
    degree = about.per_degree(size)
    assert degree is not None  # dataset.yaml would have been refused
    middles = _middles(times)
    parts = [_Places(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0, np.int16))]
    for viewer in range(len(gaze.viewers)):
        own = gaze.observer == viewer
        time, x, y = gaze.time[own], gaze.x[own], gaze.y[own]
        for first, after, lasting in spans(about.detector, time, x, y, degree):
            reach = np.searchsorted(middles, [time[first], time[first] + lasting])
            frame = np.arange(*reach)
            span = slice(first, after)
            along, down = (np.interp(middles[frame], time[span], each[span]) for each in (x, y))
            parts.append(_Places(frame, along, down, np.full(len(frame), viewer, np.int16)))
    return _Places(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _middles(times: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (times + np.append(times[1:], _end(times))) / 2
    return found


def _end(times: NDArray[np.float64]) -> float:
    """Return when the last frame ends, supposing that it is shown as long as the others."""
    steps = np.diff(times)
    return float(times[-1] + (np.median(steps) if len(steps) else 1.0))
