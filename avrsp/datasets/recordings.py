"""Recordings of one's own: a folder with `dataset.yaml`, `videos/` and `gaze/<video>.csv`.

Instead of gaze, or beside it, a video may have density maps: `maps/<video>.mp4` (their luma) or
`maps/<video>/*.png`, a map a frame; without gaze it has no fixations. A folder is a dataset of
preset `paper` once params.yaml names it: `recordings: {mine: path}`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from avrsp import files, progress
from avrsp.datasets.dataset_registry import DatasetSpec, ListedVideo, register_family
from avrsp.datasets.raw import fingerprint
from avrsp.datasets.recorded_video import RecordedVideo
from avrsp.datasets.recordings_about import (
    RecordingsDescription,
    RecordingsPart,
    read_about,
    video_files,
)
from avrsp.errors import RawDataError
from avrsp.media import decode
from avrsp.media.probe import probe
from avrsp.params import Params
from avrsp.store.manifest import EVERY_SPLIT

FOLDERS: Final = ("", "videos", "gaze", "maps")


class CountedVideo(BaseModel):
    """A video with its number of frames, which only decoding tells.

    Attributes:
        video: Its name.
        stamp: Of its file; where it differs it is counted again.
        frames: How many it has; 1 where it cannot be decoded, which is found again later.
        fps: Frames a second, on average.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    video: str
    stamp: str
    frames: int
    fps: float


COUNTED: Final = TypeAdapter(list[CountedVideo])


def entries(loaded: Params, root: Path) -> Iterator[DatasetSpec]:
    """Yield an entry for each folder that the parameters name, below `root` or absolute.

    Raises:
        ParamsError: `dataset.yaml` of one of them is missing or wrong.
    """
    for key, place in loaded.recordings.items():
        folder = root / Path(place).expanduser()
        yield entry(key, folder, read_about(folder))


def entry(key: str, folder: Path, about: RecordingsDescription) -> DatasetSpec:
    """Return the entry of the recordings in `folder`."""
    return DatasetSpec(
        key=key,
        title=about.name,
        reader=RecordedVideo,
        folder=str(folder),
        archives=(),
        citation=about.citation or f"{about.name}, own recordings",
        licence=about.licence,
        source=about.source or "own recordings",
        viewers_heard_sound=about.heard_sound,
        gaze=about.gaze,
        splits=(EVERY_SPLIT,),
        protocol="avrsp",
        quirks=(f"viewers: {about.viewers}",),
        list_videos=partial(list_videos, key, about),
        prepare=partial(count_videos, key, folder),
        stamp=partial(stamp, folder),
        credit=partial(_credit, str(folder)),
    )


def _credit(folder: str, raw: Path, video: str) -> str:
    return RecordedVideo(raw, folder, video).credit


def count_videos(key: str, folder: Path, raw: Path) -> None:
    """Count the frames of each video and write the list below `raw`.

    Raises:
        RawDataError: There is no video.
    """
    former = {each.video: each for each in _read(key, raw)}
    found = []
    videos = video_files(folder)
    for name, path in progress.track(videos.items(), total=len(videos), label=key, unit="video"):
        known = former.get(name)
        own = fingerprint([path])
        found.append(known if known and known.stamp == own else _counted(name, path, own))
    listed = COUNTED.dump_python(found, mode="json")
    files.write_json(_place(key, raw), files.sealed({"videos": listed}))


def list_videos(key: str, about: RecordingsDescription, raw: Path) -> Sequence[ListedVideo]:
    """Return the videos that were counted, with their roles; none before that."""
    there = _read(key, raw)
    roles = divided(key, about, [each.video for each in there])
    return [
        ListedVideo(
            video=each.video,
            frames=each.frames,
            fps=each.fps,
            roles={EVERY_SPLIT: roles.get(each.video, "none")},
        )
        for each in there
    ]


def divided(
    key: str, about: RecordingsDescription, videos: Sequence[str]
) -> dict[str, RecordingsPart]:
    """Return each video's role: as `splits` says, or by `fractions`, drawn by hash of the names."""
    if about.splits is not None:
        return {video: role for role, names in about.splits.items() for video in names}
    shares = about.fractions or {}
    order = sorted(videos, key=lambda video: hashlib.sha256(f"{key}/{video}".encode()).digest())
    parts: tuple[RecordingsPart, ...] = ("test", "validation")
    roles: dict[str, RecordingsPart] = {}
    for role in parts:
        share = shares.get(role, 0.0)
        wanted = max(round(share * len(videos)), 1) if share else 0
        roles |= dict.fromkeys(order[:wanted], role)
        order = order[wanted:]
    rest: RecordingsPart = "train"
    return roles | (dict.fromkeys(order, rest) if shares.get(rest) else {})


def stamp(folder: Path, _: Path) -> str:
    """Return a digest of the names, sizes and times of a folder's files, reading none."""
    return fingerprint([folder / name for name in FOLDERS])


def _counted(name: str, path: Path, own: str) -> CountedVideo:
    try:
        frames, fps = len(decode.frame_times(path)), probe(path).fps
    except RawDataError:
        frames, fps = 1, 25.0
    return CountedVideo(video=name, stamp=own, frames=frames, fps=fps)


def _read(key: str, raw: Path) -> list[CountedVideo]:
    try:
        found = files.unsealed(_place(key, raw).read_bytes())
        return COUNTED.validate_python(found["videos"])
    except (FileNotFoundError, LookupError, TypeError, ValueError):
        return []  # none yet, or damaged: they are counted again


def _place(key: str, raw: Path) -> Path:
    return raw / "lists" / f"{key}.json"


register_family(entries)
