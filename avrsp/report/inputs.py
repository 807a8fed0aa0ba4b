"""What the report is made of, read from disk; whatever is not there stays empty."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from avrsp.errors import StoreError
from avrsp.evaluate.score_table import read_rows
from avrsp.files import sha256
from avrsp.report.about import About
from avrsp.report.compared import (
    ComparedMethod,
    ComparedPlaces,
    read_compared,
    read_reliance,
    results_of,
    title_of,
)
from avrsp.report.names import (
    REFERENCES,
    RUN,
    method_name,
    own,
    run_name,
)
from avrsp.report.results import Results, read_outside, read_results
from avrsp.report.trainings import histories_in, models_in
from avrsp.store.manifest import Manifest, read_manifest
from avrsp.store.video_store import MapStore, VideoStore

Found = TypeVar("Found")

ROWS = ("dataset", "split", "video", "frame", "method", "fixations", "cc")
"""Columns of the per-frame scores that the figures need."""


SOUND_ROWS = ("dataset", "split", "video", "frame", "sound", "kind", "has_sound", "retention")
"""Columns of the per-frame rows with other sounds that the figures need."""


@dataclass(frozen=True, slots=True)
class ReportPlaces:
    """Where the chain leaves its results.

    Attributes:
        manifest: The manifest of the stores.
        stores: Folder of `<dataset>/<video>.zarr.zip`.
        models: Folder of `<run>/model.json` and `<run>/history.json`.
        maps: Folder of `<run>/<dataset>/<video>.zarr.zip`.
        scores: Folder of `<run>.parquet`.
        others: Folder of other methods: `maps/<method>/<dataset>/<video>.zarr.zip`, and
            `scores/<method>.parquet` with the summary beside it.
        metrics: Folder of `<run>.json`.
        reliance: Folder of rows, and of retention by run, with other sounds.
        sounds: The summary of these, `reliance.json`.
        pooled: Folder of `<method>.json`, all splits together.
        ablations: Folder of `<network>.json`, scores of the networks of Tables III to V.
        compared: What the pipeline of the compared methods left.
    """

    manifest: Path
    stores: Path
    models: Path
    maps: Path
    scores: Path
    others: Path
    metrics: Path
    reliance: Path
    sounds: Path
    pooled: Path
    ablations: Path
    compared: ComparedPlaces


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that was found.

    Attributes:
        manifest: None where no data was preprocessed.
        manifest_digest: SHA-256 of the manifest's file; empty without one.
        rows: Per-frame scores of all runs, with the column `model`: "V", "AV" or another method.
        results: Scores of whole datasets.
        ablations: Scores of the networks of Tables III to V.
        compared: The compared methods that were trained here.
        compared_results: Their scores.
        histories: By run, loss by epoch.
        models: By run, what `model.json` says.
        imported: Likewise of published weights, by the names of their folders.
        reliance: What other sounds do; None where that was not run.
        sound_rows: Per-frame scores with each sound, of `SOUND_ROWS`.
    """

    about: About
    places: ReportPlaces
    manifest: Manifest | None
    manifest_digest: str
    rows: pd.DataFrame
    results: Results
    ablations: Results
    histories: Mapping[str, pd.DataFrame]
    models: Mapping[str, Mapping[str, Any]]
    compared: tuple[ComparedMethod, ...] = ()
    compared_results: Results = field(default_factory=Results)
    imported: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reliance: Mapping[str, Any] | None = None
    sound_rows: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*SOUND_ROWS]))

    def store(self, dataset: str, video: str) -> VideoStore:
        """Return a video's store."""
        return VideoStore(store_of(self.places.stores, dataset, video))

    def credited(self, videos: Iterable[tuple[str, str]]) -> str:
        """Name author, licence and source of videos (dataset, name) whose frames are shown.

        Empty where no video has its own. A store that cannot be read shows nothing, and has nothing
        to be named.
        """
        said: dict[str, str] = {}
        for dataset, video in videos:
            with contextlib.suppress(StoreError):
                credit = self.store(dataset, video).attributes.credit
                said |= {f"{video}: {credit}": ""} if credit else {}
        return f"Credit: {'; '.join(said)}." if said else ""

    def maps(self, dataset: str, split: int | str, video: str) -> dict[str, MapStore]:
        """Return what each method predicted for a video; a method without maps is missing."""
        folders = {kind: self.places.maps / run_name(kind, split) for kind in self.own}
        folders |= {name: self.places.others / "maps" / name for name in self.others}
        paths = {name: store_of(folder, dataset, video) for name, folder in folders.items()}
        return {name: MapStore(path) for name, path in paths.items() if path.exists()}

    @property
    def ablations_page(self) -> bool:
        """Whether the ablations have a page of their own, beside this report."""
        return (self.places.ablations.parent / "index.html").exists()

    @property
    def own(self) -> tuple[str, ...]:
        """Return the kinds of the chain's models that were trained or scored, V before AV."""
        trained = (method_name(run) for run in {*self.models, *self.histories})
        return own({*self.results.methods, *map(str, self.rows["model"].unique()), *trained})

    @property
    def others(self) -> tuple[str, ...]:
        """Return the other methods that were scored and have maps, by name."""
        scored = sorted({*map(str, self.rows["model"].unique())} - {*self.own})
        return tuple(name for name in scored if (self.places.others / "maps" / name).is_dir())

    @property
    def labels(self) -> dict[str, str]:
        """Return what the chain's models are called in tables, by kind."""
        entries = {method_name(run): facts.get("model") for run, facts in self.models.items()}
        return {kind: f"{title_of(entries.get(kind) or 'avrsp')}({kind})" for kind in self.own}

    @property
    def with_sound(self) -> set[tuple[str, str]]:
        """Return dataset and name of the kept videos that have sound."""
        entries = self.manifest.datasets.values() if self.manifest else ()
        kept = (each for entry in entries for each in entry.videos if each.kept)
        return {(each.dataset, each.video) for each in kept if each.has_sound}


