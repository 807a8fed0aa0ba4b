"""The six audio-visual sets of the STAViS mirror: numbered JPEG frames, a WAV file, and maps.

The compared methods were scored on them. Addresses, layout and oddities are those of the public
code of STAViS and ViNet.

`video_frames/<set>/<video>/img_00001.jpg`, `video_audio/<set>/<video>/<video>.wav`,
`annotations/<set>/<video>/maps/eyeMap_00001.jpg` and, beside `maps`, `fixMap_00001.mat`, whose
variable `eyeMap` is a binary map. Numbers start at 1. `eye_tracks.mat` is laid out differently in
different sets and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets import images
from avrsp.datasets.dataset_registry import NO_LICENCE, Archive, DatasetSpec, register
from avrsp.datasets.gaze import Annotation
from avrsp.datasets.map_images import read_annotation, read_densities
from avrsp.datasets.raw import Counts, files, run_of

TREE: Final = "mirror"
TREES: Final = ("video_frames", "video_audio", "annotations")
VARIABLE: Final = "eyeMap"


@dataclass(frozen=True, slots=True)
class MirrorVideo:
    """A video of one of the six audio-visual sets.

    Attributes:
        raw: Folder that holds `mirror/`.
        folder: The set's name there.
        video: The video's.
    """

    raw: Path
    folder: str
    video: str

    @property
    def places(self) -> tuple[Path, ...]:
        """Files and folders that belong to this video alone."""
        return self._frames, self._maps, self._annotations, self._audio

    @property
    def sound(self) -> Path | None:
        """The sound file, if there is one."""
        path = self._audio / f"{self.video}.wav"
        return path if path.exists() else None

    def counts(self) -> Counts:
        """Count what is there."""
        return Counts(
            frames=self._count,
            maps=_counted(self._maps, "eyeMap", "jpg"),
            fixations=_counted(self._annotations, "fixMap", "mat"),
        )

    def size(self) -> tuple[int, int]:
        """Return height and width of the first frame."""
        return images.size(self._frames / "img_00001.jpg")

    def frames(self, height: int, width: int, notes: list[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames at the given size; a damaged one is an error, never a note."""
        for number in range(1, self._count + 1):
            yield images.read_frame(self._frames / f"img_{number:05d}.jpg", height, width)

    def densities(self, count: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the first `count` density maps at their own size."""
        return read_densities(self._maps / f"eyeMap_{n:05d}.jpg" for n in range(1, count + 1))

    def annotation(self, count: int, fps: float) -> Annotation:
        """Return the fixations on the first `count` frames."""
        paths = (self._annotations / f"fixMap_{n:05d}.mat" for n in range(1, count + 1))
        return read_annotation(paths, VARIABLE, fps)

    @property
    def _count(self) -> int:
        return _counted(self._frames, "img", "jpg")

    @property
    def _frames(self) -> Path:
        return self.raw / TREE / "video_frames" / self.folder / self.video

    @property
    def _audio(self) -> Path:
        return self.raw / TREE / "video_audio" / self.folder / self.video

    @property
    def _annotations(self) -> Path:
        return self.raw / TREE / "annotations" / self.folder / self.video

    @property
    def _maps(self) -> Path:
        return self._annotations / "maps"


def _counted(folder: Path, stem: str, suffix: str) -> int:
    pattern = re.compile(rf"{stem}_(\d{{5}})\.{suffix}")
    found = (pattern.fullmatch(each.name) for each in files([folder]))
    return run_of(int(match[1]) for match in found if match)


HOST: Final = ("cvsp.cs.ntua.gr/research/stavis/data", ("http", "https"))
"""The mirror's only known host and path, and by which schemes it is asked."""

PAGE: Final = "http://cvsp.cs.ntua.gr/research/stavis/"

SCDL_DRIVE: Final = (
    "https://drive.google.com/drive/folders/1Zgfe9pr4sryJrWGlIYw-sl4u2_pn3gre",
    "https://drive.google.com/drive/folders/1vWNoOF0hul1ASumKAG2EaF29bMIf0ohO",
)
"""Copies by the authors of SCDL: annotations and sound, frames. Folder names differ there, and
whether the files are the mirror's is not known."""

DIEM_LICENCE: Final = "CC BY-NC-SA 3.0 by the project's page; the mirror states none"

SPLITS: Final = ("1", "2", "3")

TESTED_TWICE: Final = "the splits test V26_Piano2, V3_Speech3 and V39_Guitar4 twice"
NEVER_TESTED_AVAD: Final = "no split tests V28_Dog1, V33_Harp and V42_Violin2"
NEVER_TESTED_SUMME: Final = "no split tests Scuba and St_Maarten_Landing, each absent from one"
ONE_SPLIT: Final = "the three splits are one and the same"
NAMES_SHARED: Final = "video names are those of the other Coutrot set"
LOSSY_MAPS: Final = "density maps are JPEG files: an empty one may hold a few grey levels"


def _register(
    title: str, key: str, folder: str, citation: str, *quirks: str, licence: str = NO_LICENCE
) -> None:
    register(
        DatasetSpec(
            key=key,
            title=title,
            reader=MirrorVideo,
            folder=folder,
            archives=tuple(_archive(tree, folder) for tree in TREES),
            citation=citation,
            licence=licence,
            source=PAGE,
            viewers_heard_sound=True,
            gaze="eye tracker",
            splits=SPLITS,
            protocol="stavis",
            quirks=(LOSSY_MAPS, *quirks),
        )
    )


def _archive(tree: str, folder: str) -> Archive:
    path, schemes = HOST
    return Archive(
        folder=f"{TREE}/{tree}/{folder}",
        name=f"{tree}/{folder}",
        entry="{video}",
        mirrors=tuple(f"{scheme}://{path}/{tree}/{folder}.tar.gz" for scheme in schemes),
        pages=SCDL_DRIVE,
    )


_register(
    "DIEM",
    "diem",
    "DIEM",
    "Mital, Smith, Hill, Henderson: Clustering of gaze during dynamic scene viewing is predicted "
    "by motion, Cognitive Computation 2011",
    ONE_SPLIT,
    licence=DIEM_LICENCE,
)
_register(
    "Coutrot1",
    "coutrot1",
    "Coutrot_db1",
    "Coutrot, Guyader: How saliency, faces, and sound influence gaze in dynamic social scenes, "
    "Journal of Vision 2014",
    NAMES_SHARED,
)
_register(
    "Coutrot2",
    "coutrot2",
    "Coutrot_db2",
    "Coutrot, Guyader: Multimodal saliency models for videos, in: From Human Attention to "
    "Computational Attention, Springer 2016",
    NAMES_SHARED,
)
_register(
    "AVAD",
    "avad",
    "AVAD",
    "Min, Zhai, Gu, Yang: Fixation prediction through multimodal analysis, ACM TOMM 2017",
    TESTED_TWICE,
    NEVER_TESTED_AVAD,
)
_register(
    "ETMD",
    "etmd",
    "ETMD_av",
    "Koutras, Maragos: A perceptually based spatio-temporal computational framework for visual "
    "saliency estimation, Signal Processing: Image Communication 2015",
)
_register(
    "SumMe",
    "summe",
    "SumMe",
    "Gygli, Grabner, Riemenschneider, Van Gool: Creating summaries from user videos, ECCV 2014",
    NEVER_TESTED_SUMME,
)
