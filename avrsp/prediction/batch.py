"""Predict on whole videos and write what a person wants to see: the work behind `avrsp predict`."""

from __future__ import annotations

import glob
import os
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from avrsp.datasets import raw
from avrsp.errors import AvrspError, ParamsError, RawDataError, one_line
from avrsp.media.decode import Frame, Picture
from avrsp.media.encode import encode
from avrsp.media.probe import HIGHEST_RATE
from avrsp.media.reader import VideoReader
from avrsp.prediction import exports, records
from avrsp.prediction.exports import Spool
from avrsp.prediction.frame_folder import FrameFolder, numbered_pictures
from avrsp.prediction.predictor import Predictor, TimedMap
from avrsp.prediction.records import PredictionRecord
from avrsp.progress import track

MapsForm = Literal["npz", "zarr", "png", "video", "none"]


@dataclass(frozen=True, slots=True)
class OutputChoice:
    """What to write for each video.

    Attributes:
        overlay: `<name>.overlay.mp4`, the video with the maps over it and its sound.
        maps: The form of the maps; `none` leaves them out.
        side_by_side: Show the plain video to the left of the overlay.
        facts: `<name>.json` with each frame's peak, centre of mass and entropy.
        stride: Predict every so many frames, and interpolate between.
    """

    overlay: bool = True
    maps: MapsForm = "npz"
    side_by_side: bool = False
    facts: bool = False
    stride: int = 1


@dataclass(frozen=True, slots=True)
class PictureInput:
    """What a folder of pictures does not say itself.

    Attributes:
        fps: Frames a second; None where no folder is given.
        sound: Its sound file.
    """

    fps: Fraction | None = None
    sound: Path | None = None

    @classmethod
    def given(cls, fps: str | None, sound: Path | None) -> PictureInput:
        """Read the rate as a person gives it: 25, 29.97 or 30000/1001.

        Raises:
            ParamsError: It is none, or above 1,000.
        """
        try:
            rate = None if fps is None else Fraction(fps)
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if rate is not None and not 0 < rate <= HIGHEST_RATE:
            raise ParamsError(f"--fps: found {fps}; expected a rate such as 25 or 30000/1001")
        return cls(rate, sound)


@dataclass(frozen=True, slots=True)
class PredictionJob:
    """One video on its way to its results.

    Attributes:
        clip: The opened video.
        stem: Folder and name of the results.
        wanted: Which results.
        pictures: Frames at their own size that wait for their maps.
    """

    clip: VideoReader | FrameFolder
    stem: Path
    wanted: OutputChoice
    pictures: PictureQueue


def predict_videos(
    videos: Sequence[Path],
    out: Path,
    predictor: Predictor,
    wanted: OutputChoice,
    pictures: PictureInput = PictureInput(),
) -> list[Path]:
    """Predict on each video and write the results into `out`; return the videos that failed.

    A video whose results are there, from the same file, weights and settings, is left as it is.
    A video that cannot be used, or whose results cannot be written, is one line on standard error,
    and the others go on. What was written is named on standard output.

    Raises:
        RawDataError: A sound is given for pictures, but not exactly one folder of them.
    """
    folders = [video for video in videos if video.is_dir()]
    if pictures.sound is not None and (len(folders) != 1 or len(videos) != 1):
        raise RawDataError(
            f"{pictures.sound}: a sound belongs to one folder of pictures; found "
            f"{len(folders)} folders of pictures among {len(videos)} videos"
        )
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for video, name in zip(videos, records.names(videos), strict=True):
        try:
            _settle(video, out, name, predictor, wanted, pictures)
        except (AvrspError, OSError) as error:
            line = one_line(error) or _system_fault(error)
            if line is None:
                raise
            sys.stderr.write(f"avrsp: {line}\n")
            failed.append(video)
    return failed


def _system_fault(error: Exception) -> str | None:
    """Say in one line what the system refused, whatever its number; None for other errors."""
    if not isinstance(error, OSError) or error.errno is None:
        return None
    place = f"{os.fspath(error.filename)}: " if error.filename else ""
    return f"{place}{error.strerror or os.strerror(error.errno)}; correct that and run it again"


def _settle(
    video: Path,
    out: Path,
    name: str,
    predictor: Predictor,
    wanted: OutputChoice,
    pictures: PictureInput,
) -> None:
    """Do one video, unless it is done."""
    settings = {**predictor.settings, **asdict(wanted), "code": records.code()}
    if video.is_dir():
        sound = pictures.sound
        settings["fps"] = str(pictures.fps)
        settings["sound"] = None if sound is None else f"{sound}: {raw.fingerprint([sound])}"
    record = records.record_for(out, video, name, settings) if video.exists() else None
    if record is not None and record.holds():
        sys.stderr.write(f"{_shown(video)}: done before, left as it is\n")
        return
    with ExitStack() as stack:
        clip = (
            FrameFolder(video, pictures.fps, pictures.sound, out)
            if video.is_dir()
            else VideoReader(video, out)
        )
        stack.callback(clip.close)
        assert record is not None  # what does not exist cannot be opened
        queue = PictureQueue(out)
        stack.callback(queue.close)
        _write(PredictionJob(clip, record.stem, wanted, queue), record, predictor)


