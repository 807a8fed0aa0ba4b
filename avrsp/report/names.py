"""What things are called in tables and figures: metrics, methods, and the runs of training."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from avrsp.params import runs

DIGITS: Final = {
    "sim": 3,
    "cc": 3,
    "nss": 2,
    "auc_judd": 3,
    "kl": 3,
    "auc_shuffled": 3,
    "ig": 2,
}
"""Decimals of each metric, as the paper prints them."""

MEAN_TITLE: Final = "Mean of the datasets"

GENERATED: Final = "(generated)"
"""Ends the title of what is of generated videos."""

SEEING: Final = runs.TITLES[runs.VISUAL]
HEARING: Final = runs.TITLES[runs.AUDIO_VISUAL]
KINDS: Final = (SEEING, HEARING)
"""What the kinds of models that the chain trains are called, the visual one first."""

REFERENCES: Final = {
    "uniform": "uniform",
    "centre prior": "centre prior",
    "other frame": "other frame †",
    "half the viewers": "half the viewers §",
    "other viewers": "other viewers §",
}

NO_PREDICTIONS: Final = frozenset({"other frame", "half the viewers", "other viewers"})
"""References that look at the ground truth, and are never marked as best."""

RUN: Final = re.compile(
    rf"({'|'.join(runs.KINDS)}|references|uniform|centre-prior|other-frame|half-the-viewers|"
    r"other-viewers)-split(\w+)"
)
"""Files of the chain's runs: what was scored, and on which split."""

SHOWN: Final = 26
"""Characters of a video's name that fit beside a strip."""


def own(methods: Iterable[str]) -> tuple[str, ...]:
    """Return those of `methods` that are models of the chain, the visual one first."""
    found = set(methods)
    return tuple(kind for kind in KINDS if kind in found)


def in_display_order(methods: Iterable[str]) -> tuple[str, ...]:
    """Return methods in the order in which pictures show them: the chain's, then others by name."""
    found = set(methods)
    return *own(found), *sorted(found.difference(KINDS))


def method_name(run: str) -> str:
    """Return what a run's name says of the method: "V", "AV", or "centre prior" and the like."""
    found = RUN.fullmatch(run)
    method = (found[1] if found else run).replace("-", " ")
    return method.upper() if method.upper() in KINDS else method


def given_name(method: str) -> str:
    """Return what a method is called whose maps were given."""
    return f"{method} ‡"


def run_name(kind: str, split: int | str) -> str:
    """Return the name of the run that trained a model of that kind on a split."""
    return f"{kind.lower()}-split{split}"


def in_order(run: str) -> tuple[str, int]:
    """Return a key that sorts pretraining first, then split by split V before AV."""
    kind, _, split = run.partition("-split")
    return split, len(kind)


def listed(words: Iterable[str]) -> str:
    """Return words as a sentence lists them: "a", "a and b", "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def shortened(video: str) -> str:
    """Return a video's name so that it fits beside a strip."""
    if len(video) <= SHOWN:
        return video
    return f"{video[: SHOWN // 2]}…{video[-(SHOWN // 2 - 1) :]}"
