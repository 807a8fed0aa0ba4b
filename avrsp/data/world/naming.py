"""How the real sets name their videos and folders, and which frame rates their lists print."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

FOLDERS: Final[Mapping[str, str]] = {
    "diem": "DIEM",
    "coutrot1": "Coutrot_db1",
    "coutrot2": "Coutrot_db2",
    "avad": "AVAD",
    "etmd": "ETMD_av",
    "summe": "SumMe",
}
"""The mirror's folder of each audio-visual set."""

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