def _write(job: PredictionJob, record: PredictionRecord, predictor: Predictor) -> None:
    """Predict, write what is wanted, and record it; on an error nothing of it stays."""
    names = [path.name for path in _targets(job)]
    before = record.there(names)
    record.begin(names)
    try:
        kept = job.wanted.facts or job.wanted.maps != "none"
        with ExitStack() as stack:
            spool = Spool(job.stem.parent, kept=kept)
            stack.callback(spool.close)
            maps = _remembered(_predicted(job, predictor), spool)
            written = [*_show(job, maps), *_export(job, spool)]
            record.finish(written, frames=len(spool), notes=job.clip.notes)
    except BaseException:
        record.abandon(before)
        raise
    sys.stderr.writelines(f"avrsp: {_shown(note)}\n" for note in job.clip.notes)
    for path in written:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
        sys.stdout.buffer.flush()


def _predicted(job: PredictionJob, predictor: Predictor) -> Iterator[TimedMap]:
    """Yield the time and map of each frame while showing how far it is."""
    spec, clip = predictor.spec, job.clip
    keep = job.pictures.put if job.wanted.overlay else None
    maps = predictor.timed_maps(
        clip.frames(spec.height, spec.width, keep, spec.resize or "bilinear"),
        clip.sound if spec.audio else np.zeros(0, np.float32),
        clip.media.fps,
        expected=clip.media.expected,
        stride=job.wanted.stride,
    )
    return track(maps, total=clip.media.expected, label=_shown(clip.path.name))


def _remembered(maps: Iterable[TimedMap], spool: Spool) -> Iterator[TimedMap]:
    for time, saliency in maps:
        spool.add(time, saliency)
        yield time, saliency


def _overlay(job: PredictionJob) -> Path:
    return job.stem.with_name(f"{job.stem.name}.overlay.mp4")


def _targets(job: PredictionJob) -> list[Path]:
    """Return what will be written."""
    return [
        *([_overlay(job)] if job.wanted.overlay else []),
        *([exports.results_path(job.stem, job.wanted.maps)] if job.wanted.maps != "none" else []),
        *([exports.results_path(job.stem, "facts")] if job.wanted.facts else []),
    ]


def _show(job: PredictionJob, maps: Iterator[TimedMap]) -> list[Path]:
    """Write the overlay where it is wanted; either way use up the maps."""
    if not job.wanted.overlay:
        deque(maps, maxlen=0)
        return []
    media = job.clip.media
    encode(
        _overlay(job),
        _painted(job, maps),
        rate=media.rate,
        sound=media.sound,
        pixel_aspect=media.pixel_aspect,
        notes=job.clip.notes,
    )
    return [_overlay(job)]


def _painted(job: PredictionJob, maps: Iterator[TimedMap]) -> Iterator[Frame]:
    """Lay each map over its frame."""
    for time, saliency in maps:
        image = job.pictures.take()
        painted = exports.paint(image, saliency)
        yield Frame(time, exports.beside(image, painted) if job.wanted.side_by_side else painted)


def _export(job: PredictionJob, spool: Spool) -> list[Path]:
    media, files = job.clip.media, []
    if job.wanted.maps != "none":
        files.append(exports.WRITERS[job.wanted.maps](job.stem, spool, media))
    if job.wanted.facts:
        files.append(exports.write_facts(job.stem, spool, media))
    return files


class PictureQueue:
    """Pictures of one size on their way from decoding to painting, in a nameless file.

    A map comes up to two windows after its frame was decoded; so many frames of a large video would
    not fit into memory. Space is used again, so that the file does not grow with the video. One
    thread may put while another takes.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._waiting: deque[tuple[int, tuple[int, ...]]] = deque()
        self._free: deque[int] = deque()
        self._slots = 0

    def put(self, picture: Picture) -> None:
        """Append a picture H x W x 3."""
        try:
            slot = self._free.popleft()
        except IndexError:
            slot, self._slots = self._slots, self._slots + 1
        content = picture.data.cast("B")
        start = slot * len(content)
        while content:
            count = os.pwrite(self._file.fileno(), content, start)
            content, start = content[count:], start + count
        self._waiting.append((slot, picture.shape))

    def take(self) -> Picture:
        """Return the picture that was put first, and forget it."""
        slot, shape = self._waiting.popleft()
        size = int(np.prod(shape))
        content = os.pread(self._file.fileno(), size, slot * size)
        self._free.append(slot)
        return np.frombuffer(content, np.uint8).reshape(shape)

    def close(self) -> None:
        """Give the space back."""
        self._file.close()


ENDINGS = (
    *("3gp", "asf", "avi", "dv", "flv", "gif", "ivf", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg"),
    *("mpg", "mts", "mxf", "nut", "ogg", "ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv"),
)
"""What counts as a video in a folder; a file named on the command line may end in anything."""

OWN = (".overlay.mp4", ".maps.mp4")


def find(arguments: Iterable[str]) -> list[Path]:
    """Return the videos that files, folders and globs name, each once, in the order given.

    A folder without videos that holds numbered pictures is a video itself. Of a folder or a glob,
    what `avrsp predict` itself wrote is left out. A name that matches nothing is returned as it
    is, so that the error names it; links are videos of their own.

    Raises:
        RawDataError: A folder holds no video.
    """
    found: dict[str, Path] = {}
    for argument in arguments:
        for path in _named(argument):
            found.setdefault(os.path.abspath(path), path)  # noqa: PTH100 - links stay
    return list(found.values())


def _named(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        inside = [each for each in sorted(path.iterdir()) if _is_video(each)]
        if not inside and numbered_pictures(path):
            return [path]
        if not inside:
            raise RawDataError(
                f"{path}: holds no video; expected files that end in .mp4, .webm, .avi "
                "and the like, or numbered pictures"
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


def _shown(name: object) -> str:
    """Return a name or a line as it can be written anywhere: bytes that are no text are escaped."""
    return str(name).encode(errors="backslashreplace").decode()
