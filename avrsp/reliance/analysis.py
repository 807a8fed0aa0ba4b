"""Does the sound matter? Every test video with other sounds, and what that does to the scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from avrsp.errors import AvrspError, StoreError, one_line
from avrsp.evaluate.intervals import Paired, by_video, entries, known, paired, paired_test
from avrsp.evaluate.summary import METRICS
from avrsp.params import ComputeParams, ProtocolName
from avrsp.progress import track
from avrsp.reliance.listening import (
    ShownWindows,
    SoundProbe,
    evenly,
    listen,
    rows_of,
    sound_probe,
)
from avrsp.reliance.sounds import SOUNDS, SoundName, Waveform, partners, soundtracks
from avrsp.reliance.truth import UNKNOWN, Split
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import VideoStore, write_maps
from avrsp.workers import map_in_workers, network_workers

ShownPair: TypeAlias = tuple[Verdict, Verdict | None]
"""A video, and the one that lends it a sound."""

COMPARED: Final = ("cc", "nss")
"""Metrics whose differences between sounds are tested."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How many frames of a video are looked at, and how their rows become numbers.

    Attributes:
        protocol: By which frames are scored and averaged.
        resamples: Draws for intervals, and permutations for tests.
        seed: Of both.
        frames: At most so many of a video, evenly spaced.
    """

    protocol: ProtocolName
    resamples: int
    seed: int
    frames: int

    def paired(self, rows: pd.DataFrame, others: pd.DataFrame, metric: str) -> Paired:
        """Compare two sets of rows, video by video."""
        return paired(
            rows,
            others,
            metric,
            protocol=self.protocol,
            resamples=self.resamples,
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class Listening:
    """Which network is shown videos, with which sounds, and what becomes of it.

    Attributes:
        model: Its folder.
        compute: Where and how it runs.
        stores: Folder of the videos' stores.
        rules: How many frames are looked at, and how they are scored.
        names: The sounds; a network that takes none is shown a video once.
        out: Where its retention is written, if anywhere.
    """

    model: Path
    compute: ComputeParams
    stores: Path
    rules: Rules
    names: tuple[SoundName, ...] = SOUNDS
    out: Path | None = None


def listen_to(listening: Listening, split: Split) -> tuple[pd.DataFrame, list[str]]:
    """Show every video of a split; on a CPU a small network runs in several processes.

    The retention with the true sound is written to `<out>/<dataset>/<video>.audio.zarr.zip`, and
    `.visual.zarr.zip`, a map for each frame that was looked at.

    Returns:
        Rows of frames as `rows_of` has them, with `dataset, split, video, kind, has_sound` and
        `other`, the name of the video that lent its sound; and what could not be shown, a line
        each.

    Raises:
        WeightsError: The model is missing or damaged.
        StoreError: No video could be shown.
    """
    lenders = partners(split.videos, {key: truth.kind for key, truth in split.truths.items()})
    pairs = [(video, lenders[video.dataset, video.video]) for video in split.videos]
    parts, faults = [], []
    for (video, lender), rows in zip(pairs, _shown(listening, pairs), strict=True):
        if isinstance(rows, str):
            faults.append(f"{video.dataset}/{video.video}: {rows}")
            continue
        facts: dict[str, Any] = {
            "dataset": video.dataset,
            "split": split.number,
            "video": video.video,
            "kind": split.kind(video.dataset, video.video),
            "has_sound": video.has_sound,
            "other": f"{lender.dataset}/{lender.video}" if lender else "",
        }
        parts.append(rows.assign(**facts))
    if not parts:
        raise StoreError(f"no video could be shown; the first: {[*faults, 'there is none'][0]}")
    return pd.concat(parts, ignore_index=True), faults


def summarise_sounds(rows: pd.DataFrame, rules: Rules) -> list[dict[str, Any]]:
    """Return the scores with each sound, for all videos, each dataset, and each kind of clip.

    Each entry holds `by` ("all", "dataset" or "kind"), `name`, `videos` (with sound), and by sound
    the mean over videos of each metric, `maps_cc`, and for the compared metrics how much the true
    sound is better: `<metric>_difference`, what `Paired` holds. Videos without a sound track form
    the entry of the kind "silent" alone, because their true sound is silence.
    """
    sounding = rows[rows["has_sound"]]
    groups = [("all", "all videos with sound", sounding)]
    groups += [("dataset", str(name), own) for name, own in sounding.groupby("dataset")]
    groups += [("kind", str(name), own) for name, own in rows.groupby("kind") if name != UNKNOWN]
    return [
        {"by": by, "name": name, "videos": _videos(own), "sounds": _by_sound(own, rules)}
        for by, name, own in groups
        if len(own)
    ]


def as_json(found: Paired) -> dict[str, Any]:
    """Return a comparison as JSON knows it."""
    values = dataclasses.asdict(found)
    return {name: value if name == "videos" else known(value) for name, value in values.items()}


def _by_sound(rows: pd.DataFrame, rules: Rules) -> dict[str, Any]:
    parts = {name: rows[rows["sound"] == name] for name in SOUNDS}
    given = {name: entries(own, rules.protocol) for name, own in parts.items() if len(own)}
    scores = {name: by_video(each) for name, each in given.items()}
    found: dict[str, Any] = {}
    for name, each in given.items():
        values: dict[str, Any] = {metric: known(value) for metric, value in _means(each)}
        cc = parts[name].groupby(["dataset", "video"])["maps_cc"].mean()
        values["maps_cc"] = known(cc.mean())
        if name != "true":
            for metric in COMPARED:
                gaps = scores["true"][metric] - scores[name][metric]
                gap = paired_test(gaps, rules.resamples, rules.seed)
                values[f"{metric}_difference"] = as_json(gap)
        found[name] = values
    return found


def _means(found: pd.DataFrame) -> Iterator[tuple[str, float]]:
    for metric in METRICS:
        weight = found[f"{metric}_weight"].sum()
        yield metric, float(found[metric].sum() / weight) if weight else np.nan


def _videos(rows: pd.DataFrame) -> int:
    return len(rows[["dataset", "video"]].drop_duplicates())


def _shown(listening: Listening, pairs: Sequence[ShownPair]) -> Iterator[pd.DataFrame | str]:
    """Yield what comes of each pair."""
    _probe.cache_clear()  # another network may lie there by now
    probe = _probe(listening.model, listening.compute)
    window = probe.spec.length * probe.spec.height * probe.spec.width
    number = network_workers(probe.device.type, window, len(pairs))
    show = partial(_show, listening=listening)
    results = map_in_workers(show, pairs, number) if number else map(show, pairs)
    yield from track(results, total=len(pairs), label="other sounds", unit="video")


def _show(pair: ShownPair, listening: Listening) -> pd.DataFrame | str:
    """Return the rows of a pair's video, or why it could not be shown."""
    probe = _probe(listening.model, listening.compute)
    try:
        shown, rows = _rows(probe, listening, *pair)
    except AvrspError as error:
        return str(one_line(error))
    if listening.out is not None:  # where that fails, the run ends: no video is at fault
        _write_retention(listening.out / pair[0].dataset / pair[0].video, shown)
    return rows


_probe = lru_cache(maxsize=1)(sound_probe)
"""The network, which each process loads once."""


def _rows(
    probe: SoundProbe, listening: Listening, video: Verdict, lender: Verdict | None
) -> tuple[ShownWindows, pd.DataFrame]:
    """Show a video, also with the sound of the other one."""
    store = VideoStore(store_path(listening.stores, video))
    lent = np.zeros(0, np.float32)
    if lender is not None:
        lent = VideoStore(store_path(listening.stores, lender)).waveform
    found = soundtracks(store.waveform, lent)
    names = listening.names if probe.spec.audio else ("true",)
    tracks: dict[SoundName, Waveform] = {name: found[name] for name in names if name in found}
    shown = listen(probe, store, tracks, evenly(len(store), listening.rules.frames))
    return shown, rows_of(shown, store, listening.rules.protocol)


def _write_retention(stem: Path, shown: ShownWindows) -> None:
    for name, maps in (("audio", shown.audio), ("visual", shown.visual)):
        if maps.size:
            write_maps(stem.with_name(f"{stem.name}.{name}.zarr.zip"), maps)
