"""Predict on whole videos and write what a person wants to see: the work behind `avrsp predict`."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from avrsp.data.encode import encode
from avrsp.data.media import Frame, Media, probe, read_timed
from avrsp.engine.videos import exports, inputs, overlay
from avrsp.engine.videos.exports import Spool
from avrsp.engine.videos.predictor import Predictor, TimedMap
from avrsp.engine.videos.records import Record
from avrsp.engine.videos.soundtrack import Soundtrack
from avrsp.errors import AvrspError, one_line
from avrsp.progress import track

Maps = Literal["npz", "zarr", "png", "video", "none"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write for each video.

    Attributes:
        overlay: `<name>.overlay.mp4`, the video with the maps over it and its sound.
        maps: The form of the maps; `none` leaves them out.
        side_by_side: Show the plain video to the left of the overlay.
        facts: `<name>.json` with each frame's peak, centre of mass and entropy.
        stride: Predict every so many frames, and interpolate between.
    """

    overlay: bool = True
    maps: Maps = "npz"
    side_by_side: bool = False
    facts: bool = False
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Job:
    """One video on its way to its results.

    Attributes:
        video: The file.
        media: What it holds.
        stem: Folder and name of the results.
        wanted: Which results.
        notes: What a person should know of it, a line each; grows on the way.
    """

    video: Path
    media: Media
    stem: Path
    wanted: Wanted
    notes: list[str] = field(default_factory=list)


def predict_videos(
    videos: Sequence[Path], out: Path, predictor: Predictor, wanted: Wanted
) -> list[Path]:
    """Predict on each video and write the results into `out`; return the videos that failed.

    A video whose results are there, from the same file, weights and settings, is left as it is.
    A video that cannot be used is one line on standard error, and the others go on. What was
    written is named on standard output.
    """
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for video, name in zip(videos, inputs.names(videos), strict=True):
        try:
            _settle(Job(video, probe(video), out / name, wanted), predictor)
        except (AvrspError, OSError) as error:
            line = one_line(error)
            if line is None:
                raise
            sys.stderr.write(f"avrsp: {line}\n")
            failed.append(video)
    return failed


def _settle(job: Job, predictor: Predictor) -> None:
    """Do one video, unless it is done."""
    record = Record(job.stem, job.video, {**predictor.settings, **asdict(job.wanted)})
    if record.holds():
        sys.stderr.write(f"{job.video}: done before, left as it is\n")
        return
    record.clear()
    kept = job.wanted.facts or job.wanted.maps != "none"
    with closing(Spool(job.stem.parent, kept=kept)) as spool:
        maps = _remembered(_predicted(job, predictor), spool)
        files = [*_show(job, maps), *_export(job, spool)]
        record.write(files, frames=len(spool), notes=job.notes)
    sys.stderr.writelines(f"avrsp: {note}\n" for note in job.notes)
    sys.stdout.writelines(f"{path}\n" for path in files)


def _predicted(job: Job, predictor: Predictor) -> Iterator[TimedMap]:
    """Yield the time and map of each frame while showing how far it is."""
    spec = predictor.spec
    sound = Soundtrack(job.video, job.stem.parent) if spec.audio else np.zeros(0, np.float32)
    frames = read_timed(job.video, height=spec.height, width=spec.width, notes=job.notes)
    count = job.media.expected
    maps = predictor.timed_maps(
        frames, sound, job.media.fps, expected=count, stride=job.wanted.stride
    )
    return track(maps, total=count, label=job.video.name)


def _remembered(maps: Iterable[TimedMap], spool: Spool) -> Iterator[TimedMap]:
    for time, saliency in maps:
        spool.add(time, saliency)
        yield time, saliency


def _show(job: Job, maps: Iterator[TimedMap]) -> list[Path]:
    """Write the overlay where it is wanted; either way use up the maps."""
    if not job.wanted.overlay:
        deque(maps, maxlen=0)
        return []
    path = job.stem.with_name(f"{job.stem.name}.overlay.mp4")
    aspect = job.media.pixel_aspect
    frames = _painted(job, maps)
    encode(
        path,
        frames,
        rate=job.media.rate,
        sound=job.video,
        pixel_aspect=aspect,
        notes=job.notes,
    )
    return [path]


def _painted(job: Job, maps: Iterator[TimedMap]) -> Iterator[Frame]:
    """Decode the video a second time, at its own size, and lay each map over its frame."""
    pictures = read_timed(job.video, height=job.media.height, width=job.media.width)
    # not strict: two decodings of a damaged file may end at different frames
    for (time, saliency), (_, image) in zip(maps, pictures, strict=False):
        painted = overlay.paint(image, saliency)
        yield Frame(time, overlay.beside(image, painted) if job.wanted.side_by_side else painted)


def _export(job: Job, spool: Spool) -> list[Path]:
    files = []
    if job.wanted.maps != "none":
        files.append(exports.WRITERS[job.wanted.maps](job.stem, spool, job.media))
    if job.wanted.facts:
        files.append(exports.write_facts(job.stem, spool, job.media))
    return files
