"""`avrsp evaluate`: any method's maps against any folder of stores, by several protocols."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avrsp import params, paths
from avrsp.errors import StoreError
from avrsp.evaluate.averages import summarise
from avrsp.evaluate.jobs import NamedStore, ScoringJob, map_job, reference_jobs
from avrsp.evaluate.map_files import STORE
from avrsp.evaluate.map_values import Values
from avrsp.evaluate.references import REFERENCES, centre_prior
from avrsp.evaluate.run import Outcome, evaluate, scoring_context
from avrsp.evaluate.score_table import read_rows
from avrsp.evaluate.summary import (
    MOUSE,
    VIEWERS,
    Summaries,
    Summary,
    table,
    write_summary,
)
from avrsp.params import EvaluationParams, ProtocolName
from avrsp.store.manifest import Role, read_manifest, store_path
from avrsp.store.video_store import VideoStore

MANIFEST = "manifest.json"

STANDARD = (EvaluationParams(protocol="avrsp", resamples=2000, allow_missing=False), 2411)
"""Settings and seed where there is no params.yaml; those of the one that this project ships."""


@dataclass(frozen=True, slots=True)
class VideoChoice:
    """Which videos of a folder of stores are to be scored.

    Attributes:
        datasets: Their datasets; all that are there if empty.
        split: Which split.
        role: Role in that split; a folder without a manifest knows none, and gives all its videos.
    """

    datasets: tuple[str, ...]
    split: int | str
    role: Role


@dataclass(frozen=True, slots=True)
class Target:
    """How a method is scored, and where to.

    Attributes:
        method: Its name in the rows.
        protocols: By whose rules.
        out: File of the rows.
        references: Whether to score the reference methods too.
        values: What the numbers of its maps are, where they are not saliency.
        workers: Processes that score; see `evaluate`.
        cache: Folder in which the rows of the references stay for the next method; None for none.
    """

    method: str
    protocols: tuple[ProtocolName, ...]
    out: Path
    references: bool = True
    values: Values | None = None
    workers: int | None = None
    cache: Path | None = None


def settings(workspace: Path | None) -> tuple[EvaluationParams, int]:
    """Return evaluation's settings and the seed of a workspace's params.yaml, else `STANDARD`."""
    if workspace is None:
        return STANDARD
    loaded = params.load(workspace / paths.PARAMS_FILE)
    return loaded.evaluation, loaded.seed


def find_stores(folder: Path, choice: VideoChoice) -> list[NamedStore]:
    """Return dataset, video and store of every chosen video below `folder`, or of that one store.

    Raises:
        StoreError: There is none.
    """
    if (folder / MANIFEST).exists():
        found = _with_role(folder, choice)
    else:
        files = [folder] if folder.is_file() else sorted(folder.glob(f"**/[!.]*{STORE}"))
        named = [(path.parent.name, path.name.removesuffix(STORE), path) for path in files]
        found = [each for each in named if not choice.datasets or each[0] in choice.datasets]
    if not found:
        known = (folder / MANIFEST).exists()
        wanted = f" with role {choice.role} in split {choice.split}" if known else ""
        raise StoreError(f"{folder}: no video{wanted}; expected <dataset>/<video>{STORE} below it")
    return found


def evaluate_folder(
    maps: Path,
    stores: Path,
    choice: VideoChoice,
    target: Target,
    settings: EvaluationParams,
    seed: int,
) -> tuple[str, list[str]]:
    """Score the maps below `maps`; write rows to `target.out` and the summaries beside it as JSON.

    The rows of the references go to a file of their own, `<out>.references.parquet`. They are
    scored on the videos that have maps, so that all rows are about the same videos.

    Returns:
        All methods and protocols side by side as text, which says whose gaze was recorded by
        mouse, and what could not be evaluated, a line each.

    Raises:
        StoreError: No video is chosen, or none could be evaluated.
    """
    videos = find_stores(stores, choice)
    by = target.method, choice.split
    jobs = [map_job(maps, each, by, target.values) for each in videos]
    jobs, lacking = _with_maps(jobs, maps)
    if not jobs:
        raise StoreError(f"{target.out.name}: no video could be evaluated; {lacking[0]}")
    prior = _prior(stores, choice)
    score = partial(
        evaluate,
        names=target.protocols,
        context=scoring_context(videos, prior, seed),
        workers=target.workers,
    )
    found_faults, remarks = score(jobs, target.out)
    faults = lacking + found_faults
    for line in faults + remarks:
        _say(line)
    files = {target.method: target.out}
    if target.references:
        like = reference_jobs(_scored_in(target.out, videos), prior, choice.split, seed)
        files |= _with_references(partial(score, like, kept=target.cache), target.out)
    summaries: dict[str, dict[str, Summary]] = {
        method: {
            name: summarise(
                _rows_of(method, path),
                name,
                settings.resamples,
                seed,
                faults if method == target.method else (),
            )
            for name in target.protocols
        }
        for method, path in files.items()
    }
    write_summary(target.out.with_suffix(".json"), Summaries(summaries))
    return "\n\n".join(filter(None, [table(summaries), _by_mouse(jobs)])), faults


def _with_references(score: Callable[[Path], Outcome], beside: Path) -> dict[str, Path]:
    """Score the references into a file beside that of a method; return it by their names."""
    out = beside.with_suffix(f".references{beside.suffix}")
    for fault in score(out).faults:
        _say(f"references: {fault}")
    found = {str(part["method"].iat[0]) for part in read_rows(out)}
    return {method: out for method in (*REFERENCES, *VIEWERS) if method in found}


def _rows_of(method: str, path: Path) -> Iterator[pd.DataFrame]:
    return (part for part in read_rows(path) if part["method"].iat[0] == method)


def _by_mouse(jobs: Sequence[ScoringJob]) -> str:
    """Name the datasets whose stores say that gaze was recorded by mouse; empty without any."""
    found: list[str] = []
    for dataset, store in {each.dataset: each.store for each in jobs}.items():
        with contextlib.suppress(StoreError):  # it has been named among the faults
            if "mouse" in str(VideoStore(store).attributes.ground_truth.get("source")):
                found.append(dataset)
    return f"{MOUSE}{', '.join(sorted(found))}." if found else ""


NAMED: Final = 3
"""Videos without maps that are named."""


def _with_maps(jobs: Sequence[ScoringJob], maps: Path) -> tuple[list[ScoringJob], list[str]]:
    """Return the jobs whose maps were found, and a line for each dataset about the others."""
    lacking: dict[str, list[str]] = {}
    for job in jobs:
        if not job.inputs_found:
            lacking.setdefault(job.dataset, []).append(job.video)
    counts = Counter(job.dataset for job in jobs)
    lines = []
    for dataset, videos in lacking.items():
        more = f" and {len(videos) - NAMED} more" if len(videos) > NAMED else ""
        lines.append(
            f"{dataset}: no maps in {maps} of {len(videos)} of {counts[dataset]} videos "
            f"({', '.join(videos[:NAMED])}{more}); avrsp evaluate --help says how they are named"
        )
    return [job for job in jobs if job.inputs_found], lines


def _scored_in(out: Path, videos: Sequence[NamedStore]) -> list[NamedStore]:
    """Return those of the videos that the rows in `out` are about."""
    scored = {(part["dataset"].iat[0], part["video"].iat[0]) for part in read_rows(out)}
    return [each for each in videos if each[:2] in scored]


def _prior(stores: Path, choice: VideoChoice) -> NDArray[np.float32] | None:
    """Return the centre prior of the training videos; None, and say why, where there are none."""
    if not (stores / MANIFEST).exists():
        _say(f"no centre prior: no {MANIFEST} in {stores} says which videos are for training")
        return None
    try:
        training = _with_role(stores, dataclasses.replace(choice, role="train"))
        return centre_prior([path for *_, path in training])
    except StoreError as error:
        _say(f"no centre prior: {error}")
        return None


def _with_role(folder: Path, choice: VideoChoice) -> list[NamedStore]:
    known = read_manifest(folder / MANIFEST)
    present = [name for name, entry in known.datasets.items() if entry.present]
    videos = known.videos(choice.datasets or present, choice.split, choice.role)
    return [(each.dataset, each.video, store_path(folder, each)) for each in videos]


def _say(line: str) -> None:
    sys.stderr.write(f"avrsp: {line}\n")
