"""What listening looks like: a change of sound frame by frame, and as a timeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from avrsp.errors import StoreError
from avrsp.report import texts
from avrsp.report.about import About
from avrsp.report.charts import moment, strip
from avrsp.report.drawing import render
from avrsp.report.inputs import Inputs
from avrsp.report.names import HEARING
from avrsp.report.page import Block, BulletPoints, Chart, Folded, Grid, Notice, PageSection, Prose
from avrsp.report.tables import NOT_DEFINED
from avrsp.report.traces import SplitVideoKey, TimeCourse, timeline
from avrsp.store.video_store import VideoStore

AFTER: Final = (-0.4, 0.3, 0.7, 1.2)
"""Seconds around a change that the sequence shows."""


def changing(inputs: Inputs) -> list[Block]:
    """Show a clip in which another object begins to sound, frame by frame and as a timeline."""
    change = _typical_change(inputs)
    if change is None:
        return [Notice(texts.NO_CHANGES)]
    key = _key(inputs, change["dataset"], change["video"])
    try:
        return [_sequence(inputs, key, change["change"]), _timeline(inputs, key)]
    except StoreError as error:
        return [Notice(f"{inputs.about.clip(key[0], key[2])}: {error}", fault=True)]


def _sequence(inputs: Inputs, key: SplitVideoKey, change: float) -> Chart:
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
        f"{inputs.about.clip(dataset, video)}: another object begins to sound at {change:.2f} s. "
        "Of all such changes in the test videos this is the one after which AV's peak follows in "
        "the median time."
    )
    return Chart(
        name="change",
        title="When the sound changes",
        caption=caption,
        alt="Four moments around a change of sound: frame with fixations, ground truth, and the "
        f"predicted maps. {caption}",
        picture=render(partial(strip, moments)),
        credit=inputs.credited([(dataset, video)]),
    )


def _timeline(inputs: Inputs, key: SplitVideoKey) -> Chart:
    dataset, _, video = key
    course = _course(inputs, inputs.store(dataset, video), key)
    caption = (
        f"{inputs.about.clip(dataset, video)}: sound, mean absolute Ret_A of the frames that were "
        "looked at, and CC of each frame. Vertical lines: another object begins to sound."
    )
    return Chart(
        name="timeline",
        title="Sound, retention and score over time",
        caption=caption,
        alt=f"Three curves over time. {caption}",
        picture=render(partial(timeline, course)),
    )


def _course(inputs: Inputs, store: VideoStore, key: SplitVideoKey) -> TimeCourse:
    fps = store.attributes.fps
    here = _of(inputs.rows, key).sort_values("frame")
    scores = {
        model: (rows["frame"].to_numpy() / fps, rows["cc"].to_numpy(np.float64))
        for model in inputs.own
        if len(rows := here[here["model"] == model])
    }
    own_sound = _of(inputs.sound_rows, key)
    own_sound = own_sound[own_sound["sound"] == "true"].sort_values("frame")
    changes = [
        float(each["change"])
        for each in (inputs.reliance or {}).get("changes", [])
        if (each["dataset"], each["video"]) == (key[0], key[2])
    ]
    return TimeCourse(
        waveform=store.waveform,
        duration=len(store) / fps,
        retention=(
            own_sound["frame"].to_numpy() / fps,
            own_sound["retention"].to_numpy(np.float64),
        ),
        scores=scores,
        changes=changes,
    )


def _typical_change(inputs: Inputs) -> Mapping[str, Any] | None:
    """Return the change whose wait is the lower median, of those with frames around them."""
    changes = (inputs.reliance or {}).get("changes", [])
    followed = [each for each in changes if each["seconds"] is not None and each["change"] > 1]
    ranked = sorted(followed, key=lambda each: (each["seconds"], each["dataset"], each["video"]))
    return ranked[(len(ranked) - 1) // 2] if ranked else None


def _key(inputs: Inputs, dataset: str, video: str) -> SplitVideoKey:
    rows = inputs.sound_rows
    here = rows[(rows["dataset"] == dataset) & (rows["video"] == video)]
    return dataset, here["split"].iloc[0] if len(here) else inputs.about.splits[0], video


def _of(rows: pd.DataFrame, key: SplitVideoKey) -> pd.DataFrame:
    dataset, split, video = key
    same = (rows["dataset"] == dataset) & (rows["split"] == split) & (rows["video"] == video)
    return rows[same]


def _when(offset: float, frame: int) -> str:
    side = "before" if offset < 0 else "after"
    return f"{abs(offset):.1f} s {side}\nthe change\nframe {frame}"


HELD: Final = {True: "yes", False: "no", None: "not run"}
SOUNDS: Final = {
    "true": "its own",
    "silence": "none",
    "other": "another clip's",
    "shifted": "shifted",
    "reversed": "reversed",
}

NAMES: Final = ("statements", "sounds", "changes")
"""What the files of `grids` are called, in their order."""

BY: Final = {"all": "", "dataset": "", "kind": "clips: "}


def reliance(inputs: Inputs) -> PageSection:
    """Show what other sounds do to the audio-visual model."""
    found = inputs.reliance
    if found is None:
        return PageSection("sound", texts.SOUND, (Notice(texts.NO_RELIANCE), *hearers(inputs)))
    statements, *details = grids(found, inputs.about)
    blocks: list[Block] = [Prose(found["sentence"]), Prose(texts.SOUNDS), statements]
    blocks += changing(inputs)
    blocks.append(Folded("Scores with each sound, by dataset and kind of clip", (*details,)))
    blocks += hearers(inputs)
    absent = _absent(inputs, found)
    if absent:
        blocks.append(Notice(f"Not run with other sounds: {absent}."))
    if found["faults"]:
        blocks += [Notice("Not every video could be shown:"), BulletPoints(tuple(found["faults"]))]
    return PageSection("sound", texts.SOUND, tuple(blocks))


def hearers(inputs: Inputs) -> list[Block]:
    """Show what other sounds do to every network with sound, the chain's first."""
    if not any(each.reliance for each in inputs.compared):
        return [Folded("Other networks with sound: not run", (Notice(texts.NO_HEARERS),))]
    said = tuple(f"{label}: {each['sentence']}" for label, each in hearing(inputs).items())
    return [Prose(texts.HEARERS_READ), hearers_grid(inputs), BulletPoints(said)]


