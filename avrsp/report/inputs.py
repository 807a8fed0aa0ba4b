"""What the report is made of, read from disk; whatever is not there stays empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avrsp.errors import StoreError
from avrsp.files import sha256
from avrsp.report.names import REFERENCES, in_order, is_run, method_name, run_name
from avrsp.report.results import Results, read_outside, read_results
from avrsp.store.manifest import Manifest, read_manifest
from avrsp.store.video_store import MapStore, VideoStore

ROWS = ("dataset", "split", "video", "frame", "method", "fixations", "cc")
"""Columns of the per-frame scores that the figures need."""


OWN = ("V", "AV")

SOUND_ROWS = ("dataset", "split", "video", "frame", "sound", "kind", "has_sound", "retention")
"""Columns of the per-frame rows with other sounds that the figures need."""


@dataclass(frozen=True, slots=True)
class About:
    """What was run, as the parameters say, and when and from which commit the report was made."""

    preset: str
    fusion: str
    splits: tuple[int, ...]
    seed: int
    protocol: str
    date: str
    commit: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the chain leaves its results.

    Attributes:
        manifest: The manifest of the stores.
        stores: Folder of `<dataset>/<video>.zarr.zip`.
        models: Folder of `<run>/model.json` and `<run>/history.json`.
        maps: Folder of `<run>/<dataset>/<video>.zarr.zip`.
        scores: Folder of `<run>.parquet`.
        metrics: Folder of `<run>.json`.
        reliance: Folder of rows, and of retention by run, with other sounds.
        sounds: The summary of these, `reliance.json`.
        pooled: Folder of `<method>.json`, all splits together.
        ablations: Folder of `<network>.json`, scores of the networks of Tables III to V.
    """

    manifest: Path
    stores: Path
    models: Path
    maps: Path
    scores: Path
    metrics: Path
    reliance: Path
    sounds: Path
    pooled: Path
    ablations: Path


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that was found.

    Attributes:
        manifest: None where no data was preprocessed.
        manifest_digest: SHA-256 of the manifest's file; empty without one.
        rows: Per-frame scores of all runs, with the column `model` ("V", "AV" or a reference).
        results: Scores of whole datasets.
        ablations: Scores of the networks of Tables III to V.
        histories: By run, loss by epoch.
        models: By run, what `model.json` says.
        reliance: What other sounds do; None where that was not run.
        sound_rows: Per-frame scores with each sound, of `SOUND_ROWS`.
    """

    about: About
    places: Places
    manifest: Manifest | None
    manifest_digest: str
    rows: pd.DataFrame
    results: Results
    ablations: Results
    histories: Mapping[str, pd.DataFrame]
    models: Mapping[str, Mapping[str, Any]]
    reliance: Mapping[str, Any] | None = None
    sound_rows: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*SOUND_ROWS]))

    def store(self, dataset: str, video: str) -> VideoStore:
        """Return a video's store."""
        return VideoStore(self.places.stores / dataset / f"{video}.zarr.zip")

    def maps(self, dataset: str, split: int, video: str) -> dict[str, MapStore]:
        """Return what each model predicted for a video; a model without maps is missing.

        Besides V and AV these are the methods that were scored from `data/maps/<method>`.
        """
        found = {}
        for model in (*OWN, *self.others):
            run = run_name(model, split) if model in OWN else model
            path = self.places.maps / run / dataset / f"{video}.zarr.zip"
            if path.exists():
                found[model] = MapStore(path)
        return found

    @property
    def others(self) -> tuple[str, ...]:
        """Return the methods that were scored and have maps, besides V and AV."""
        scored = sorted({str(name) for name in self.rows["model"]} - {*OWN})
        return tuple(name for name in scored if (self.places.maps / name).is_dir())


def gather(places: Places, about: About) -> Inputs:
    """Read everything that exists.

    Raises:
        StoreError: A file is there but is not what it should be.
    """
    there = places.manifest.exists()
    return Inputs(
        about=about,
        places=places,
        manifest=read_manifest(places.manifest) if there else None,
        manifest_digest=sha256(places.manifest) if there else "",
        rows=_rows(places.scores, about.protocol),
        results=read_results(places.metrics, places.pooled).joined(
            read_outside(places.scores, about.protocol)
        ),
        ablations=read_results(places.ablations),
        histories=histories_in(places.models),
        models=models_in(places.models),
        reliance=_json(places.sounds) if places.sounds.exists() else None,
        sound_rows=_sound_rows(places.reliance / "rows.parquet"),
    )


def _rows(folder: Path, protocol: str) -> pd.DataFrame:
    kept = [("protocol", "==", protocol)]
    parts = []
    for path in _each(folder, "*.parquet"):
        if not path.stem.endswith(".references"):
            rows = pd.read_parquet(path, columns=list(ROWS), filters=kept)
            named = rows["method"].map(method_name) if is_run(path.stem) else rows["method"]
            parts.append(rows.assign(model=named))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*ROWS, "model"])


def models_in(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return what `model.json` says of each run."""
    return {path.parent.name: _json(path) for path in _each(folder, "*/model.json")}


def _sound_rows(path: Path) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame(columns=[*SOUND_ROWS])
    return pd.read_parquet(path, columns=[*SOUND_ROWS])


def histories_in(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the loss by epoch of each run."""
    found = {path.parent.name: path for path in folder.glob("*/history.json")}
    for path in found.values():
        _check_history(path)
    return {run: pd.DataFrame(_json(found[run])) for run in sorted(found, key=in_order)}


def _check_history(path: Path) -> None:
    """Make sure that a history is the one whose digest the model's description has."""
    model = path.with_name("model.json")
    listed = _json(model).get("sha256", {}) if model.exists() else {}
    if listed.get(path.name, found := sha256(path)) != found:
        raise StoreError(
            f"{path}: not what was written (SHA-256 differs); remove it and run: dvc repro"
        )


def _each(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def _json(path: Path) -> Any:  # noqa: ANN401 - each kind of file has its own form
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise StoreError(f"{path}: not JSON ({error}); remove it and run: dvc repro") from None


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
