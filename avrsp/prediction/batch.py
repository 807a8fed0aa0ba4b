"""Predict on whole videos and write what a person wants to see: the work behind `avrsp predict`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from avrsp.datasets import raw
from avrsp.errors import AvrspError, ParamsError, RawDataError, one_line
from avrsp.files import needed_folder
from avrsp.media.reader import VideoReader
from avrsp.prediction import records
from avrsp.prediction.areas import Box, boxes_of, check_boxes, read_boxes
from avrsp.prediction.frame_folder import FrameFolder
from avrsp.prediction.predictor import Predictor
from avrsp.prediction.records import PredictionRecord, Settings
from avrsp.prediction.video_job import VideoJob
from avrsp.prediction.wanted import OutputChoice, PictureInput, Result, Variant, results, variants


@dataclass(frozen=True)
class _Request:
    """What is wanted of every video."""

    out: Path
    wanted: OutputChoice
    variants: Sequence[Variant]
    pictures: PictureInput
    boxes: Sequence[Box]


def predict_videos(
    videos: Sequence[Path],
    out: Path,
    predictor: Predictor,
    wanted: OutputChoice,
    pictures: PictureInput | None = None,
    others: Sequence[Predictor] = (),
) -> list[Path]:
    """Predict on each video and write the results into `out`; return the videos that failed.

    Results that are there, from the same file, weights and settings, are left as they are, and
    maps that are there are not predicted again. A video that cannot be used, or whose results
    cannot be written, is one line on standard error, and the others go on. What was written is
    named on standard output. Maps by `others` are shown beside those by `predictor`.

    Raises:
        KeyboardInterrupt: As it came; what is done is kept, and a note says how much that is.
        ParamsError: Nothing is wanted, or no model can give it.
        RawDataError: A sound is given for pictures, but not exactly one folder of them; or the
            file of boxes cannot be read.
    """
    if not wanted.forms:
        raise ParamsError("nothing to write: found no overlay, maps, or other form; choose one")
    pictures = pictures or PictureInput()
    folders = [video for video in videos if video.is_dir()]
    if pictures.sound is not None and (len(folders) != 1 or len(videos) != 1):
        raise RawDataError(
            f"{pictures.sound}: a sound belongs to one folder of pictures; found "
            f"{len(folders)} folders of pictures among {len(videos)} videos"
        )
    boxes = [] if wanted.aoi is None else read_boxes(wanted.aoi)
    request = _Request(out, wanted, variants(predictor, others, wanted), pictures, boxes)
    failed = []
    with needed_folder(out):
        for video, name in zip(videos, records.names(videos), strict=True):
            try:
                _settle(video, name, request)
            except (AvrspError, OSError) as error:
                line = one_line(error)
                if line is None:
                    raise
                sys.stderr.write(f"avrsp: {line}\n")
                failed.append(video)
    return failed


def predict_video(
    video: Path,
    out: Path,
    predictor: Predictor,
    wanted: OutputChoice,
    others: Sequence[Predictor] = (),
) -> list[Path]:
    """Predict on one video, as `predict_videos` does on several; return its results.

    Raises:
        KeyboardInterrupt: Likewise.
        AvrspError: The video cannot be used, or its results cannot be written.
    """
    boxes = [] if wanted.aoi is None else read_boxes(wanted.aoi)
    among = variants(predictor, others, wanted)
    request = _Request(out, wanted, among, PictureInput(), boxes)
    with needed_folder(out):
        return _settle(video, records.names([video])[0], request)


def _settle(video: Path, name: str, request: _Request) -> list[Path]:
    """Do what is missing of one video; return all that was wanted."""
    if not video.exists():
        raise RawDataError(f"{video}: is not there; check its path")
    if not (video.is_file() or video.is_dir()):  # reading it could take for ever
        raise RawDataError(f"{video}: not a regular file; expected a video")
    boxes = boxes_of(request.boxes, video)
    if request.boxes and not boxes:
        _tell(f"{video.name}: no box of {request.wanted.aoi} is for it")
    record = records.record_for(request.out, video, name)
    if record.is_changed():
        _tell(
            f"{video}: holds something else than when its results were written, although size and "
            "times are the same; it is predicted again; if nobody has changed it, it is damaged"
        )
    source = _source(video, request.pictures)
    planned = [
        each
        for each in results(record.stem, request.wanted, request.variants, source)
        if boxes or not each.form.startswith("areas")
    ]
    whole = record.holds({each.path.name: each.settings for each in planned})
    missing = [each for each in planned if each.path.name not in whole]
    if missing:
        _make(video, record, source, (boxes, missing), request)
    else:
        sys.stderr.write(f"{records.shown(video)}: done before, left as it is\n")
    return [each.path for each in planned]


def _make(
    video: Path,
    record: PredictionRecord,
    source: Settings,
    missing: tuple[Sequence[Box], Sequence[Result]],
    request: _Request,
) -> None:
    """Open a video and make what is missing, with its boxes."""
    boxes, lacking = missing
    with ExitStack() as stack:
        clip = (
            FrameFolder(video, request.pictures.fps, request.pictures.sound, request.out)
            if video.is_dir()
            else VideoReader(video, request.out)
        )
        stack.callback(clip.close)
        check_boxes(boxes, video, clip.media)
        if request.wanted.without_sound and clip.media.sound is None:
            clip.notes.append(f"{video}: has no sound, so that its maps with and without are equal")
        _write(VideoJob(clip, record, request.wanted, source, boxes), lacking, request.variants)


def _source(video: Path, pictures: PictureInput) -> Settings:
    """Return what results of a folder of pictures depend on besides the pictures."""
    if not video.is_dir():
        return {}
    sound = pictures.sound
    heard = None if sound is None else f"{sound}: {raw.fingerprint([sound])}"
    return {"fps": str(pictures.fps), "sound": heard}


def _write(job: VideoJob, missing: Sequence[Result], among: Sequence[Variant]) -> None:
    """Write what is missing and record it; on an error nothing of it stays.

    Where it is interrupted, maps and whole results stay.
    """
    record, names = job.record, [each.path.name for each in missing]
    before = record.there(names)
    record.begin(names)
    done: list[Path] = []
    try:
        for each in job.written(missing):
            record.add(each.path, each.settings)
            done.append(each.path)
        notes = list(dict.fromkeys(job.clip.notes))  # each variant reads the video
        record.finish(frames=job.frames, notes=notes, models=_models(among))
    except KeyboardInterrupt as stop:
        record.abandon(set(names) - {path.name for path in done}, before)
        stop.add_note(job.leave())
        raise
    except BaseException:
        record.abandon(names, before)
        job.remove()
        raise
    job.remove()
    for note in notes:
        _tell(note)
    for path in done:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
        sys.stdout.buffer.flush()


def _models(among: Sequence[Variant]) -> list[dict[str, object]]:
    """Say by which models the maps were predicted, and what these have learnt from."""
    return [
        {
            "name": each.predictor.name,
            "files": each.suffix,
            "hears": each.hears and each.predictor.spec.audio,
            "learnt_from": list(each.predictor.learnt_from),
            "generated_only": each.predictor.generated_only,
            **each.predictor.settings,
        }
        for each in among
    ]


def _tell(line: str) -> None:
    sys.stderr.write(f"avrsp: {records.shown(line)}\n")
