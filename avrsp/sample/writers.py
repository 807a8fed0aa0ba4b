"""Write what was planned: video by video, each whole or not there, and the file of the truth."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np

from avrsp import files, progress
from avrsp.datasets.stavis_mirror import TREE
from avrsp.params import WorldParams
from avrsp.sample import layouts, viewers
from avrsp.sample.layouts import EncodedSound, Recording
from avrsp.sample.plan import (
    OBJECT_KINDS,
    PlannedVideo,
    Stretch,
    followed_at,
    plan,
    sheet,
    stretches,
)
from avrsp.sample.scene import Scene, compose, frame_size
from avrsp.sample.synthesis import sound_format, track
from avrsp.sample.viewers import Fixation, Ints

EMPTY_FRAMES = 4
"""So many frames, from the middle on, have no fixation in a video with that quirk."""

CODE: Final = ("sample", "datasets/gaze.py", "datasets/stavis_mirror.py")
"""Code that decides what is written."""

WrittenTruth = dict[str, Any]


def write_dataset(dataset: str, folder: Path, spec: WorldParams, seed: int) -> None:
    """Write one dataset of the world in its raw layout below `folder`.

    Also writes its fold lists, and the truth that only analyses may read to
    `folder`/world/<dataset>.json: video -> what `describe` returns. A video is made beside its
    place and moved there when it is whole; a run that was stopped, started again, makes only what
    is missing, and ends with the same bytes.

    Raises:
        RawDataError: ffmpeg is missing or fails.
    """
    videos = [video for video in plan(spec, seed) if video.dataset == dataset]
    truth = {
        video.video: _made(folder, video, spec, seed)
        for video in progress.track(
            videos, total=len(videos), label=f"world: {dataset}", unit="video"
        )
    }
    for name, text in layouts.fold_lists(dataset, sheet(spec, seed, dataset)):
        files.write_text(folder / TREE / "fold_lists" / name, text)
    files.write_json(folder / "world" / f"{dataset}.json", truth)


def describe(
    video: PlannedVideo, scene: Scene, schedule: list[Stretch], fixations: list[Fixation]
) -> WrittenTruth:
    """Return what is true of a video and cannot be read from its raw files.

    Objects are numbered in the order of `objects`. `sounding` and `looked_at` hold an object's
    number or null for each frame: what sounds at its start, and what most viewers fixate in its
    middle. `changes` are the times (seconds) at which another object begins to be followed, of a
    sounding clip: to sound. `positions` are rows and columns in pixels. A distracting clip has
    the number of the object that sounds, which nobody follows, as `distractor`, and says in
    `hidden` whether it is not in the picture.
    """
    starts = np.arange(video.frames) / float(video.rate)
    sounds = video.kind == "sounding"
    return {
        "kind": video.kind,
        "frames": video.frames,
        "fps": video.fps,
        "roles": dict(video.roles),
        "quirks": list(video.quirks),
        "objects": [
            {
                "kind": kind,
                "diameter": round(float(2 * scene.radii[number]), 2),
                "positions": scene.centres[:, number].round(1).tolist(),
            }
            for number, kind in enumerate(OBJECT_KINDS)
        ],
        "sounding": [
            OBJECT_KINDS.index(followed_at(time, schedule)) if sounds else None for time in starts
        ],
        "looked_at": viewers.looked_at(fixations, starts + 0.5 / float(video.rate)),
        "changes": [round(part.start, 4) for part in schedule[1:]],
    } | _distraction(video)


def _distraction(video: PlannedVideo) -> WrittenTruth:
    if video.distractor is None:
        return {}
    return {"distractor": OBJECT_KINDS.index(video.distractor), "hidden": video.hidden}


def _made(folder: Path, video: PlannedVideo, spec: WorldParams, seed: int) -> WrittenTruth:
    """Return the truth about a video, which is written first unless a former run has done so."""
    mark = folder / "world" / "made" / video.dataset / f"{video.video}.json"
    origin = _origin(video, spec, seed)
    if mark.exists():
        former: WrittenTruth = json.loads(mark.read_text())
        if former["origin"] == origin and all((folder / leaf).exists() for leaf in former["holds"]):
            kept: WrittenTruth = former["truth"]
            return kept
    staging = mark.parent / f".tmp-{video.video}"
    shutil.rmtree(staging, ignore_errors=True)  # what a killed run left
    try:
        truth = _write(staging, video, spec, seed)
        holds = [leaf for leaf in layouts.leaves(video) if (staging / leaf).exists()]
        for leaf in layouts.leaves(video):
            _publish(staging / leaf, folder / leaf)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    files.write_json(mark, {"origin": origin, "holds": holds, "truth": truth})
    return truth


def _origin(video: PlannedVideo, spec: WorldParams, seed: int) -> str:
    """Say all that a video follows from: its plan, the parameters, the seed and this code."""
    return f"{video} {spec} seed={seed} code={files.code_digest(*CODE)}"


def _write(staging: Path, video: PlannedVideo, spec: WorldParams, seed: int) -> WrittenTruth:
    scene = compose(video, spec, seed)
    schedule = stretches(video, spec.sound.stretch, seed)
    size = frame_size(video, spec)
    rng = video.stream(seed, "viewers")
    fixations = viewers.simulate(schedule, spec.viewers, spec.width, rng, scene.hidden)
    gaze = viewers.points(fixations, scene.centres, float(1 / video.rate), size)
    if "empty fixations" in video.quirks:
        middle = video.frames // 2
        for index in range(middle, min(middle + EMPTY_FRAMES, video.frames)):
            gaze[index] = gaze[index][:0]
    samples = track(video, spec.sound, seed)
    recording = Recording(
        frames=scene.frames(*size),
        sound=None if samples is None else EncodedSound(samples, sound_format(video)[0]),
        densities=[viewers.density(pixels, size, spec.viewers.blur) for pixels in gaze],
        fixations=[_binary(pixels, size) for pixels in gaze],
    )
    write = layouts.write_dhf1k if video.dataset == "dhf1k" else layouts.write_mirror
    write(staging, video, recording)
    return describe(video, scene, schedule, fixations)


def _binary(pixels: Ints, size: tuple[int, int]) -> layouts.GreyMap:
    fixated = np.zeros(size, dtype=np.uint8)
    fixated[tuple(pixels.T)] = 1
    return fixated


def _publish(made: Path, place: Path) -> None:
    """Put `made`, if there is such a thing, where an earlier one may stand."""
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    if made.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        made.rename(place)
