"""Which fusion does best on which clips, over seeds and videos together, and what sound adds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import scipy

from avrsp.errors import StoreError
from avrsp.evaluate.intervals import ScoreArray, entries, holm, known
from avrsp.evaluate.nested_bootstrap import Estimate, estimate
from avrsp.reliance.analysis import Rules

RAVF: Final = "ravf"
KINDS: Final = ("sounding", "distracting", "music", "silent")
IRRELEVANT: Final = ("distracting", "music")
"""Kinds of clip whose sound says nothing about where viewers look."""

CLIPS: Final[Mapping[str, tuple[str, ...]]] = {
    "all": KINDS,
    "irrelevant": IRRELEVANT,
    **{kind: (kind,) for kind in KINDS},
}
"""Groups of clips by name."""

COST: Final = "cost of irrelevant sound"
"""CC with the true sound minus CC with none, on clips whose sound is irrelevant."""

INSIDE: Final = ("retention", "contribution", "selectivity")
MEASURES: Final = (*INSIDE, "change of the map")
"""What might tell relevant sound from irrelevant; the last one any fusion has, the others RAVF."""

SEPARATES: Final = 0.9
"""Least AUC, on each seed, with which a measure is said to tell them apart."""

SIGNIFICANT: Final = 0.05
"""Adjusted p value below which a difference is called one."""

VIDEO: Final = ["fusion", "seed", "dataset", "video", "kind", "sound"]
SCORES: Final = ("cc", "nss")
HEARD: Final = ("maps_cc", "retention", "contribution", "selectivity")


@dataclass(frozen=True, slots=True)
class Comparison:
    """RAVF against another fusion by one outcome.

    Attributes:
        other: The other fusion.
        outcome: A group of `CLIPS`, whose CC is compared, or `COST`.
        gap: RAVF's value minus the other's.
        adjusted: Its p value by Holm's method, over all comparisons of all outcomes.
    """

    other: str
    outcome: str
    gap: Estimate
    adjusted: float

    @property
    def verdict(self) -> str:
        """Say where RAVF is: "ahead", "level", "behind"; "not compared" without videos."""
        if np.isnan(self.adjusted):
            return "not compared"
        if self.adjusted >= SIGNIFICANT:
            return "level"
        return "ahead" if self.gap.value > 0 else "behind"


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a measure tells sounding clips from those with irrelevant sound, by seed.

    Attributes:
        fusion: Of the networks.
        measure: One of `MEASURES`.
        auc: By seed, the chance that a sounding clip has more of it; 0.5 says nothing.
    """

    fusion: str
    measure: str
    auc: Mapping[int, float]

    @property
    def separates(self) -> bool:
        """Whether it does so on every seed."""
        return min(self.auc.values()) >= SEPARATES


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is found out about the fusions of one world.

    Attributes:
        fusions: Those compared, in the order of Table V.
        seeds: Those that every fusion was run on.
        scores: CC by fusion and group of `CLIPS`.
        costs: CC with the true sound minus CC without, by fusion and group of irrelevant sounds.
        comparisons: RAVF against every other fusion by every outcome.
        separations: What tells relevant sound from irrelevant.
        headline: Numbers of RAVF and of the network without sound, by name and seed.
    """

    fusions: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: Mapping[tuple[str, str], Estimate]
    costs: Mapping[tuple[str, str], Estimate]
    comparisons: tuple[Comparison, ...]
    separations: tuple[Separation, ...]
    headline: Mapping[str, Mapping[int, float]]

    def versus(self, outcome: str) -> list[Comparison]:
        """Return the comparisons by one outcome."""
        return [each for each in self.comparisons if each.outcome == outcome]

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON knows it."""
        return {
            "fusions": [*self.fusions],
            "seeds": [*self.seeds],
            "scores": [*_listed(self.scores)],
            "costs": [*_listed(self.costs)],
            "comparisons": [
                {"other": each.other, "outcome": each.outcome, **_numbers(each.gap),
                 "p_holm": known(each.adjusted), "ravf_is": each.verdict}
                for each in self.comparisons
            ],
            "separations": [
                {"fusion": each.fusion, "measure": each.measure, "separates": each.separates,
                 "auc": {str(seed): known(value) for seed, value in each.auc.items()}}
                for each in self.separations
            ],
            "headline": [
                {"number": name, **spread(values),
                 "by_seed": {str(seed): known(value) for seed, value in values.items()}}
                for name, values in self.headline.items()
            ],
        }  # fmt: skip


