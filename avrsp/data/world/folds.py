"""Which videos there are, and which of them each split trains on and tests.

Folds follow the real sets: DIEM has one split, the other five test a third of their videos in each
split, DHF1K has train, validation and test videos by number. As in the real lists, not all folds
are clean: one AVAD video is tested twice, one SumMe video is absent from split 2 and never tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from avrsp.data.world.naming import video_name
from avrsp.params import SPLITS, WorldParams

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
    heard: dict[str, int] = spec.videos.model_dump()
    for dataset, count in heard.items():
        for position in range(count):
            yield Place(dataset, position, video_name(dataset, position), _roles(dataset, position))
    for role, first in UNHEARD_FIRST.items():
        for position in range(getattr(spec.unheard, role)):
            yield Place("dhf1k", position, f"{first + position:03d}", dict.fromkeys("123", role))


def _roles(dataset: str, position: int) -> dict[str, str]:
    if dataset == "diem":
        tested = position % DIEM_TESTED == DIEM_TESTED - 1
        return dict.fromkeys("123", "test" if tested else "train")
    if (dataset, position) == ABSENT_ONCE:
        return {"1": "train", "2": "none", "3": "train"}
    roles = {str(k): "test" if position % len(SPLITS) == k - 1 else "train" for k in SPLITS}
    return roles | {"1": "test"} if (dataset, position) == TESTED_TWICE else roles
