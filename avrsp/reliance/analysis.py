"""Does the sound matter? Every test video with other sounds, and what that does to the scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from avrsp.errors import AvrspError, StoreError, one_line
from avrsp.evaluate.intervals import Paired, entries, known, paired
from avrsp.evaluate.summary import METRICS
from avrsp.params import ProtocolName
from avrsp.progress import track
from avrsp.reliance.listening import ShownWindows, SoundProbe, evenly, listen, rows_of
from avrsp.reliance.sounds import SOUNDS, SoundName, Waveform, partners, soundtracks
from avrsp.reliance.truth import UNKNOWN, Split
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import VideoStore, write_maps

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


def listen_to(
    probe: SoundProbe,
    stores: Path,
    split: Split,
    rules: Rules,
    *,
    names: Sequence[SoundName] = SOUNDS,
    out: Path | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Show every video of a split with the named sounds.

    The retention with the true sound is written to `<out>/<dataset>/<video>.audio.zarr.zip`, and
    `.visual.zarr.zip`, a map for each frame that was looked at.

    Returns:
        Rows of frames as `rows_of` has them, with `dataset, split, video, kind, has_sound` and
        `other`, the name of the video that lent its sound; and what could not be shown, a line
        each.

    Raises:
        StoreError: No video could be shown.
    """
    lenders = partners(split.videos, {key: truth.kind for key, truth in split.truths.items()})
    parts, faults = [], []
    for video in track(split.videos, total=len(split.videos), label="other sounds", unit="video"):
        lender = lenders[video.dataset, video.video]
        try:
            shown, rows = _show(probe, stores, (video, lender), names, rules)
        except AvrspError as error:
            faults.append(f"{video.dataset}/{video.video}: {one_line(error)}")
            continue
        if out is not None:
            _write_retention(out / video.dataset / video.video, shown)
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
    true = rows[rows["sound"] == "true"]
    found: dict[str, Any] = {}
    for name in SOUNDS:
        own = rows[rows["sound"] == name]
        if own.empty:
            continue
        values: dict[str, Any] = {
            metric: known(value) for metric, value in _means(own, rules.protocol)
        }
        values["maps_cc"] = known(own.groupby(["dataset", "video"])["maps_cc"].mean().mean())
        if name != "true":
            for metric in COMPARED:
                values[f"{metric}_difference"] = as_json(rules.paired(true, own, metric))
        found[name] = values
    return found


def _means(rows: pd.DataFrame, protocol: ProtocolName) -> Iterator[tuple[str, float]]:
    found = entries(rows, protocol)
    for metric in METRICS:
        weight = found[f"{metric}_weight"].sum()
        yield metric, float(found[metric].sum() / weight) if weight else np.nan


def _videos(rows: pd.DataFrame) -> int:
    return len(rows[["dataset", "video"]].drop_duplicates())


def _show(
    probe: SoundProbe,
    stores: Path,
    pair: tuple[Verdict, Verdict | None],
    names: Sequence[SoundName],
    rules: Rules,
) -> tuple[ShownWindows, pd.DataFrame]:
    """Show the first video of `pair`, also with the sound of the second."""
    video, lender = pair
    store = VideoStore(store_path(stores, video))
    lent = VideoStore(store_path(stores, lender)).waveform if lender else np.zeros(0, np.float32)
    found = soundtracks(store.waveform, lent)
    tracks: dict[SoundName, Waveform] = {name: found[name] for name in names if name in found}
    shown = listen(probe, store, tracks, evenly(len(store), rules.frames))
    return shown, rows_of(shown, store, rules.protocol)


def _write_retention(stem: Path, shown: ShownWindows) -> None:
    for name, maps in (("audio", shown.audio), ("visual", shown.visual)):
        if maps.size:
            write_maps(stem.with_name(f"{stem.name}.{name}.zarr.zip"), maps)