def store_of(folder: Path, dataset: str, video: str) -> Path:
    """Return where a video's store, or its maps, lie below `folder`."""
    return folder / dataset / f"{video}.zarr.zip"


def gather(places: ReportPlaces, about: About) -> Inputs:
    """Read everything that exists.

    Raises:
        StoreError: A file is there but is not what it should be.
    """
    there, compared = places.manifest.exists(), read_compared(places.compared)
    models = _asked_for(models_in(places.models), about)
    return Inputs(
        about=about,
        places=places,
        manifest=read_manifest(places.manifest) if there else None,
        manifest_digest=sha256(places.manifest) if there else "",
        rows=_rows((places.scores, places.others / "scores"), about),
        results=read_results(places.metrics, places.pooled, about.splits).joined(
            read_outside(places.others / "scores", about.protocol)
        ),
        ablations=read_results(places.ablations),
        histories=_asked_for(histories_in(places.models), about),
        models={name: facts for name, facts in models.items() if not facts.get("source")},
        compared=compared,
        compared_results=results_of(compared, places.compared),
        imported={name: facts for name, facts in models.items() if facts.get("source")},
        reliance=read_reliance(places.sounds),
        sound_rows=_sound_rows(places.reliance / "rows.parquet"),
    )


def _asked_for(found: Mapping[str, Found], about: About) -> dict[str, Found]:
    """Leave out runs of other splits, which are left of earlier parameters."""
    splits = set(map(str, about.splits))
    runs = {run: RUN.fullmatch(run) for run in found}
    return {run: found[run] for run, parts in runs.items() if parts is None or parts[2] in splits}


def _rows(folders: Sequence[Path], about: About) -> pd.DataFrame:
    """Return the rows of the splits that were asked for: others are left of earlier parameters."""
    splits = set(map(str, about.splits))
    parts = []
    for path in (path for folder in folders for path in _each(folder, "*.parquet")):
        run = RUN.fullmatch(path.stem)
        if not path.stem.endswith(".references") and (run is None or run[2] in splits):
            for video in read_rows(path):
                rows = video.loc[video["protocol"] == about.protocol, [*ROWS]]
                named = rows["method"].map(method_name) if run else rows["method"]
                parts.append(rows.assign(model=named))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*ROWS, "model"])


