"""A video file being read: its pictures and its sound on one clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from avrsp.media.decode import Frame, Picture, decoded
from avrsp.media.probe import probe
from avrsp.media.soundtrack import Soundtrack
from avrsp.types import Resampling


class VideoReader:
    """The frames and the sound of one video file, in memory that does not grow with its length.

    Attributes:
        path: The file.
        media: What it holds.
        sound: From the first frame on. It is decoded as far as its samples are asked for, which is
            possible once the first frame has been read.
        notes: What a person should know of the file, a line each; complete after the last frame.

    Raises:
        RawDataError: Not a video that ffmpeg knows.
    """

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        self.path = path
        self.media = probe(path)
        self.sound = Soundtrack(self.media.sound, folder)
        self.notes: list[str] = []

    def frames(
        self, height: int, width: int, resampling: Resampling = "bilinear"
    ) -> Iterator[Frame]:
        """Yield each frame at that size, to which the filter `resampling` brings it.

        Raises:
            RawDataError: No frame can be decoded.
        """
        first = True
        for frame in decoded(
            self.path, self.media, (height, width), self.notes, resampling=resampling
        ):
            if first:
                self.sound.begin, first = frame.time, False
            yield frame
        if self.sound.complaint is not None:
            self.notes.append(f"{self.path}: its sound cannot be decoded ({self.sound.complaint})")

    def pictures(self) -> Iterator[Picture]:
        """Yield each frame's picture at its own size.

        Raises:
            RawDataError: No frame can be decoded.
        """
        size = self.media.height, self.media.width
        for frame in decoded(self.path, self.media, size):
            yield frame.image

    def close(self) -> None:
        """Stop decoding the sound and give its space back."""
        self.sound.close()
