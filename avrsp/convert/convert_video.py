"""One raw video to one store and one verdict.

Bad data ends in a verdict that says why the video was set aside; only a fault of the machine
raises, so that one bad video never stands in the way of the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from avrsp import files
from avrsp.convert import verify
from avrsp.datasets import raw
from avrsp.datasets.dataset_registry import DatasetSpec, ListedVideo
from avrsp.datasets.gaze import Annotation
from avrsp.datasets.raw import Counts, RawVideo
from avrsp.errors import RawDataError, StoreError
from avrsp.media import decode
from avrsp.media.sound import Sound
from avrsp.store.manifest import Verdict
from avrsp.store.members import entries_digest
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store

MOST_SOUND: Final = 60.0
"""Seconds of sound, beyond twice the picture's length, after which none is read."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How stores are written.

    Attributes:
        height: Of frames, in pixels.
        width: Of frames, in pixels.
        chunk: Frames in a compressed chunk.
        code: Digest of the modules that convert.
        place: Address of object storage below which they lie; None where they lie here.
    """

    height: int
    width: int
    chunk: int
    code: str
    place: str | None = None


class _RecountError(RawDataError):
    """The file holds another number of frames than expected."""

    def __init__(self, frames: int) -> None:
        super().__init__(f"{frames} frames can be decoded, before it was another number")
        self.frames = frames


def convert(
    dataset: DatasetSpec, row: ListedVideo, folder: Path, store: Path, layout: Layout
) -> Verdict:
    """Write the store of one video and return the verdict on it.

    Args:
        dataset: The video's dataset.
        row: The video in the dataset's sheet.
        folder: The preset's raw folder.
        store: The zip file to write; an old one is removed where the video is set aside.
        layout: How stores are written.
    """
    video = dataset.video(folder, row.video)
    conversion = _Conversion(dataset, row, video, folder, store, layout)
    try:
        counts = video.counts()
        try:
            return conversion.kept(counts)
        except _RecountError as found:
            return conversion.kept(replace(counts, frames=found.frames))
    except RawDataError as error:
        store.unlink(missing_ok=True)
        return conversion.set_aside(" ".join(str(error).split()))


@dataclass(frozen=True, slots=True)
class _Conversion:
    """One video on its way to its store."""

    dataset: DatasetSpec
    row: ListedVideo
    video: RawVideo
    folder: Path
    store: Path
    layout: Layout

    def kept(self, counts: Counts) -> Verdict:
        """Write the store and say what is in it."""
        used, notes = verify.usable(counts, self.row.frames)
        expected = self.row.frames if counts.frames is None else counts.frames
        recorded = (
            decode.sound_of(self.video.sound, MOST_SOUND + 2 * used / self.row.fps)
            if self.dataset.viewers_heard_sound and self.video.sound
            else None
        )
        annotation = self.video.annotation(used, self.row.fps)
        truth = verify.EmptyMapCounter(self.video.densities(used))
        densities = iter(truth)
        first = next(densities)
        on_fixations = verify.fixation_notes(annotation, first.shape)
        frames = self.video.frames(self.layout.height, self.layout.width, notes)
        seconds = used / self.row.fps
        attributes = self._attributes(used, recorded, annotation)
        former = self._former_sources()
        write_store(
            self.store,
            frames=_first(frames, used, expected),
            densities=chain([first], densities),
            fixations=annotation.resized(first.shape).points,
            waveform=verify.fitted(recorded.waveform, seconds)
            if recorded
            else np.zeros(0, np.float32),
            attributes=attributes,
            chunk=self.layout.chunk,
            times=annotation.times,
            observers=annotation.observers,
        )
        if former not in {None, attributes.sources}:
            sys.stderr.write(
                f"avrsp: {self.dataset.key}/{self.row.video}: its raw files are not those that its "
                "former store was made of (SHA-256 differs); where nobody has changed them, they "
                "are damaged: get them again\n"
            )
        notes += verify.size_notes(self.video.size(), first.shape)
        notes += truth.notes() + on_fixations
        if self.dataset.viewers_heard_sound:
            notes += verify.sound_notes(recorded.waveform if recorded else None, seconds)
        return self._verdict(
            kept=True,
            reason=None,
            notes=notes,
            frames=used,
            height=first.shape[0],
            width=first.shape[1],
            has_sound=recorded is not None,
            digest=files.sha256(self.store),
            entries=entries_digest(self.store),
        )

    def _former_sources(self) -> str | None:
        """Return the SHA-256 of the raw files that the store was made of which is there."""
        try:
            return VideoStore(self.store).attributes.sources if self.store.is_file() else None
        except StoreError:
            return None  # it is damaged, and replaced

    def set_aside(self, reason: str) -> Verdict:
        """Say why there is no store."""
        return self._verdict(
            kept=False,
            reason=reason,
            notes=[],
            frames=0,
            height=0,
            width=0,
            has_sound=False,
            digest="",
            entries="",
        )

    def _verdict(self, **found: Any) -> Verdict:  # noqa: ANN401 - pydantic checks the fields
        return Verdict(
            dataset=self.dataset.key,
            video=self.row.video,
            fps=self.row.fps,
            roles=self.row.roles,
            **found,
        )

    def _attributes(
        self, used: int, recorded: Sound | None, annotation: Annotation
    ) -> StoreAttributes:
        return StoreAttributes(
            dataset=self.dataset.key,
            video=self.row.video,
            fps=self.row.fps,
            sound_rate_native=recorded.rate if recorded else None,
            sound_channels_native=recorded.channels if recorded else None,
            sources=files.digest(Path(each) for each in raw.files(self.video.places)),
            code=self.layout.code,
            listed=self.row.frames,
            used=used,
            ground_truth=dict(annotation.made),
            credit=self.dataset.credit(self.folder, self.row.video) if self.dataset.credit else "",
        )


def _first(
    frames: Iterator[NDArray[np.uint8]], used: int, expected: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield the first `used` frames, and make sure that there are `expected` in all."""
    number = 0
    for number, frame in enumerate(frames, start=1):
        if number <= used:
            yield frame
    if number != expected:
        raise _RecountError(number)
