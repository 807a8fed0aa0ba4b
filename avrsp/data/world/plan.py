"""What the world will hold, before any of it exists: a pure function of parameters and seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal, NamedTuple

import numpy as np

from avrsp.data.world.folds import Place, places_of
from avrsp.data.world.naming import ENCODED, RATES
from avrsp.data.world.streams import stream
from avrsp.params import SPLITS, WorldKinds, WorldParams

ObjectKind = Literal["motor", "bird", "shaker"]
ClipKind = Literal["sounding", "music", "silent", "unheard"]
Quirk = Literal[
    "empty fixations", "missing sound", "one frame fewer", "stereo 44100", "stereo 48000"
]

OBJECT_KINDS: Final[tuple[ObjectKind, ...]] = ("motor", "bird", "shaker")
ORDERS: Final = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2))
"""Orders in which objects are followed, taken in turn: in the first three and in the last three
every kind is once the first, once the second and once the third."""

QUIRKS: Final[Mapping[str, tuple[tuple[Quirk, ClipKind], ...]]] = {
    "diem": (("empty fixations", "sounding"), ("stereo 48000", "sounding")),
    "coutrot1": (("missing sound", "music"),),
    "avad": (("one frame fewer", "sounding"), ("stereo 44100", "sounding")),
    "summe": (("empty fixations", "music"),),
}
"""Dataset -> quirks; each falls on the first such clip that split 1 trains on and that has none."""


class SheetRow(NamedTuple):
    """A video in the fold lists: its role in each split, "none" where no list names it."""

    video: str
    frames: int
    fps: float
    split1: str
    split2: str
    split3: str


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A video of the world.

    Attributes:
        dataset: Key of its dataset.
        video: Its name, unique in the dataset.
        frames: Frames that the lists give it.
        fps: Frame rate as the lists print it; `rate` is the encoded one.
        kind: "unheard" is DHF1K: the file has sound, its viewers heard none.
        roles: Split ("1", "2", "3") to "train", "validation" (DHF1K only), "test" or "none".
        followed: Kinds of object in the order in which viewers follow them; in a sounding clip
            they are the objects that sound.
        quirks: What is irregular about it on disk.
    """

    dataset: str
    video: str
    frames: int
    fps: float
    kind: ClipKind
    roles: Mapping[str, str]
    followed: tuple[ObjectKind, ...]
    quirks: tuple[Quirk, ...] = ()

    @property
    def rate(self) -> Fraction:
        """Frames a second that the video is encoded at."""
        return ENCODED[self.fps]

    def stream(self, seed: int, purpose: str) -> np.random.Generator:
        """Return the random numbers that are drawn for one purpose within this video alone."""
        return stream(seed, self.dataset, self.video, *self.roles.values(), purpose)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return float(self.frames / self.rate)


def plan(spec: WorldParams, seed: int) -> list[PlannedVideo]:
    """Return every video of the world, dataset by dataset in the order of their positions."""
    places = list(places_of(spec))
    folds = list(dict.fromkeys(place.fold for place in places))
    turns: Counter[tuple[str, ClipKind]] = Counter()
    videos = []
    for place in places:
        kind = _next_kind(place, turns, spec.kinds)
        order = _order(turns[place.fold, kind], seed + folds.index(place.fold))
        turns[place.fold, kind] += 1
        videos.append(_planned(place, kind, order, spec, seed))
    return _with_quirks(videos)


def sheet(spec: WorldParams, seed: int, dataset: str) -> list[SheetRow]:
    """Return the rows of one dataset, equal to the fold lists that `write_dataset` writes."""
    return [
        SheetRow(video.video, video.frames, video.fps, *(video.roles[str(k)] for k in SPLITS))
        for video in plan(spec, seed)
        if video.dataset == dataset
    ]


def _next_kind(place: Place, turns: Counter[tuple[str, ClipKind]], shares: WorldKinds) -> ClipKind:
    """Return the kind that its fold lacks most for the shares to hold."""
    if place.dataset == "dhf1k":
        return "unheard"
    heard: tuple[tuple[ClipKind, float], ...] = tuple(shares)  # type: ignore[arg-type]
    counts = {kind: turns[place.fold, kind] for kind, _ in heard}
    total = sum(counts.values()) + 1
    return max(heard, key=lambda item: round(item[1] * total - counts[item[0]], 9))[0]


def _order(turn: int, rotation: int) -> tuple[ObjectKind, ...]:
    """Return the order whose turn it is, other kinds leading in other folds."""
    return tuple(
        OBJECT_KINDS[(number + rotation) % len(OBJECT_KINDS)]
        for number in ORDERS[turn % len(ORDERS)]
    )


def _planned(
    place: Place, kind: ClipKind, order: tuple[ObjectKind, ...], spec: WorldParams, seed: int
) -> PlannedVideo:
    rng = stream(seed, place.dataset, place.video, *place.roles.values(), "plan")
    rates = RATES[place.dataset]
    frames = int(rng.integers(spec.frames[0], spec.frames[1], endpoint=True))
    fps = rates[place.position % len(rates)]
    stretches = 1
    if kind == "sounding":
        longest = int(frames / ENCODED[fps] / spec.sound.stretch)
        stretches = max(1, min(int(rng.integers(2, len(order), endpoint=True)), longest))
    return PlannedVideo(
        place.dataset, place.video, frames, fps, kind, place.roles, order[:stretches]
    )


def _with_quirks(videos: list[PlannedVideo]) -> list[PlannedVideo]:
    waiting = [(dataset, *quirk) for dataset, quirks in QUIRKS.items() for quirk in quirks]
    quirky = []
    for video in videos:
        fitting = [
            (dataset, quirk, kind)
            for dataset, quirk, kind in waiting
            if (dataset, kind, "train") == (video.dataset, video.kind, video.roles["1"])
        ]
        if fitting:
            waiting.remove(fitting[0])
            quirky.append(replace(video, quirks=(fitting[0][1],)))
        else:
            quirky.append(video)
    return quirky
