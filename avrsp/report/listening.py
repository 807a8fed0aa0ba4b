"""What listening looks like: a change of sound frame by frame, a timeline, and the retention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from avrsp.data.store import VideoStore
from avrsp.errors import StoreError
from avrsp.report import wording
from avrsp.report.figures import moment, strip
from avrsp.report.inputs import Inputs
from avrsp.report.media import Chart
from avrsp.report.names import title
from avrsp.report.page import Block, Notice, Prose
from avrsp.report.palette import render
from avrsp.report.retention import Kept, kept_at, retention
from avrsp.report.timeline import Course, timeline

AFTER: Final = (-0.4, 0.3, 0.7, 1.2)
"""Seconds around a change that the sequence shows."""

Key = tuple[str, int, str]
"""Dataset, split and video."""


def changing(inputs: Inputs) -> list[Block]:
    """Show a clip in which another object begins to sound, frame by frame and as a timeline."""
    change = _typical_change(inputs)
    if change is None:
        return [Notice(wording.NO_CHANGES)]
    key = _key(inputs, change["dataset"], change["video"])
    try:
        return [_sequence(inputs, key, change["change"]), _timeline(inputs, key)]
    except StoreError as error:
        return [Notice(f"{title(key[0])}, {key[2]}: {error}")]


def retained(inputs: Inputs) -> list[Block]:
    """Show Ret_A and Ret_V for clips whose sound belongs to something visible, and others."""
    chosen = [*_by_kind(inputs)]
    if not chosen:
        return [Notice(wording.NO_RETENTION)]
    try:
        shown = [kept_at(inputs, key, label) for label, key in chosen]
    except StoreError as error:
        return [Notice(str(error))]
    return [Prose(wording.RETENTION), _retention(shown, inputs)]


def _sequence(inputs: Inputs, key: Key, change: float) -> Chart:
    dataset, split, video = key
    store, maps = inputs.store(dataset, video), inputs.maps(dataset, split, video)
    fps = store.attributes.fps
    frames = {
        round(offset, 2): min(max(round((change + offset) * fps), 0), len(store) - 1)
        for offset in AFTER
    }
    moments = [
        moment(store, maps, frame, label=_when(offset, frame), scores={})
        for offset, frame in frames.items()
    ]
    caption = (
        f"{title(dataset)}, {video}: another object begins to sound at {change:.2f} s. Of all such "
        "changes in the test videos this is the one after which AV's peak follows in the median "
        "time."
    )
    return Chart(
        name="change",
        title="When the sound changes",
        caption=caption,
        alt="Four moments around a change of sound: frame with fixations, ground truth, and the "
        f"maps of V and AV. {caption}",
        picture=render(lambda theme: strip(moments, theme)),
    )


def _timeline(inputs: Inputs, key: Key) -> Chart:
    dataset, _, video = key
    course = _course(inputs, inputs.store(dataset, video), key)
    caption = (
        f"{title(dataset)}, {video}: sound, mean absolute Ret_A of the frames that were looked at, "
        "and CC of each frame. Vertical lines: another object begins to sound."
    )
    return Chart(
        name="timeline",
        title="Sound, retention and score over time",
        caption=caption,
        alt=f"Three curves over time. {caption}",
        picture=render(lambda theme: timeline(course, theme)),
    )


def _course(inputs: Inputs, store: VideoStore, key: Key) -> Course:
    fps = store.attributes.fps
    here = _of(inputs.rows, key).sort_values("frame")
    scores = {
        model: (rows["frame"].to_numpy() / fps, rows["cc"].to_numpy(np.float64))
        for model in ("V", "AV")
        if len(rows := here[here["model"] == model])
    }
    heard = _of(inputs.sound_rows, key)
    heard = heard[heard["sound"] == "true"].sort_values("frame")
    changes = [
        float(each["change"])
        for each in (inputs.reliance or {}).get("changes", [])
        if (each["dataset"], each["video"]) == (key[0], key[2])
    ]
    return Course(
        waveform=store.waveform,
        duration=len(store) / fps,
        retention=(heard["frame"].to_numpy() / fps, heard["retention"].to_numpy(np.float64)),
        scores=scores,
        changes=changes,
    )


def _retention(shown: Sequence[Kept], inputs: Inputs) -> Chart:
    caption = (
        "Rows: "
        + "; ".join(f"{_flat(each.label)}: {title(each.dataset)}, {each.video}, frame {each.frame}"
                    for each in shown)
        + ". Each is the clip of its kind with the median retention. One scale for all: the "
        "brightest place that this model has in any test video."
    )  # fmt: skip
    return Chart(
        name="retention",
        title="What RAVF retains",
        caption=caption,
        alt=f"Frames, and Ret_A and Ret_V laid over them. {caption}",
        picture=render(lambda theme: retention(shown, theme)),
    )


def _typical_change(inputs: Inputs) -> Mapping[str, Any] | None:
    """Return the change whose wait is the lower median, of those with frames around them."""
    changes = (inputs.reliance or {}).get("changes", [])
    followed = [each for each in changes if each["seconds"] is not None and each["change"] > 1]
    ranked = sorted(followed, key=lambda each: (each["seconds"], each["dataset"], each["video"]))
    return ranked[(len(ranked) - 1) // 2] if ranked else None


def _by_kind(inputs: Inputs) -> Iterator[tuple[str, Key]]:
    """Yield each kind with its clip of median retention; all clips are one kind where unknown."""
    rows = inputs.sound_rows
    rows = rows[(rows["sound"] == "true") & rows["has_sound"]].dropna(subset="retention")
    for kind, own in sorted(rows.groupby("kind"), key=lambda pair: str(pair[0]), reverse=True):
        means = own.groupby(["dataset", "split", "video"])["retention"].mean()
        order = means.sort_values(kind="stable").index.to_list()
        if str(kind) == "unknown":
            yield "highest", order[-1]
            yield "lowest", order[0]
        else:
            yield wording.KINDS.get(str(kind), str(kind)), order[(len(order) - 1) // 2]


def _key(inputs: Inputs, dataset: str, video: str) -> Key:
    rows = inputs.sound_rows
    here = rows[(rows["dataset"] == dataset) & (rows["video"] == video)]
    return dataset, int(here["split"].iloc[0]) if len(here) else inputs.about.splits[0], video


def _of(rows: pd.DataFrame, key: Key) -> pd.DataFrame:
    dataset, split, video = key
    same = (rows["dataset"] == dataset) & (rows["split"] == split) & (rows["video"] == video)
    return rows[same]


def _when(offset: float, frame: int) -> str:
    side = "before" if offset < 0 else "after"
    return f"{abs(offset):.1f} s {side}\nthe change\nframe {frame}"


def _flat(label: str) -> str:
    return " ".join(label.split())
