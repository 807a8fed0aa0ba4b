"""Gather what the statements about sound rest on, split by split: rows, other sounds, changes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from avrsp.evaluate.intervals import Paired
from avrsp.evaluate.score_table import read_rows
from avrsp.params import ComputeParams
from avrsp.params.runs import AUDIO_VISUAL, VISUAL, Kind, run_name
from avrsp.reliance.analysis import Listening, Rules, listen_to
from avrsp.reliance.statements import PRIOR, Following, Measured, pursuits
from avrsp.reliance.truth import Split
from avrsp.store.manifest import store_path
from avrsp.store.video_store import MapStore


@dataclass(frozen=True, slots=True)
class NetworkPlaces:
    """Where a network's results lie: in `home` the folders `models`, `maps` and `scores`.

    Attributes:
        name: By which its runs are called, `<name>-split<N>`, and its rows in the scores.
    """

    name: str
    home: Path

    def of(self, split: Split, folder: str) -> Path:
        """Return what `folder` holds of a split; of scores, without the ending."""
        return self.home / folder / run_name(self.name, split.number)


@dataclass(frozen=True, slots=True)
class ReliancePlaces:
    """Where a network with sound and its counterpart without are, and what both are judged by.

    Attributes:
        stores: Folder of the videos' stores.
        networks: The two, by kind.
        references: Whose scores hold the centre prior's rows.
        world: Side files of the generated world, which may be missing.
    """

    stores: Path
    networks: Mapping[Kind, NetworkPlaces]
    references: NetworkPlaces
    world: Path


def measure(
    places: ReliancePlaces, splits: Sequence[Split], compute: ComputeParams, rules: Rules, out: Path
) -> tuple[Measured, list[str]]:
    """Run the audio-visual model of each split with other sounds, and collect its scores.

    Retention is written below `out`/<run>. Returns what was measured, and what could not be shown.

    Raises:
        WeightsError: A model is missing or damaged.
        StoreError: No video of a split could be shown.
    """
    sounds, faults, follows = [], [], list[Following]()
    for split in splits:
        model = places.networks[AUDIO_VISUAL].of(split, "models")
        shown = Listening(model, compute, places.stores, rules, out=out / model.name)
        rows, own = listen_to(shown, split)
        sounds.append(rows)
        faults += own
        follows += _followings(places, split)
    wanted: dict[str, tuple[NetworkPlaces, str]] = {PRIOR: (places.references, PRIOR)}
    wanted |= {kind: (network, network.name) for kind, network in places.networks.items()}
    scores = {
        role: pd.concat(parts, ignore_index=True)
        for role, (network, method) in wanted.items()
        if (parts := [*_scores(network, method, splits)])
    }
    return Measured(scores, pd.concat(sounds, ignore_index=True), follows), faults


def measure_alone(
    places: ReliancePlaces, splits: Sequence[Split], compute: ComputeParams, rules: Rules
) -> tuple[Measured, list[str]]:
    """Measure without maps and scores of earlier stages, as on validation videos.

    V is run on the same frames; how soon the peak follows, and the centre prior, are left out.
    """
    sounds, seen, faults = [], [], list[str]()
    for split in splits:
        models = {kind: each.of(split, "models") for kind, each in places.networks.items()}
        shown = Listening(models[AUDIO_VISUAL], compute, places.stores, rules)
        rows, own = listen_to(shown, split)
        sounds.append(rows)
        visual = Listening(models[VISUAL], compute, places.stores, rules)
        seen.append(listen_to(visual, split)[0])
        faults += own
    rows = pd.concat(sounds, ignore_index=True)
    true, visual_rows = rows[rows["sound"] == "true"], pd.concat(seen, ignore_index=True)
    return Measured({AUDIO_VISUAL: true, VISUAL: visual_rows}, rows, []), faults


def _scores(network: NetworkPlaces, method: str, splits: Sequence[Split]) -> Iterator[pd.DataFrame]:
    for split in splits:
        path = network.of(split, "scores").with_suffix(".parquet")
        if path.exists():
            for rows in read_rows(path):
                if rows["method"].iat[0] == method:
                    key = str(rows["dataset"].iat[0]), str(rows["video"].iat[0])
                    yield rows.assign(kind=split.kind(*key))


def _followings(places: ReliancePlaces, split: Split) -> Iterator[Following]:
    """Yield the changes of the videos whose maps are there, every frame of which was predicted."""
    for video in split.videos:
        key = (video.dataset, video.video)
        truth = split.truths.get(key)
        path = store_path(places.networks[AUDIO_VISUAL].of(split, "maps"), video)
        if truth and truth.changes and path.exists():
            maps = MapStore(path)
            size = (video.height, video.width)
            found = maps.maps(0, len(maps)).astype(np.float32)
            yield from pursuits(key, found, truth, size)


def verdict(rows: pd.DataFrame, rules: Rules) -> str:
    """Say in one sentence whether the model uses sound.

    The clips in which the sound belongs to something visible decide, or all clips with sound where
    nobody knows which these are.

    Args:
        rows: Scores with each sound, as `listen_to` returns them.
        rules: How they become numbers.
    """
    sounds = rows[rows["has_sound"]]
    named = "sounding" in set(sounds["kind"])
    own = sounds[sounds["kind"] == "sounding"] if named else sounds
    clips = "test clips whose sound belongs to something visible" if named else "test clips"
    parts = {name: own[own["sound"] == name] for name in ("true", "other", "silence")}
    if any(part.empty for part in parts.values()):
        return "Whether this model uses sound was not measured: no test clip has sound."
    gap = rules.paired(parts["true"], parts["other"], "cc")
    presence = rules.paired(parts["true"], parts["silence"], "cc")
    if math.isnan(gap.low) or math.isnan(presence.low):
        return (
            "Whether this model uses sound cannot be told: that takes two test clips with sound "
            f"and a CC at least, found {min(gap.videos, presence.videos)}."
        )
    same = float(parts["other"]["maps_cc"].mean())
    measured = (
        f"on {gap.videos} {clips}, the true sound changes CC by {_signed(gap)} against another "
        f"clip's sound and by {_signed(presence)} against silence; maps with the true and with "
        f"another sound correlate by {same:.3f}."
    )
    if gap.low > 0:
        return f"This model uses the sound: {measured}"
    if presence.low > 0:
        return f"This model hears that there is sound, but does not gain by which: {measured}"
    return f"This model does not use the sound: {measured}"


def _signed(gap: Paired) -> str:
    return f"{gap.difference:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
