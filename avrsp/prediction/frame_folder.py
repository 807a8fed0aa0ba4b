"""A folder of numbered pictures (`img_00001.jpg`, any digits), with sound, read as a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

from avrsp.datasets import images
from avrsp.errors import RawDataError
from avrsp.media.decode import Frame, Picture
from avrsp.media.probe import Media, probe_sound
from avrsp.media.soundtrack import Soundtrack
from avrsp.types import Resampling

PICTURES: Final = frozenset({".jpg", ".jpeg", ".png"})
NUMBERED: Final = re.compile(r"(.*?)(\d+)(\.[^.]+)")
MOST_NAMED: Final = 3
"""Missing numbers that a note names one by one."""


class FrameFolder:
    """The pictures of a folder at a constant rate; it can be read as a `VideoReader` can.

    A picture's number says when it is shown: (number - first number) / fps seconds after the
    first, so that missing pictures shift nothing.

    Attributes:
        path: The folder.
        media: What it holds, as of a video file.
        sound: Of the sound file; it begins with the first picture.
        notes: What a person should know of it, a line each.

    Raises:
        RawDataError: The rate is missing, there are no numbered pictures, or they are of several
            kinds; or the sound file cannot be read.
    """

    def __init__(
        self, path: Path, fps: Fraction | None, sound: Path | None, folder: Path | None = None
    ) -> None:
        self.path = path
        pictures = numbered_pictures(path)
        if not pictures:
            raise RawDataError(f"{path}: holds no numbered pictures; expected img_00001.jpg and on")
        if fps is None:
            raise RawDataError(
                f"{path}: pictures have no rate of their own; give their frames a second by --fps"
            )
        self._pictures = sorted(pictures.items())
        height, width = images.size(self._pictures[0][1])
        last, first = self._pictures[-1][0], self._pictures[0][0]
        track = None if sound is None else probe_sound(sound)
        self.media = Media(
            width=width,
            height=height,
            rate=fps,
            frames=len(pictures),
            duration=float((last - first + 1) / fps),
            video_stream=0,
            sound=track,
            rotation=0,
            pixel_aspect=Fraction(1),
        )
        self.sound = Soundtrack(track, folder)
        self.notes = _gaps(path, [number for number, _ in self._pictures])

    def frames(
        self, height: int, width: int, resampling: Resampling = "bilinear"
    ) -> Iterator[Frame]:
        """Yield each frame, as `VideoReader.frames` does.

        Raises:
            RawDataError: A picture is damaged.
        """
        first = self._pictures[0][0]
        for number, path in self._pictures:
            picture = images.read_frame(path, height, width, resampling)
            yield Frame(float((number - first) / self.media.rate), picture)

    def pictures(self) -> Iterator[Picture]:
        """Yield each picture at the size of the first.

        Raises:
            RawDataError: A picture is damaged.
        """
        for _, path in self._pictures:
            yield images.read_frame(path, self.media.height, self.media.width, "bilinear")

    def close(self) -> None:
        """Stop reading the sound."""
        self.sound.close()


def numbered_pictures(folder: Path) -> dict[int, Path]:
    """Return the pictures of a folder by their numbers; hidden files and others are left out.

    Raises:
        RawDataError: Two pictures have one number, or their names begin in several ways.
    """
    found: dict[int, Path] = {}
    kinds: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):
        match = NUMBERED.fullmatch(path.name)
        if match is None or path.name.startswith(".") or match[3].lower() not in PICTURES:
            continue
        kinds.setdefault((match[1], match[3]), path)
        other = found.setdefault(int(match[2]), path)
        if other != path and len(kinds) == 1:
            raise RawDataError(
                f"{folder}: {other.name} and {path.name} have one number; expected a number each"
            )
    if len(kinds) > 1:
        names = " and ".join(path.name for path in list(kinds.values())[:2])
        raise RawDataError(f"{folder}: holds {names}; expected the pictures of one video alone")
    return found


def _gaps(path: Path, numbers: list[int]) -> list[str]:
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if not missing:
        return []
    named = ", ".join(map(str, missing[:MOST_NAMED]))
    more = ", ..." if len(missing) > MOST_NAMED else ""
    return [
        f"{path}: {len(missing)} numbers are missing ({named}{more}); the others keep their times"
    ]
