"""What is generated, planned before any of it exists: a pure function of parameters and seed."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal, NamedTuple

import numpy as np

from avrsp.datasets.dataset_registry import ListedVideo
from avrsp.params import WorldKinds, WorldParams
from avrsp.store.manifest import EVERY_SPLIT

ObjectKind = Literal["motor", "bird", "shaker"]
ClipKind = Literal["sounding", "music", "silent", "distracting", "unheard"]
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


SPLITS: Final = ("1", "2", "3")


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
        distractor: Of a distracting clip, the object that sounds and that viewers do not follow.
        hidden: Whether that object is not in the picture.
    """

    dataset: str
    video: str
    frames: int
    fps: float
    kind: ClipKind
    roles: Mapping[str, str]
    followed: tuple[ObjectKind, ...]
    quirks: tuple[Quirk, ...] = ()
    distractor: ObjectKind | None = None
    hidden: bool = False

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
        turn = turns[place.fold, kind]
        order = _order(turn, seed + folds.index(place.fold))
        turns[place.fold, kind] += 1
        video = _planned(place, kind, order, spec, seed)
        if kind == "distracting":
            video = replace(video, distractor=order[1], hidden=turn % 2 == 0)
        videos.append(video)
    return _with_quirks(videos)


def sheet(spec: WorldParams, seed: int, dataset: str) -> list[ListedVideo]:
    """Return the sheet of one dataset, equal to the fold lists that `write_dataset` writes."""
    return [
        ListedVideo.model_validate(
            {
                "video": video.video,
                "frames": video.frames,
                "fps": video.fps,
                "roles": {EVERY_SPLIT: video.roles["1"]} if dataset == "dhf1k" else video.roles,
            }
        )
        for video in plan(spec, seed)
        if video.dataset == dataset
    ]


def _next_kind(place: Place, turns: Counter[tuple[str, ClipKind]], shares: WorldKinds) -> ClipKind:
    """Return the kind that its fold lacks most for the shares to hold."""
    if place.dataset == "dhf1k":
        return "unheard"
    kinds: tuple[tuple[ClipKind, float], ...] = tuple(shares)  # type: ignore[arg-type]
    counts = {kind: turns[place.fold, kind] for kind, _ in kinds}
    total = sum(counts.values()) + 1
    return max(kinds, key=lambda item: round(item[1] * total - counts[item[0]], 9))[0]


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


ENCODED: Final[Mapping[float, Fraction]] = {
    14.99985: Fraction(15),
    23.976024: Fraction(24_000, 1001),
    23.99976: Fraction(24),
    24.99975: Fraction(25),
    29.97003: Fraction(30_000, 1001),
    29.9997: Fraction(30),
    30.0: Fraction(30),
}
"""Listed frame rate -> encoded one; the mirror's lists print whole rates times 0.99999."""

RATES: Final[Mapping[str, tuple[float, ...]]] = {
    "diem": (29.9997,),
    "coutrot1": (24.99975,),
    "coutrot2": (24.99975,),
    "avad": (29.97003, 24.99975, 29.9997, 23.976024, 23.99976),
    "etmd": (24.99975,),
    "summe": (14.99985, 29.97003, 24.99975, 29.9997, 23.976024),
    "dhf1k": (30.0,),
}
"""Rates that occur in a set; its videos take them in turn."""

SCENES: Final = ("harbour", "orchard", "arcade", "quarry", "lagoon", "meadow", "foundry", "terrace")
SIZES: Final = ("1280x720", "1024x576", "960x720")
SUBJECTS: Final = ("Speech", "News", "Guitar", "Dog", "Piano")
FILMS: Final = ("CHI", "CRA", "DEP", "FNE", "GLA", "LOR")
TITLES: Final = ("Crossing", "Descent", "Workshop", "Festival", "Rehearsal")
PLACES: Final = ("Harbour", "Valley", "Rooftop", "Tunnel", "Island")
VIDEOS_A_SUBJECT: Final = 4