def _sound_rows(path: Path) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame(columns=[*SOUND_ROWS])
    return pd.concat([rows[[*SOUND_ROWS]] for rows in read_rows(path)], ignore_index=True)


def _each(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


CANDIDATES = 300
"""Frames of a video that are compared when the hero's two moments are sought."""


@dataclass(frozen=True, slots=True)
class TypicalFrame:
    """A frame to show.

    Attributes:
        rank: Where the video stands in its dataset: "highest", "middle" or "lowest" mean CC; "only"
            where there is no other.
        scores: CC of the frame by method.
    """

    dataset: str
    split: int | str
    video: str
    frame: int
    rank: str
    scores: Mapping[str, float]


def ranks(count: int) -> dict[int, str]:
    """Return which of `count` videos, the best first, are shown: their places from 0, and why."""
    if count < 2:  # noqa: PLR2004 - one video is neither the best nor the worst
        return dict.fromkeys(range(count), "only")
    return {0: "highest", count // 2: "middle", count - 1: "lowest"}


def typical(rows: pd.DataFrame, dataset: str) -> tuple[TypicalFrame, ...]:
    """Choose a dataset's videos of highest, middle and lowest mean CC, and a frame of each.

    The frame is the one whose CC is the video's lower median among the frames with a fixation.
    The scores of `judged` decide; ties go to the first by name and number.

    Args:
        rows: Per-frame scores with columns dataset, split, video, frame, model, fixations, cc.
        dataset: Which dataset.
    """
    here = judged(rows[(rows["dataset"] == dataset) & (rows["fixations"] > 0)])
    if here.empty:
        return ()
    means = here.groupby(["split", "video"])["cc"].mean()
    order = means.sort_values(ascending=False, kind="stable").index.to_list()
    choices = []
    for place, rank in ranks(len(order)).items():
        split, video = order[place]
        frames = here[(here["split"] == split) & (here["video"] == video)]
        ranked = frames.sort_values(["cc", "frame"])
        frame = int(ranked["frame"].iloc[(len(ranked) - 1) // 2])
        scores = _scores(rows, dataset, split, video, frame)
        choices.append(TypicalFrame(dataset, split, video, frame, rank, scores))
    return tuple(choices)


def best_video(
    rows: pd.DataFrame, allowed: set[tuple[str, str]]
) -> tuple[str, int | str, str] | None:
    """Return dataset, split and name of the `allowed` video (dataset, name) of highest mean CC."""
    here = judged(rows[rows["fixations"] > 0])
    keys = pd.MultiIndex.from_frame(here[["dataset", "video"]])
    here = here[keys.isin(allowed)]
    if here.empty:
        return None
    means = here.groupby(["dataset", "split", "video"])["cc"].mean()
    dataset, split, video = means.sort_values(ascending=False, kind="stable").index[0]
    return str(dataset), split, str(video)


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


def video_means(rows: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    """Return mean CC a video: columns dataset, video and the `pair` of methods that scored it."""
    models = rows[rows["model"].isin(pair)]
    means = models.groupby(["dataset", "split", "video", "model"])["cc"].mean().unstack("model")
    both = means.reindex(columns=[*pair]).dropna()
    return both.reset_index()[["dataset", "video", *pair]]


def judge(rows: pd.DataFrame) -> str:
    """Return the model by whose scores frames are chosen: AV, or V where AV was not scored."""
    found = own(map(str, rows["model"].unique()))
    return found[-1] if found else ""


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the scored rows of the model that `judge` names."""
    return rows[(rows["model"] == judge(rows)) & rows["cc"].notna()]


def _scores(
    rows: pd.DataFrame, dataset: str, split: int | str, video: str, frame: int
) -> dict[str, float]:
    here = rows[
        (rows["dataset"] == dataset)
        & (rows["split"] == split)
        & (rows["video"] == video)
        & (rows["frame"] == frame)
        & ~rows["model"].isin(REFERENCES.keys())
    ]
    return {str(model): float(cc) for model, cc in here.set_index("model")["cc"].dropna().items()}
