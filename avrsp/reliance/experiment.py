"""Gather what the statements about sound rest on, split by split: rows, other sounds, changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from avrsp.compute import device_named
from avrsp.evaluate.intervals import Paired
from avrsp.models.saved import load_model
from avrsp.params import ComputeParams
from avrsp.params.runs import AUDIO_VISUAL, KINDS, VISUAL, Kind, run_name
from avrsp.reliance.analysis import Rules, listen_to
from avrsp.reliance.listening import SoundProbe
from avrsp.reliance.statements import PRIOR, Following, Measured, pursuits
from avrsp.reliance.truth import Split
from avrsp.store.video_store import MapStore


@dataclass(frozen=True, slots=True)
class ReliancePlaces:
    """Where a network with sound and its counterpart without are, and what is known of both.

    Attributes:
        stores: Folder of the videos' stores.
        models: Folder of `<network>-split<N>`, trained models.
        maps: Folder of `<network>-split<N>`, their maps.
        scores: Folder of `<network>-split<N>.parquet`, their scores.
        references: Folder of `references-split<N>.parquet`, scores of the centre prior.
        world: Side files of the generated world, which may be missing.
        networks: What the two are called by their kind.
    """

    stores: Path
    models: Path
    maps: Path
    scores: Path
    references: Path
    world: Path
    networks: Mapping[Kind, str] = field(default_factory=lambda: {kind: kind for kind in KINDS})

    def run(self, kind: Kind, split: Split) -> str:
        """Return the name of the run that trained one of the two on a split."""
        return run_name(self.networks[kind], split.number)


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
        run = places.run(AUDIO_VISUAL, split)
        probe = sound_probe(places.models / run, compute)
        rows, own = listen_to(probe, places.stores, split, rules, out=out / run)
        sounds.append(rows)
        faults += own
        follows += _followings(places, split)
    wanted = {kind: (places.scores, name, name) for kind, name in places.networks.items()}
    scores = {
        role: pd.concat(parts, ignore_index=True)
        for role, source in {**wanted, PRIOR: (places.references, "references", PRIOR)}.items()
        if (parts := [*_scores(*source, splits)])
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
        probe = sound_probe(places.models / places.run(AUDIO_VISUAL, split), compute)
        rows, own = listen_to(probe, places.stores, split, rules)
        visual = sound_probe(places.models / places.run(VISUAL, split), compute)
        sounds.append(rows)
        seen.append(listen_to(visual, places.stores, split, rules, names=("true",))[0])
        faults += own
    rows = pd.concat(sounds, ignore_index=True)
    true, visual_rows = rows[rows["sound"] == "true"], pd.concat(seen, ignore_index=True)
    methods = {AUDIO_VISUAL: true, VISUAL: visual_rows}
    return Measured(methods, rows, []), faults


def sound_probe(place: Path, compute: ComputeParams) -> SoundProbe:
    """Load the model in folder `place` so that it can be shown videos.

    Raises:
        WeightsError: It is missing or damaged.
    """
    model, spec, _ = load_model(place)
    device: torch.device = device_named(compute.device)
    return SoundProbe(model.to(device), spec, device, compute.precision, compute.windows)


def _scores(folder: Path, run: str, method: str, splits: Sequence[Split]) -> Iterator[pd.DataFrame]:
    for split in splits:
        path = folder / f"{run_name(run, split.number)}.parquet"
        if path.exists():
            rows = pd.read_parquet(path, filters=[("method", "==", method)])
            keys = zip(rows["dataset"], rows["video"], strict=True)
            yield rows.assign(kind=[split.kind(*key) for key in keys])


def _followings(places: ReliancePlaces, split: Split) -> Iterator[Following]:
    """Yield the changes of the videos whose maps are there, every frame of which was predicted."""
    for video in split.videos:
        key = (video.dataset, video.video)
        truth = split.truths.get(key)
        path = (
            places.maps
            / places.run(AUDIO_VISUAL, split)
            / video.dataset
            / f"{video.video}.zarr.zip"
        )
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