def video_name(dataset: str, position: int) -> str:
    """Return the name of the video at `position` (from 0) of an audio-visual set."""
    if dataset == "diem":
        take, scene = divmod(position, len(SCENES))
        return f"{SCENES[scene]}_{take + 1}_{SIZES[position % len(SIZES)]}"
    if dataset == "avad":
        subject, number = divmod(position, VIDEOS_A_SUBJECT)
        return f"V{position + 1}_{SUBJECTS[subject % len(SUBJECTS)]}{number + 1}"
    if dataset == "etmd":
        take, film = divmod(position, len(FILMS))
        return f"{FILMS[film]}_{take + 1}_color"
    if dataset == "summe":
        return _title(position)
    return f"clip{position + 1}"


def _title(position: int) -> str:
    pairs = itertools.product(TITLES, PLACES)
    title, place = next(itertools.islice(itertools.cycle(pairs), position, None))
    again = position // (len(TITLES) * len(PLACES))
    return f"{place}_{title}" + (f"_{again + 1}" if again else "")


TESTED_TWICE: Final = ("avad", 2)
ABSENT_ONCE: Final = ("summe", 1)
"""Dataset and position of the videos whose folds are not clean, as in the real lists."""

UNHEARD_FIRST: Final = {"train": 1, "validation": 601, "test": 701}
"""DHF1K's number of the first video of each role."""

DIEM_TESTED: Final = 4
"""Every so many videos of DIEM one is tested."""


class Place(NamedTuple):
    """Where a video stands: what is known before its contents are drawn."""

    dataset: str
    position: int
    video: str
    roles: dict[str, str]

    @property
    def fold(self) -> str:
        """Name the videos among which kinds are balanced: those tested together, or never."""
        own = f"{self.dataset} " if self.dataset in {"diem", "dhf1k"} else ""
        tested = [split for split, role in self.roles.items() if role == "test"]
        return own + (tested[0] if tested else self.roles["1"])


def places_of(spec: WorldParams) -> Iterator[Place]:
    """Yield every video's place, dataset by dataset in the order of their positions."""
    counts: dict[str, int] = spec.videos.model_dump()
    for dataset, count in counts.items():
        for position in range(count):
            yield Place(dataset, position, video_name(dataset, position), _roles(dataset, position))
    for role, first in UNHEARD_FIRST.items():
        for position in range(getattr(spec.unheard, role)):
            yield Place("dhf1k", position, f"{first + position:03d}", dict.fromkeys(SPLITS, role))


def _roles(dataset: str, position: int) -> dict[str, str]:
    if dataset == "diem":
        tested = position % DIEM_TESTED == DIEM_TESTED - 1
        return dict.fromkeys(SPLITS, "test" if tested else "train")
    if (dataset, position) == ABSENT_ONCE:
        return {"1": "train", "2": "none", "3": "train"}
    own = SPLITS[position % len(SPLITS)]
    roles = {split: "test" if split == own else "train" for split in SPLITS}
    return roles | {"1": "test"} if (dataset, position) == TESTED_TWICE else roles


class Stretch(NamedTuple):
    """A part of a video, in seconds, in which one kind of object is followed."""

    start: float
    end: float
    kind: ObjectKind


def stretches(video: PlannedVideo, least: float, seed: int) -> list[Stretch]:
    """Divide a video among the objects that it follows, each for `least` seconds or longer."""
    count = len(video.followed)
    spare = video.duration - least * count
    shares = video.stream(seed, "schedule").dirichlet(np.full(count, 3.0))
    lengths = least + shares * spare if spare > 0 else np.full(count, video.duration / count)
    ends = np.cumsum(lengths).tolist()
    return [
        Stretch(start, end, kind)
        for start, end, kind in zip([0.0, *ends], ends, video.followed, strict=False)
    ]


def followed_at(time: float, schedule: Sequence[Stretch]) -> ObjectKind:
    """Return the kind that is followed at `time`, the first one before the start."""
    return next((part.kind for part in reversed(schedule) if part.start <= time), schedule[0].kind)


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the generator that belongs to `names` under `seed`.

    Streams of different names are independent; a video's names hold its role, so that train,
    validation and test videos never share a seed.
    """
    key = "\0".join((str(seed), *names))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()))
