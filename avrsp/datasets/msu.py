"""AViMoS, NTIRE 2026 and CrowdSAL, three open sets with sound: a video, its maps, its fixations.

Fixations are a list for each frame of `[y, x]`, zero-based pixels of the video, repeats included
and without who looked. Density maps are the luma of an H.264 video of 10 bits in limited range,
stretched frame by frame. Gaze was recorded by mouse in a browser, the periphery blurred.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from avrsp.datasets import msu_files
from avrsp.datasets.dataset_registry import Archive, DatasetSpec, ListedVideo, register
from avrsp.datasets.gaze import Annotation
from avrsp.datasets.msu_findings import findings
from avrsp.datasets.msu_survey import VideoFacts, credits_of, listed, read_points, stamp, survey
from avrsp.datasets.raw import Counts
from avrsp.errors import RawDataError
from avrsp.media import decode
from avrsp.media.luma import read_luma
from avrsp.media.probe import probe
from avrsp.store.manifest import EVERY_SPLIT, Role

MADE: Final = {
    "source": "the authors' density maps and fixations; gaze by mouse",
    "frame_rule": "list i is frame i; repeats count",
}


@dataclass(frozen=True, slots=True)
class MsuVideo:
    """A video of one of the three sets.

    Attributes:
        raw: Folder that holds the set's.
        folder: The set's key.
        video: The video's name, without `.mp4`.
    """

    raw: Path
    folder: str
    video: str

    @property
    def places(self) -> tuple[Path, ...]:
        """The three files of this video."""
        return tuple(self.raw / self.folder / each for each in self._facts.paths)

    @property
    def sound(self) -> Path | None:
        """The video file, where it has a sound track."""
        return self.places[0] if probe(self.places[0]).has_sound else None

    def counts(self) -> Counts:
        """Count maps and lists; the frames are counted by decoding."""
        _, maps, points = self.places
        return Counts(None, probe(maps).expected or 0, len(read_points(points, self.size())))

    def size(self) -> tuple[int, int]:
        """Return height and width of the frames as they are shown."""
        found = probe(self.places[0])
        return found.height, found.width

    def frames(self, height: int, width: int, notes: list[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames at the given size; `notes` receives a line on damage."""
        return decode.read_frames(self.places[0], height=height, width=width, notes=notes)

    def densities(self, count: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the first `count` density maps at their own size, each from 0 to 255."""
        found = 0
        for found, plane in enumerate(read_luma(self.places[1]), start=1):
            yield stretched(plane)
            if found == count:
                return
        raise RawDataError(f"{self.places[1]}: {found} maps can be decoded, expected {count}")

    def annotation(self, count: int, fps: float) -> Annotation:
        """Return the fixations on the first `count` frames; points outside are left out."""
        height, width = self.size()
        points = read_points(self.places[2], (height, width))
        return Annotation([each.inside for each in points[:count]], (height, width), fps, made=MADE)

    @property
    def _facts(self) -> VideoFacts:
        facts = listed(self.raw, self.folder).get(self.video)
        if facts is None:
            raise RawDataError(
                f"{self.video}: not listed in {self.folder}; run: avrsp download {self.folder}"
            )
        return facts


def stretched(plane: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return a map h x w as grey levels from 0 to 255; one of a single level is empty."""
    low, high = int(plane.min()), int(plane.max())
    scale = 255 / max(high - low, 1)
    found: NDArray[np.uint8] = np.rint((plane.astype(np.float32) - low) * scale).astype(np.uint8)
    return found


def list_videos(key: str, raw: Path) -> Sequence[ListedVideo]:
    """Return the videos that `prepare` counted, with the set's own parts as roles."""
    return [
        ListedVideo(video=each.video, frames=each.frames, fps=each.fps, roles=_roles(each.part))
        for each in listed(raw, key).values()
    ]


def prepare(key: str, raw: Path) -> None:
    """Count what is there, and say what was found in a line each."""
    for line in findings(key, raw, survey(key, raw)):
        sys.stderr.write(f"{key}: {line}\n")


def _roles(part: str) -> dict[str, Role]:
    return {EVERY_SPLIT: "train" if part == "train" else "test"}


SHA256: Final = {
    "avimos/FixationsTest": "e2c504576f30d47fde307d1044dfb16b621b3b9e90d2d5355ac661674d820b56",
    "avimos/FixationsTrain": "1b6ba74ff3877ad42eb57485dc80e14a8e0a122c79470a24f005ca1ad7b4ea41",
    "avimos/SaliencyTest": "ad535255c5d363f5482cb25aea9ce45b5a1d084797143788c687d49e6d2aa214",
    "avimos/SaliencyTrain": "8d30723234c68e6649bdd319ae53323256ab46337eae57764143c7d6594d4789",
    "ntire2026/Videos": "8b5e30b8ea3880f93860a4794a0ab385dcf8184166b4dfbcbd72ed8e1c39c0bd",
    "ntire2026/FixationsTrain": msu_files.SECOND_VERSION,
}
"""Of zip archives, as their pages show it."""

HUB: Final = "https://huggingface.co/datasets"
BY_MOUSE: Final = "gaze was recorded by mouse in a browser, not by an eye tracker"
OWN_LICENCES: Final = "each video has a licence and an author of its own: see VideoInfo.json"
OWN_LICENCES_BY_PART: Final = "each video has a licence and an author: see metadata.jsonl"
NO_VALIDATION: Final = "no validation part is published: one is carved out of the training part"
NO_VIEWERS: Final = "it is not published who looked where"


def _register(key: str, **facts: Any) -> None:  # noqa: ANN401 - the entry has the types
    page = f"{HUB}/{facts['repository']}"
    licences = OWN_LICENCES_BY_PART if key == msu_files.SINGLE else OWN_LICENCES
    register(
        DatasetSpec(
            key=key,
            reader=MsuVideo,
            folder=key,
            archives=tuple(
                Archive(name, name, "{video}.mp4", (), (page,), SHA256.get(name, ""))
                for name in (f"{key}/{part}" for part in msu_files.parts(key))
            ),
            side_files=msu_files.META,
            licence="CC BY 4.0; the videos CC BY or CC0, each its author's",
            source=page,
            viewers_heard_sound=True,
            gaze="mouse",
            splits=(EVERY_SPLIT,),
            quirks=(BY_MOUSE, licences, NO_VALIDATION, NO_VIEWERS),
            list_videos=partial(list_videos, key),
            prepare=partial(prepare, key),
            stamp=partial(stamp, key),
            credit=partial(credits_of, key),
            **facts,
        )
    )


_register(
    "avimos",
    title="AViMoS",
    repository="ANDRYHA/AudioVisualMouseSaliency",
    citation="Moskalenko, Bryncev, Vatolin, Timofte et al.: AIM 2024 challenge on video saliency "
    "prediction: methods and results, ECCV Workshops 2024",
    protocol="msu2024",
)
_register(
    "ntire2026",
    title="NTIRE 2026",
    repository="ANDRYHA/VideoSaliencyChallenge",
    citation="Moskalenko et al.: NTIRE 2026 challenge on video saliency prediction, CVPR Workshops "
    "2026, 2193-2206",
    protocol="msu2024",
)
_register(
    "crowdsal",
    title="CrowdSAL",
    repository="ANDRYHA/CrowdSAL",
    citation="MSU Video Group: CrowdSAL, 2026, https://github.com/msu-video-group/CrowdSAL",
    protocol="crowdsal",
)
