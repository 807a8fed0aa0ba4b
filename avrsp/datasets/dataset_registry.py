"""The seven datasets, a row each: where they come from, how they lie on disk, what is odd.

Addresses, layouts and oddities are those of the public code of STAViS, ViNet and DHF1K. The six
audio-visual sets are taken from the STAViS mirror, on which the compared methods were scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avrsp.datasets import stavis_mirror
from avrsp.datasets.dhf1k import Dhf1kVideo
from avrsp.datasets.raw import RawVideo

STAVIS: Final = ("cvsp.cs.ntua.gr/research/stavis/data", ("http", "https"))
"""The mirror's only known host and path, and by which schemes it is asked."""

SCDL_DRIVE: Final = (
    "https://drive.google.com/drive/folders/1Zgfe9pr4sryJrWGlIYw-sl4u2_pn3gre",
    "https://drive.google.com/drive/folders/1vWNoOF0hul1ASumKAG2EaF29bMIf0ohO",
)
"""Copies by the authors of SCDL: annotations and sound, frames. Folder names differ there, and
whether the files are the mirror's is not known."""

DHF1K_DRIVE: Final = "https://drive.google.com/drive/folders/1sW0tf9RQMO4RR7SyKhU8Kmbm4jwkFGpQ"

NO_LICENCE: Final = "none stated; ask the authors"
DIEM_LICENCE: Final = "CC BY-NC-SA 3.0 by the project's page; the mirror states none"

ALL_ROLES: Final = frozenset({"train", "validation", "test", "none"})
WITHHELD: Final = frozenset({"test"})
"""DHF1K keeps the annotations of its 300 test videos to itself."""


# Quirks, as a reader of tables should know them.
TESTED_TWICE: Final = "the splits test V26_Piano2, V3_Speech3 and V39_Guitar4 twice"
NEVER_TESTED_AVAD: Final = "no split tests V28_Dog1, V33_Harp and V42_Violin2"
NEVER_TESTED_SUMME: Final = "no split tests Scuba and St_Maarten_Landing, each absent from one"
ONE_SPLIT: Final = "the three splits are one and the same"
NAMES_SHARED: Final = "video names are those of the other Coutrot set"
LOSSY_MAPS: Final = "density maps are JPEG files: an empty one may hold a few grey levels"
HEARD_NOTHING: Final = "the files have sound, but viewers did not hear it"
NO_TEST_ANNOTATION: Final = "videos 701 to 1000 have no published annotation"
DIGITS: Final = "videos have names of three digits, annotations of four"


@dataclass(frozen=True, slots=True)
class Archive:
    """What is downloaded and unpacked to one folder.

    Attributes:
        folder: Where it lies, unpacked, below the raw folder.
        name: Its path on a mirror and below `data/raw/incoming`, without a suffix.
        entry: What it holds for each video, with `{video}` for the video's name.
        mirrors: Addresses of the archive, tried in order; none where it takes a browser.
        pages: Where a person finds it.
    """

    folder: str
    name: str
    entry: str
    mirrors: tuple[str, ...]
    pages: tuple[str, ...]

    def addresses(self, bases: Iterable[str] | None) -> tuple[str, ...]:
        """Return where to ask: below `bases` instead of its own mirrors where they are given."""
        if bases is None or not self.mirrors:
            return self.mirrors
        return tuple(f"{base.rstrip('/')}/{self.name}.tar.gz" for base in bases)


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A dataset.

    Attributes:
        key: Its name in params.yaml, in paths and tables.
        folder: Its folder's name in the raw layout.
        open: Opens a video: raw folder, `folder`, the video's name in the sheet.
        heard: Whether viewers heard the sound; where not, stores hold none.
        converted: Roles whose videos are converted, because they have annotations.
        citation: Authors, title, place, year.
        licence: Of the data.
        archives: What to download.
        quirks: What is odd about it, a clause each.
    """

    key: str
    folder: str
    open: Callable[[Path, str, str], RawVideo]
    heard: bool
    converted: frozenset[str]
    citation: str
    licence: str
    archives: tuple[Archive, ...]
    quirks: tuple[str, ...]


def _mirrored(
    key: str, folder: str, citation: str, *quirks: str, licence: str = NO_LICENCE
) -> DatasetSpec:
    return DatasetSpec(
        key,
        folder,
        stavis_mirror.MirrorVideo,
        heard=True,
        converted=ALL_ROLES,
        citation=citation,
        licence=licence,
        archives=tuple(_on_mirror(tree, folder) for tree in stavis_mirror.TREES),
        quirks=(LOSSY_MAPS, *quirks),
    )


def _on_mirror(tree: str, folder: str) -> Archive:
    path, schemes = STAVIS
    return Archive(
        folder=f"{stavis_mirror.TREE}/{tree}/{folder}",
        name=f"{tree}/{folder}",
        entry="{video}",
        mirrors=tuple(f"{scheme}://{path}/{tree}/{folder}.tar.gz" for scheme in schemes),
        pages=SCDL_DRIVE,
    )


_ROWS = (
    DatasetSpec(
        "dhf1k",
        "dhf1k",
        Dhf1kVideo,
        heard=False,
        converted=ALL_ROLES - WITHHELD,
        citation="Wang, Shen, Xie, Cheng, Ling, Borji: Revisiting video saliency prediction in "
        "the deep learning era, TPAMI 2021",
        licence="CC BY 4.0",
        archives=(
            Archive("dhf1k/video", "dhf1k/video", "{video}.AVI", (), (DHF1K_DRIVE,)),
            Archive("dhf1k/annotation", "dhf1k/annotation", "0{video}", (), (DHF1K_DRIVE,)),
        ),
        quirks=(HEARD_NOTHING, NO_TEST_ANNOTATION, DIGITS),
    ),
    _mirrored(
        "diem",
        "DIEM",
        "Mital, Smith, Hill, Henderson: Clustering of gaze during dynamic scene viewing is "
        "predicted by motion, Cognitive Computation 2011",
        ONE_SPLIT,
        licence=DIEM_LICENCE,
    ),
    _mirrored(
        "coutrot1",
        "Coutrot_db1",
        "Coutrot, Guyader: How saliency, faces, and sound influence gaze in dynamic social "
        "scenes, Journal of Vision 2014",
        NAMES_SHARED,
    ),
    _mirrored(
        "coutrot2",
        "Coutrot_db2",
        "Coutrot, Guyader: Multimodal saliency models for videos, in: From Human Attention to "
        "Computational Attention, Springer 2016",
        NAMES_SHARED,
    ),
    _mirrored(
        "avad",
        "AVAD",
        "Min, Zhai, Gu, Yang: Fixation prediction through multimodal analysis, ACM TOMM 2017",
        TESTED_TWICE,
        NEVER_TESTED_AVAD,
    ),
    _mirrored(
        "etmd",
        "ETMD_av",
        "Koutras, Maragos: A perceptually based spatio-temporal computational framework for "
        "visual saliency estimation, Signal Processing: Image Communication 2015",
    ),
    _mirrored(
        "summe",
        "SumMe",
        "Gygli, Grabner, Riemenschneider, Van Gool: Creating summaries from user videos, ECCV 2014",
        NEVER_TESTED_SUMME,
    ),
)

DATASETS: Final[Mapping[str, DatasetSpec]] = {row.key: row for row in _ROWS}