def of_videos(parts: Iterable[pd.DataFrame], rules: Rules) -> pd.DataFrame:
    """Return a row for each video, fusion, seed and sound from rows of frames.

    Args:
        parts: Rows as `listen_to` returns them, with `fusion` and `seed`, each of one network.
        rules: By which frames become a video's score.

    Returns:
        The columns `VIDEO`, `SCORES` and `HEARD`.
    """
    found = []
    for rows in parts:
        for sound, own in rows.groupby("sound"):
            keys = ["dataset", "video"]
            sums = entries(own, rules.protocol).groupby(keys).sum()
            scores = {name: sums[name] / sums[f"{name}_weight"] for name in SCORES}
            facts = own.groupby(keys)[["fusion", "seed", "kind"]].first()
            heard = own.groupby(keys)[[*HEARD]].mean()
            table = facts.join(pd.DataFrame(scores)).join(heard).reset_index()
            found.append(table.assign(sound=str(sound)))
    return pd.concat(found, ignore_index=True)[[*VIDEO, *SCORES, *HEARD]]


def findings(videos: pd.DataFrame, fusions: Sequence[str], rules: Rules) -> Findings:
    """Find out everything from a row for each video, as `of_videos` returns them.

    Args:
        videos: Of one world.
        fusions: All fusions in the order of display.
        rules: How often to resample, and by which seed.

    Raises:
        StoreError: RAVF or every other fusion is missing, or one lacks a seed that another has.
    """
    table = _Table(videos, rules)
    ran = tuple(each for each in fusions if each in table.seeds)
    if RAVF not in ran or len(ran) == 1:
        raise StoreError(f"found scores of {', '.join(ran)}, expected {RAVF} and another fusion")
    if len({*table.seeds.values()}) > 1:
        raise StoreError(
            "not every fusion was run on every seed; run: dvc repro workflow/fusions/dvc.yaml"
        )
    return Findings(
        fusions=ran,
        seeds=table.seeds[RAVF],
        scores={(fusion, clips): table.mean(fusion, clips) for fusion in ran for clips in CLIPS},
        costs={
            (fusion, clips): table.cost(fusion, clips)
            for fusion in ran
            for clips in ("irrelevant", *IRRELEVANT)
            if table.hears(fusion)
        },
        comparisons=tuple(_compared(table, [each for each in ran if each != RAVF])),
        separations=tuple(_separated(table, ran)),
        headline=_headline(table, ran),
    )


def spread(values: Mapping[int, float]) -> dict[str, float | None]:
    """Return mean, standard deviation, least and greatest value over seeds."""
    found = np.array([*values.values()])
    deviation = float(found.std(ddof=1)) if len(found) > 1 else None
    return {
        "mean": known(found.mean()),
        "deviation": known(deviation),
        "least": known(found.min()),
        "greatest": known(found.max()),
    }


class _Table:
    """Scores of videos, looked up by fusion, sound and kind of clip, apart for each seed."""

    def __init__(self, videos: pd.DataFrame, rules: Rules) -> None:
        self.rules = rules
        self.of = {key: own.set_index(["seed", "dataset", "video"]).sort_index()
                   for key, own in videos.groupby(["fusion", "sound"])}  # fmt: skip
        self.seeds = {
            str(fusion): tuple(sorted({int(seed) for seed in own["seed"]}))
            for fusion, own in videos.groupby("fusion")
        }

    def hears(self, fusion: str) -> bool:
        """Whether the fusion was shown other sounds, as only one that takes sound is."""
        return (fusion, "silence") in self.of

    def cc(self, fusion: str, clips: str, sound: str = "true") -> pd.Series[float]:
        """Return CC by seed and video; a silent clip's true sound is silence."""
        own = self.of[fusion, sound if self.hears(fusion) else "true"]
        return own[own["kind"].isin(CLIPS[clips])]["cc"]

    def lost(self, fusion: str, clips: str) -> pd.Series[float]:
        """Return CC with the true sound minus CC without; 0 for a fusion that hears nothing."""
        return self.cc(fusion, clips) - self.cc(fusion, clips, "silence")

    def mean(self, fusion: str, clips: str) -> Estimate:
        """Return the CC on some clips."""
        return self.estimated(self.cc(fusion, clips))

    def cost(self, fusion: str, clips: str) -> Estimate:
        """Return what its own sound adds to the CC on some clips."""
        return self.estimated(self.lost(fusion, clips))

    def estimated(self, values: pd.Series[float]) -> Estimate:
        """Return the mean over seeds of means over videos, with its interval."""
        groups: list[ScoreArray] = [
            np.asarray(own, np.float64) for _, own in values.groupby(level="seed")
        ]
        return estimate(groups, self.rules.resamples, self.rules.seed)


