"""DHF1K: an AVI, three digits to its name, and annotations under four digits.

`video/001.AVI`, `annotation/0001/maps/0001.png` and `annotation/0001/fixation/maps/0001.mat`,
whose variable `I` is a binary map. Numbers start at 1; the test videos have no annotation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets.dataset_registry import ALL_ROLES, Archive, DatasetSpec, register
from avrsp.datasets.gaze import Annotation
from avrsp.datasets.map_images import read_annotation, read_densities
from avrsp.datasets.raw import Counts, files, run_of
from avrsp.media import decode
from avrsp.media.probe import probe
from avrsp.store.manifest import EVERY_SPLIT

VARIABLE: Final = "I"


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
        """Files and folders that belong to this video alone."""
        return self._file, self._maps, self._fixations

    @property
    def sound(self) -> None:
        """No sound: the video files have some, but viewers did not hear it."""
        return None

    def counts(self) -> Counts:
        """Count the maps; the frames of a file that is there are counted by decoding."""
        return Counts(
            frames=None if self._file.exists() else 0,
            maps=_counted(self._maps, "png"),
            fixations=_counted(self._fixations, "mat"),
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
        return read_densities(self._maps / f"{n:04d}.png" for n in range(1, count + 1))

    def annotation(self, count: int, fps: float) -> Annotation:
        """Return the fixations on the first `count` frames."""
        paths = (self._fixations / f"{n:04d}.mat" for n in range(1, count + 1))
        return read_annotation(paths, VARIABLE, fps)

    @property
    def _file(self) -> Path:
        return self.raw / self.folder / "video" / f"{self.video}.AVI"

    @property
    def _annotation(self) -> Path:
        return self.raw / self.folder / "annotation" / f"{int(self.video):04d}"

    @property
    def _maps(self) -> Path:
        return self._annotation / "maps"

    @property
    def _fixations(self) -> Path:
        return self._annotation / "fixation" / "maps"


def _counted(folder: Path, suffix: str) -> int:
    pattern = re.compile(rf"(\d{{4}})\.{suffix}")
    found = (pattern.fullmatch(each.name) for each in files([folder]))
    return run_of(int(match[1]) for match in found if match)


DRIVE: Final = "https://drive.google.com/drive/folders/1sW0tf9RQMO4RR7SyKhU8Kmbm4jwkFGpQ"

WITHHELD: Final = frozenset({"test"})
"""Its authors keep the annotations of the 300 test videos to themselves."""

SOUND_NOT_HEARD: Final = "the files have sound, but viewers did not hear it"
NO_TEST_ANNOTATION: Final = "videos 701 to 1000 have no published annotation"
DIGITS: Final = "videos have names of three digits, annotations of four"

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
