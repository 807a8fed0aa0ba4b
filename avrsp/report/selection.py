"""Which frames the figures show: chosen by rule from the scores, so that nobody picks cherries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from avrsp.data.store import VideoStore
from avrsp.report.names import REFERENCES

CANDIDATES = 300
"""Frames of a video that are compared when the hero's two moments are sought."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A frame to show.

    Attributes:
        rank: Where the video stands in its dataset: "highest", "middle" or "lowest" mean CC; "only"
            where there is no other.
        scores: CC of the frame by method.
    """

    dataset: str
    split: int
    video: str
    frame: int
    rank: str
    scores: Mapping[str, float]


def typical(rows: pd.DataFrame, dataset: str) -> tuple[Choice, ...]:
    """Choose a dataset's videos of highest, middle and lowest mean CC, and a frame of each.

    The frame is the one whose CC is the video's lower median among the frames with a fixation.
    AV's scores decide, or V's where AV was not run; ties go to the first by name and number.

    Args:
        rows: Per-frame scores with columns dataset, split, video, frame, model, fixations, cc.
        dataset: Which dataset.
    """
    here = judged(rows[(rows["dataset"] == dataset) & (rows["fixations"] > 0)])
    if here.empty:
        return ()
    means = here.groupby(["split", "video"])["cc"].mean()
    order = means.sort_values(ascending=False, kind="stable").index.to_list()
    places = {0: "highest", len(order) // 2: "middle", len(order) - 1: "lowest"}
    if len(order) == 1:
        places = {0: "only"}
    choices = []
    for place in sorted(places):
        split, video = order[place]
        frames = here[(here["split"] == split) & (here["video"] == video)]
        ranked = frames.sort_values(["cc", "frame"])
        frame = int(ranked["frame"].iloc[(len(ranked) - 1) // 2])
        scores = _scores(rows, dataset, split, video, frame)
        choices.append(Choice(dataset, int(split), video, frame, places[place], scores))
    return tuple(choices)


def best_video(rows: pd.DataFrame, allowed: set[tuple[str, str]]) -> tuple[str, int, str] | None:
    """Return dataset, split and name of the `allowed` video (dataset, name) of highest mean CC."""
    here = judged(rows[rows["fixations"] > 0])
    keys = pd.MultiIndex.from_frame(here[["dataset", "video"]])
    here = here[keys.isin(allowed)]
    if here.empty:
        return None
    means = here.groupby(["dataset", "split", "video"])["cc"].mean()
    dataset, split, video = means.sort_values(ascending=False, kind="stable").index[0]
    return str(dataset), int(split), str(video)


def shifted_pair(rows: pd.DataFrame, store: VideoStore) -> tuple[int, int]:
    """Return the two well-predicted frames of one video between which gaze moved farthest.

    Args:
        rows: Scores of this video alone.
        store: The same video.

    Returns:
        Frame indices in order of time; both have a CC of at least the video's median.
    """
    own = judged(rows[rows["fixations"] > 0])
    good = np.sort(own.loc[own["cc"] >= own["cc"].median(), "frame"].to_numpy())
    step = max(1, -(-len(good) // CANDIDATES))
    frames = good[::step]
    centres = np.stack([store.fixations(int(frame)).mean(axis=0) for frame in frames])
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    first, second = np.unravel_index(int(distance.argmax()), distance.shape)
    early, late = sorted((int(frames[first]), int(frames[second])))
    return early, late


def video_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean CC a video: columns dataset, video, V, AV; only videos that both scored."""
    models = rows[rows["model"].isin(["V", "AV"])]
    means = models.groupby(["dataset", "split", "video", "model"])["cc"].mean().unstack("model")
    both = means.reindex(columns=["V", "AV"]).dropna()
    return both.reset_index()[["dataset", "video", "V", "AV"]]


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the scored rows of AV, or of V where AV was not run."""
    decides = "AV" if (rows["model"] == "AV").any() else "V"
    return rows[(rows["model"] == decides) & rows["cc"].notna()]


def _scores(
    rows: pd.DataFrame, dataset: str, split: int, video: str, frame: int
) -> dict[str, float]:
    here = rows[
        (rows["dataset"] == dataset)
        & (rows["split"] == split)
        & (rows["video"] == video)
        & (rows["frame"] == frame)
        & ~rows["model"].isin(REFERENCES.keys())
    ]
    return {str(model): float(cc) for model, cc in here.set_index("model")["cc"].dropna().items()}
