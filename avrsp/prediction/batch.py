"""Predict on whole videos and write what a person wants to see: the work behind `avrsp predict`."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from avrsp.errors import AvrspError, RawDataError, one_line
from avrsp.files import write_json
from avrsp.media.decode import Frame, Media, probe, read_timed
from avrsp.media.encode import encode
from avrsp.prediction import exports
from avrsp.prediction.exports import Spool
from avrsp.prediction.predictor import Predictor, TimedMap
from avrsp.prediction.soundtrack import Soundtrack
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
    for video, name in zip(videos, names(videos), strict=True):
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
        painted = exports.paint(image, saliency)
        yield Frame(time, exports.beside(image, painted) if job.wanted.side_by_side else painted)


def _export(job: Job, spool: Spool) -> list[Path]:
    files = []
    if job.wanted.maps != "none":
        files.append(exports.WRITERS[job.wanted.maps](job.stem, spool, job.media))
    if job.wanted.facts:
        files.append(exports.write_facts(job.stem, spool, job.media))
    return files


ENDINGS = (
    *("3gp", "asf", "avi", "dv", "flv", "gif", "ivf", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg"),
    *("mpg", "mts", "mxf", "nut", "ogg", "ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv"),
)
"""What counts as a video in a folder; a file named on the command line may end in anything."""

OWN = (".overlay.mp4", ".maps.mp4")


def find(arguments: Iterable[str]) -> list[Path]:
    """Return the videos that files, folders and globs name, each once, in the order given.

    Of a folder or a glob, what `avrsp predict` itself wrote is left out. A name that matches
    nothing is returned as it is, so that the error names it.

    Raises:
        RawDataError: A folder holds no video.
    """
    found: dict[Path, Path] = {}
    for argument in arguments:
        for path in _named(argument):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def names(videos: Sequence[Path]) -> list[str]:
    """Return a name for each video's results: its stem, longer only where two would be the same.

    a/walk.mp4 b/run.mp4       walk              run
    a/walk.mp4 b/walk.mp4      a-walk            b-walk
    a/walk.mp4 a/walk.avi      a-walk-mp4        a-walk-avi
    x/a/walk.mp4 y/a/walk.mp4  a-walk-mp4-(8 hexadecimal digits of the path's hash) each
    """
    paths = [video.resolve() for video in videos]
    chosen = [path.stem for path in paths]
    for longer in (_with_folder, _with_suffix, _with_hash):
        count = Counter(chosen)
        chosen = [
            longer(path) if count[name] > 1 else name
            for name, path in zip(chosen, paths, strict=True)
        ]
    return chosen


def _named(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        inside = [each for each in sorted(path.iterdir()) if _is_video(each)]
        if not inside:
            raise RawDataError(
                f"{path}: holds no video; expected files that end in .mp4, .webm, .avi and the like"
            )
        return inside
    if path.exists() or not glob.has_magic(argument):
        return [path]
    matches = [Path(each) for each in sorted(glob.glob(argument, recursive=True))]  # noqa: PTH207
    return [each for each in matches if each.is_file() and not _is_own(each)] or [path]


def _is_video(path: Path) -> bool:
    hidden = path.name.startswith(".")
    fitting = path.suffix.lower().removeprefix(".") in ENDINGS
    return fitting and path.is_file() and not hidden and not _is_own(path)


def _is_own(path: Path) -> bool:
    return path.name.endswith(OWN)


def _with_folder(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def _with_suffix(path: Path) -> str:
    return f"{_with_folder(path)}-{path.suffix.lstrip('.')}"


def _with_hash(path: Path) -> str:
    return f"{_with_suffix(path)}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Record:
    """The file `<name>.prediction.json`; it is written last, so what it lists is whole.

    Attributes:
        stem: Folder and name of the results.
        video: The video that they were predicted from.
        settings: All that the results depend on besides the video, of types that JSON knows.
    """

    stem: Path
    video: Path
    settings: Mapping[str, object]

    @property
    def path(self) -> Path:
        """Where the record lies."""
        return self.stem.with_name(f"{self.stem.name}.prediction.json")

    def holds(self) -> bool:
        """Say whether the results are there, from this very video and these settings."""
        try:
            said = json.loads(self.path.read_text())
            files = [self.stem.with_name(name) for name in said["files"]]
            same = said["settings"] == dict(self.settings) and said["video"] == self._source()
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False
        return same and all(path.exists() for path in files)

    def clear(self) -> None:
        """Forget the results before they are replaced."""
        self.path.unlink(missing_ok=True)

    def write(self, files: Sequence[Path], *, frames: int, notes: Sequence[str]) -> None:
        """Record that `files` hold the results of all `frames` frames."""
        content = {
            "video": self._source(),
            "settings": dict(self.settings),
            "files": [path.name for path in files],
            "frames": frames,
            "notes": list(notes),
        }
        write_json(self.path, content)

    def _source(self) -> dict[str, object]:
        facts = self.video.stat()
        return {
            "path": str(self.video.resolve()),
            "bytes": facts.st_size,
            "modified": facts.st_mtime_ns,
        }
