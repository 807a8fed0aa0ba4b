"""What the generated world knows of its test videos; only analyses read it, no network does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from avrsp.errors import RawDataError
from avrsp.store.manifest import Verdict

UNKNOWN: Final = "unknown"

VideoKey = tuple[str, str]
"""Dataset and video."""


@dataclass(frozen=True, slots=True)
class ClipTruth:
    """The truth of one video.

    Attributes:
        kind: "sounding", "music", "silent" or "distracting".
        fps: Frames a second.
        changes: Seconds at which another object begins to sound.
        sounding: Number of the object that sounds at each frame; None where none does.
        centres: objects x T x 2 rows and columns of the objects' centres in pixels of the truth.
        diameters: Of the objects, in the same pixels.
    """

    kind: str
    fps: float
    changes: tuple[float, ...]
    sounding: tuple[int | None, ...]
    centres: NDArray[np.float64]
    diameters: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A split with the videos that are looked at, and what the world knows of them."""

    number: int | str
    videos: Sequence[Verdict]
    truths: Mapping[VideoKey, ClipTruth]

    def kind(self, dataset: str, video: str) -> str:
        """Return which kind of clip a video is; "unknown" where nobody knows it."""
        truth = self.truths.get((dataset, video))
        return truth.kind if truth else UNKNOWN


def read_truths(
    folder: Path, datasets: Sequence[str], wanted: Iterable[VideoKey]
) -> dict[VideoKey, ClipTruth]:
    """Read `<dataset>.json` in `folder`; a folder that is not there knows nothing.

    Raises:
        RawDataError: A file is not what the world writes.
    """
    if not folder.is_dir():
        return {}
    asked = set(wanted)
    found: dict[VideoKey, ClipTruth] = {}
    for dataset in datasets:
        path = folder / f"{dataset}.json"
        try:
            content = json.loads(path.read_text()) if path.exists() else {}
            found |= {
                (dataset, video): _truth(facts)
                for video, facts in content.items()
                if (dataset, video) in asked
            }
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise RawDataError(
                f"{path}: not the world's side file ({type(error).__name__}: {error}); remove it "
                "and run: snakemake --cores all preprocess"
            ) from None
    return found


def _truth(facts: dict[str, Any]) -> ClipTruth:
    objects = facts["objects"]
    return ClipTruth(
        kind=facts["kind"],
        fps=float(facts["fps"]),
        changes=tuple(facts["changes"]) if facts["kind"] == "sounding" else (),
        sounding=tuple(facts["sounding"]),
        centres=np.array([each["positions"] for each in objects], np.float64),
        diameters=tuple(float(each["diameter"]) for each in objects),
    )