def hearing(inputs: Inputs) -> dict[str, Mapping[str, Any]]:
    """Return what other sounds do to each network that was tried, by what tables call it."""
    own = {inputs.labels.get(HEARING, HEARING): inputs.reliance}
    others = {each.label: each.reliance for each in inputs.compared}
    return {label: found for label, found in {**own, **others}.items() if found}


def hearers_grid(inputs: Inputs) -> Grid:
    """Return a row for each network with sound: its CC, and what other sounds take from it."""
    heads = (
        *("Network", "Clips", "Videos", "CC, its own sound", "CC lost with another clip's sound"),
        *("CC lost without sound", "CC between maps, own and another's"),
    )
    rows = tuple(_hearer(label, found) for label, found in hearing(inputs).items())
    return Grid(texts.HEARERS, heads, rows, words=(0, 1))


def _hearer(label: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    named = {(each["by"], each["name"]): each for each in found["groups"]}
    group = named.get(("kind", "sounding")) or found["groups"][0]
    sounds = group["sounds"]
    lost = (_lost(sounds.get(name, {}).get("cc_difference")) for name in ("other", "silence"))
    return (
        *(label, group["name"], str(group["videos"]), _number(sounds["true"]["cc"]), *lost),
        _number(sounds.get("other", {}).get("maps_cc")),
    )


def _lost(cc: Mapping[str, Any] | None) -> str:
    if cc is None:
        return NOT_DEFINED
    ends = "" if cc["low"] is None else f" ({cc['low']:+.3f} to {cc['high']:+.3f})"
    return f"{_number(cc['difference'], '+.3f')}{ends}"


def grids(found: Mapping[str, Any], about: About) -> tuple[Grid, ...]:
    """Return the statements, the scores with each sound, and what the differences are."""
    statements = Grid(
        "What has to hold, and whether it does",
        ("Clips", "Statement", "Measured (95 % interval)", "Rests on", "Asked", "Holds"),
        tuple(_statement(each) for each in found["statements"]),
        words=(0, 1, 2, 4, 5),
    )
    scores = Grid(
        "CC with each sound",
        ("Clips", "Videos", *(f"{name[0].upper()}{name[1:]}" for name in SOUNDS.values())),
        tuple(_scores(each, about) for each in found["groups"]),
    )
    changes = Grid(
        "What another sound changes",
        ("Clips", "Sound", "CC lost (95 % interval)", "p", "NSS lost", "CC between the maps"),
        tuple(row for each in found["groups"] for row in _changes(each, about)),
        words=(0, 1),
    )
    return statements, scores, changes


def _statement(each: Mapping[str, Any]) -> tuple[str, ...]:
    text, held = each["text"][0].upper() + each["text"][1:], HELD[each["held"]]
    return each["clips"], text, each["measured"], str(each["count"]), each["bar"], held


def _scores(group: Mapping[str, Any], about: About) -> tuple[str, ...]:
    cells = (_number(group["sounds"].get(name, {}).get("cc")) for name in SOUNDS)
    return _name(group, about), str(group["videos"]), *cells


def _changes(group: Mapping[str, Any], about: About) -> Iterator[tuple[str, ...]]:
    for name, words in SOUNDS.items():
        found = group["sounds"].get(name)
        if name != "true" and found:
            cc, nss = found["cc_difference"], found["nss_difference"]
            yield (
                *(_name(group, about), words, _lost(cc), _number(cc["p"])),
                *(_number(nss["difference"], "+.2f"), _number(found["maps_cc"])),
            )


def _name(group: Mapping[str, Any], about: About) -> str:
    name = about.title(group["name"]) if group["by"] == "dataset" else group["name"]
    return f"{BY[group['by']]}{name}"


def _number(value: float | None, form: str = ".3f") -> str:
    return NOT_DEFINED if value is None else format(value, form)


def _absent(inputs: Inputs, found: Mapping[str, Any]) -> str:
    shown = {group["name"] for group in found["groups"] if group["by"] == "dataset"}
    scored = dict.fromkeys(str(name) for name in inputs.rows["dataset"])
    return ", ".join(inputs.about.title(name) for name in scored if name not in shown)
