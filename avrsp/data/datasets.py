"""The seven datasets, a row each: where they come from, how they lie on disk, what is odd.

Addresses, layouts and oddities are those of the public code of STAViS, ViNet and DHF1K. The six
audio-visual sets are taken from the STAViS mirror, on which the compared methods were scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avrsp.data.raw import RawVideo
from avrsp.data.readers import mirror
from avrsp.data.readers.dhf1k import Dhf1kVideo

STAVIS: Final = "http://cvsp.cs.ntua.gr/research/stavis/data"
DHF1K_DRIVE: Final = "https://drive.google.com/drive/folders/1sW0tf9RQMO4RR7SyKhU8Kmbm4jwkFGpQ"

NO_LICENCE: Final = "none stated; ask the authors"

ALL_ROLES: Final = frozenset({"train", "validation", "test", "none"})
WITHHELD: Final = frozenset({"test"})
"""DHF1K keeps the annotations of its 300 test videos to itself."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What is downloaded and unpacked to one folder.

    Attributes:
        folder: Where it lies, unpacked, below the raw folder.
        mirrors: Addresses of the archive, tried in order; none where it takes a browser.
        page: Where a person finds it.
    """

    folder: str
    mirrors: tuple[str, ...]
    page: str


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
    """

    key: str
    folder: str
    open: Callable[[Path, str, str], RawVideo]
    heard: bool
    converted: frozenset[str]
    citation: str
    licence: str
    archives: tuple[Archive, ...]

    def absence(self, raw: Path) -> str | None:
        """Say why the dataset cannot be read from `raw`; None where its folders are there."""
        for archive in self.archives:
            if not (raw / archive.folder).is_dir():
                return f"no folder {raw / archive.folder}; its archive is at {archive.page}"
        return None


def _mirrored(key: str, folder: str, citation: str) -> DatasetSpec:
    archives = tuple(
        Archive(f"{mirror.TREE}/{tree}/{folder}", (f"{STAVIS}/{tree}/{folder}.tar.gz",), STAVIS)
        for tree in mirror.TREES
    )
    return DatasetSpec(
        key, folder, mirror.MirrorVideo, True, ALL_ROLES, citation, NO_LICENCE, archives
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
        archives=tuple(
            Archive(f"dhf1k/{part}", (), DHF1K_DRIVE) for part in ("video", "annotation")
        ),
    ),
    _mirrored(
        "diem",
        "DIEM",
        "Mital, Smith, Hill, Henderson: Clustering of gaze during dynamic scene viewing is "
        "predicted by motion, Cognitive Computation 2011",
    ),
    _mirrored(
        "coutrot1",
        "Coutrot_db1",
        "Coutrot, Guyader: How saliency, faces, and sound influence gaze in dynamic social "
        "scenes, Journal of Vision 2014",
    ),
    _mirrored(
        "coutrot2",
        "Coutrot_db2",
        "Coutrot, Guyader: Multimodal saliency models for videos, in: From Human Attention to "
        "Computational Attention, Springer 2016",
    ),
    _mirrored(
        "avad",
        "AVAD",
        "Min, Zhai, Gu, Yang: Fixation prediction through multimodal analysis, ACM TOMM 2017",
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
    ),
)

DATASETS: Final[Mapping[str, DatasetSpec]] = {row.key: row for row in _ROWS}