def _compared(table: _Table, others: Sequence[str]) -> Iterator[Comparison]:
    gaps = {
        (other, outcome): table.estimated(table.cc(RAVF, outcome) - table.cc(other, outcome))
        for outcome in CLIPS
        for other in others
    }
    gaps |= {
        (other, COST): table.estimated(
            table.lost(RAVF, "irrelevant") - table.lost(other, "irrelevant")
        )
        for other in others
    }
    adjusted = holm([gap.p for gap in gaps.values()])
    for ((other, outcome), gap), p in zip(gaps.items(), adjusted, strict=True):
        yield Comparison(other, outcome, gap, p)


def _separated(table: _Table, fusions: Sequence[str]) -> Iterator[Separation]:
    for fusion in fusions:
        if not table.hears(fusion):
            continue
        true, silence = table.of[fusion, "true"], table.of[fusion, "silence"]
        seen = true.assign(**{MEASURES[-1]: 1 - silence["maps_cc"]})
        for measure in MEASURES:
            auc = {seed: _auc(seen.loc[[seed]], measure) for seed in table.seeds[fusion]}
            if not np.isnan([*auc.values()]).any():
                yield Separation(fusion, measure, auc)


def _auc(videos: pd.DataFrame, measure: str) -> float:
    """Return the chance that a sounding clip has more than one with irrelevant sound."""
    values = videos[measure].dropna()
    kinds = videos.loc[values.index, "kind"]
    relevant, other = values[kinds == "sounding"], values[kinds.isin(IRRELEVANT)]
    if relevant.empty or other.empty:
        return np.nan
    above = scipy.stats.mannwhitneyu(relevant, other).statistic
    return float(above / (len(relevant) * len(other)))


def _headline(table: _Table, fusions: Sequence[str]) -> dict[str, dict[int, float]]:
    """Return by name and seed what the sample's page begins with, in this world."""
    sees = [each for each in fusions if not table.hears(each)]
    found = {"AV: CC, mean of the sets": _of_sets(table, RAVF)}
    if sees:
        found = {"V: CC, mean of the sets": _of_sets(table, sees[0]), **found}
        gain = table.cc(RAVF, "sounding") - table.cc(sees[0], "sounding")
        found["sounding: CC of AV minus CC of V"] = _of_seeds(gain)
    own = table.cc(RAVF, "sounding") - table.cc(RAVF, "sounding", "other")
    found["sounding: CC of AV with its sound minus with another video's"] = _of_seeds(own)
    return found


def _of_sets(table: _Table, fusion: str) -> dict[int, float]:
    sets = table.cc(fusion, "all").groupby(level=["seed", "dataset"]).mean()
    return _of_seeds(sets)


def _of_seeds(values: pd.Series[float]) -> dict[int, float]:
    means = values.groupby(level="seed").mean()
    return {int(str(seed)): float(value) for seed, value in means.items()}


def _listed(found: Mapping[tuple[str, str], Estimate]) -> Iterator[dict[str, Any]]:
    for (fusion, clips), each in found.items():
        yield {"fusion": fusion, "clips": clips, **_numbers(each)}


def _numbers(found: Estimate) -> dict[str, Any]:
    values = dataclasses.asdict(found)
    return {name: each if isinstance(each, int) else known(each) for name, each in values.items()}
