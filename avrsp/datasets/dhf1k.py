"""DHF1K: an AVI, three digits to its name, and annotations under four digits.

`video/001.AVI`, `annotation/0001/maps/0001.png` and `annotation/0001/fixation/maps/0001.mat`,
whose variable `I` is a binary map. Numbers start at 1; the test videos have no annotation. Copies
differ in the zeros before a number, which are not looked at: `601` and `0601` are one video.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets.dataset_registry import ALL_ROLES, Archive, DatasetSpec, register
from avrsp.datasets.gaze import Annotation
from avrsp.datasets.map_images import read_annotation, read_densities
from avrsp.datasets.raw import Counts, files, run_of
from avrsp.errors import RawDataError
from avrsp.media import decode
from avrsp.media.probe import probe
from avrsp.store.manifest import EVERY_SPLIT

VARIABLE: Final = "I"
MAPS, FIXATIONS = "maps", "fixation/maps"
MOST_DIGITS: Final = 6
"""Of a number, with its zeros."""


@dataclass(frozen=True, slots=True)
class Dhf1kVideo:
    """A video of DHF1K.

    Attributes:
        raw: Folder that holds the dataset's.
        folder: The dataset's name there.
        video: The video's, of three digits.
    """

    raw: Path
    folder: str
    video: str

    @property
    def places(self) -> tuple[Path, ...]:
        """Files and folders that belong to this video alone, under whichever number's form."""
        tops = self._called("annotation", 4)
        folders = [top / each for top in tops for each in (MAPS, FIXATIONS)]
        return (*self._called("video", 3, (".AVI", ".avi")), *folders)

    @property
    def sound(self) -> None:
        """No sound: the video files have some, but viewers did not hear it."""
        return None

    def counts(self) -> Counts:
        """Count the maps; the frames of a file that is there are counted by decoding."""
        return Counts(
            frames=None if self._file.exists() else 0,
            maps=run_of(_numbered(self._maps, "png")),
            fixations=run_of(_numbered(self._fixations, "mat")),
        )

    def size(self) -> tuple[int, int]:
        """Return height and width of the frames as they are shown."""
        found = probe(self._file)
        return found.height, found.width

    def frames(self, height: int, width: int, notes: list[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield every presented frame at the given size; `notes` receives a line on damage."""
        return decode.read_frames(self._file, height=height, width=width, notes=notes)

    def densities(self, count: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the first `count` density maps at their own size."""
        found = _numbered(self._maps, "png")
        return read_densities(found[number] for number in range(1, count + 1))

    def annotation(self, count: int, fps: float) -> Annotation:
        """Return the fixations on the first `count` frames."""
        found = _numbered(self._fixations, "mat")
        return read_annotation((found[n] for n in range(1, count + 1)), VARIABLE, fps)

    @property
    def _file(self) -> Path:
        return _only(self._called("video", 3, (".AVI", ".avi")))

    @property
    def _annotation(self) -> Path:
        return _only(self._called("annotation", 4))

    @property
    def _maps(self) -> Path:
        return self._annotation / MAPS

    @property
    def _fixations(self) -> Path:
        return self._annotation / FIXATIONS

    def _called(self, part: str, digits: int, suffixes: Sequence[str] = ("",)) -> list[Path]:
        """Return what is there by the video's number with whatever zeros; else where it should be.

        Args:
            part: `video` or `annotation`.
            digits: Of a number as it is published there.
            suffixes: Endings, the published one first.
        """
        place, bare = self.raw / self.folder / part, self.video.lstrip("0")
        names = dict.fromkeys([bare.zfill(digits), *map(bare.zfill, range(1, MOST_DIGITS + 1))])
        paths = [place / f"{name}{suffix}" for name in names for suffix in suffixes]
        return [path for path in paths if path.exists()] or paths[:1]


def _numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """Return the files of a folder by their numbers.

    Raises:
        RawDataError: Two have the same one.
    """
    pattern = re.compile(rf"(\d{{1,{MOST_DIGITS}}})\.{suffix}", re.ASCII)
    found: dict[int, list[Path]] = {}
    for each in files([folder]):
        if match := pattern.fullmatch(each.name):
            found.setdefault(int(match[1]), []).append(folder / each.name)
    return {number: _only(sorted(same)) for number, same in found.items()}


def _only(paths: Sequence[Path]) -> Path:
    """Return the one path, which several names may lead to.

    Raises:
        RawDataError: There are several, such as `601` and `0601`.
    """
    if len(paths) > 1 and len({path.resolve() for path in paths}) > 1:
        raise RawDataError(
            f"{paths[0]} and {paths[1].name} are there, and it is not clear which is meant; "
            "remove one"
        )
    return paths[0]


DRIVE: Final = "https://drive.google.com/drive/folders/1sW0tf9RQMO4RR7SyKhU8Kmbm4jwkFGpQ"

WITHHELD: Final = frozenset({"test"})
"""Its authors keep the annotations of the 300 test videos to themselves."""

SOUND_NOT_HEARD: Final = "the files have sound, but viewers did not hear it"
NO_TEST_ANNOTATION: Final = "videos 701 to 1000 have no published annotation"
DIGITS: Final = "videos have names of three digits, annotations of four; other zeros will do"

register(
    DatasetSpec(
        key="dhf1k",
        title="DHF1K",
        reader=Dhf1kVideo,
        folder="dhf1k",
        archives=(
            Archive("dhf1k/video", "dhf1k/video", "{video}.AVI", (), (DRIVE,)),
            Archive("dhf1k/annotation", "dhf1k/annotation", "0{video}", (), (DRIVE,)),
        ),
        citation="Wang, Shen, Xie, Cheng, Ling, Borji: Revisiting video saliency prediction in "
        "the deep learning era, TPAMI 2021",
        licence="CC BY 4.0",
        source="https://github.com/wenguanwang/DHF1K",
        viewers_heard_sound=False,
        gaze="eye tracker",
        splits=(EVERY_SPLIT,),
        protocol="dhf1k",
        converted=ALL_ROLES - WITHHELD,
        quirks=(SOUND_NOT_HEARD, NO_TEST_ANNOTATION, DIGITS),
    )
)
