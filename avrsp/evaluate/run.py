"""Evaluation of a method: a row for each frame, video after video, resumed where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from avrsp.errors import AvrspError, StoreError, one_line
from avrsp.evaluate import references, scores
from avrsp.evaluate.between_viewers import ViewerScorer
from avrsp.evaluate.jobs import (
    NamedStore,
    ScoringJob,
    default_workers,
    map_job,
    reference_jobs,
    state,
)
from avrsp.evaluate.map_readers import Findings
from avrsp.evaluate.map_values import REMARKS
from avrsp.evaluate.score_table import read_tables, write_rows
from avrsp.evaluate.scores import NO_CONTEXT, ScoringContext
from avrsp.evaluate.shuffle import draw
from avrsp.evaluate.summary import COLUMNS
from avrsp.files import code_digest, needed_folder
from avrsp.params import ProtocolName
from avrsp.processes import only_one
from avrsp.progress import track
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import VideoStore
from avrsp.workers import map_in_workers

CODE: Final = ("evaluate", "metrics", "store", "types.py")
"""Folders that decide a row's numbers; parts that others wrote are not taken up again."""

LONGEST_WAIT: Final = 3600.0
"""Seconds to wait for another process that evaluates into the same file."""

FINDINGS = b"findings"
"""Key of what was found wrong, in the metadata of a video's rows."""


class Outcome(NamedTuple):
    """What is to be said about an evaluation, a line each.

    Attributes:
        faults: What could not be evaluated.
        remarks: What was evaluated but cannot be saliency, each said once.
    """

    faults: list[str]
    remarks: list[str]


class ScoredPart(NamedTuple):
    """What came of one video: what was found, and whether it has rows."""

    findings: Findings
    usable: bool


def evaluate_run(  # noqa: PLR0913 - where from, what, and where to
    folder: Path,
    stores: Path,
    videos: Sequence[Verdict],
    training: Sequence[Verdict] = (),
    *,
    method: str,
    split: int | str,
    out: Path,
    seed: int = 0,
    names: Sequence[ProtocolName] = ("avrsp",),
) -> Outcome:
    """Score the maps below `folder` of every listed video and write the rows to `out`.

    Columns: `dataset, split, video, method, protocol, frame, fixations, predicted, empty` and a
    column for each metric; one row group a video. Interrupted, it goes on after the last finished
    video. The centre prior, information gain's baseline, is fitted on the `training` videos, and
    `seed` draws the other fixations of shuffled AUC.

    Raises:
        StoreError: No video could be evaluated.
    """
    named = _named(stores, videos)
    jobs = [map_job(folder, each, (method, split)) for each in named]
    context = scoring_context(named, _prior(stores, training), seed)
    return evaluate(jobs, out, names, context)


def write_no_rows(out: Path) -> None:
    """Write a table without a row to `out`, for a method that there are no maps of."""
    named = ("dataset", "split", "video", "method", "protocol", "frame", "fixations")
    write_rows(out, [], pa.schema([(name, pa.string()) for name in (*named, *COLUMNS)]))


def evaluate_references(  # noqa: PLR0913 - where from, what, and where to
    stores: Path,
    videos: Sequence[Verdict],
    training: Sequence[Verdict],
    *,
    split: int | str,
    out: Path,
    seed: int,
    names: Sequence[ProtocolName] = ("avrsp",),
) -> Outcome:
    """Score every method of `REFERENCES` on the listed videos, and write the rows to `out`.

    Those of `VIEWERS` follow where it is known who looked. The centre prior is fitted on the
    `training` videos; `seed` draws the other frames and divides the viewers. The rest is as for
    `evaluate_run`.

    Raises:
        StoreError: No video could be evaluated.
    """
    named, prior = _named(stores, videos), _prior(stores, training)
    context = scoring_context(named, prior, seed)
    return evaluate(reference_jobs(named, prior, split, seed), out, names, context)


def scoring_context(
    videos: Sequence[NamedStore], prior: NDArray[np.float32] | None, seed: int
) -> ScoringContext:
    """Return what some metrics need besides a video: its datasets' fixations, and the prior.

    A dataset of which a store is damaged has no fixations; that store's own job says so.
    """
    fixations = {}
    for dataset in sorted({each[0] for each in videos}):
        with contextlib.suppress(StoreError):
            own = [(name, path) for of, name, path in videos if of == dataset]
            fixations[dataset] = draw(own, seed)
    return ScoringContext(fixations, prior)


def _named(stores: Path, videos: Sequence[Verdict]) -> list[NamedStore]:
    return [(each.dataset, each.video, store_path(stores, each)) for each in videos]


def _prior(stores: Path, training: Sequence[Verdict]) -> NDArray[np.float32] | None:
    paths = [store_path(stores, each) for each in training]
    return references.centre_prior(paths) if paths else None


def evaluate(
    jobs: Sequence[ScoringJob],
    out: Path,
    names: Sequence[ProtocolName],
    context: ScoringContext = NO_CONTEXT,
    workers: int | None = None,
    kept: Path | None = None,
) -> Outcome:
    """Work off `jobs` and write their rows to `out`, as `evaluate_run` says.

    Only one process writes a file: another one that is asked to waits, and says so.

    Args:
        jobs: What to score.
        out: File of the rows.
        names: Protocols by whose rules.
        context: What some metrics need besides.
        workers: Processes that score, of one thread each; by default as many as there are
            processors, or one for little work.
        kept: Folder in which the rows of each video stay, so that later evaluations find them
            there; by default they lie beside `out` and are removed at the end.

    Raises:
        StoreError: There is nothing to score, no video could be evaluated, or another process has
            been writing `out` for an hour.
    """
    if not jobs:
        raise StoreError(f"{out.name}: no video to score; no chosen set has test videos here")
    lock = out.with_name(f".{out.name}.lock")
    with (
        needed_folder(out.parent),
        only_one(lock, LONGEST_WAIT, partial(_held, out), partial(_waits, out)),
        _removed(lock),
    ):
        folder = kept or out.with_name(f".{out.stem}.parts")
        shared = repr((code_digest(*CODE), tuple(names), _identity(context)))
        parts = [_part(folder, job, shared) for job in jobs]
        found = list(_scored(jobs, parts, names, context, workers))
        usable = [part for part, each in zip(parts, found, strict=True) if each.usable]
        outcome = _outcome(jobs, [each.findings for each in found])
        if not usable:
            first = outcome.faults[0]
            raise StoreError(f"{out.name}: no video could be evaluated; the first: {first}")
        _join(usable, out)
        if kept is None:
            shutil.rmtree(folder)
    return outcome


@contextlib.contextmanager
def _removed(lock: Path) -> Iterator[None]:
    """Remove a lock file at the end, while it is still held; who waits for it makes another."""
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _held(out: Path, holder: str) -> StoreError:
    return StoreError(f"{out}: {holder} is still evaluating into it; wait, or give another --out")


def _waits(out: Path, holder: str) -> None:
    sys.stderr.write(f"avrsp: {out}: {holder} is evaluating into it; waiting\n")


def _identity(context: ScoringContext) -> str:
    joint = hashlib.sha256(b"" if context.prior is None else context.prior.tobytes())
    for dataset, drawn in sorted(context.fixations.items()):
        joint.update(repr((dataset, drawn.videos, drawn.frames, drawn.seed)).encode())
        joint.update(b"".join(each.tobytes() for each in drawn.places))
    return joint.hexdigest()


def _part(folder: Path, job: ScoringJob, shared: str) -> Path:
    key = repr((shared, job.inputs, job.split, job.method, state(job.store)))
    name = f"{job.video}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.parquet"
    return folder / job.dataset / job.method / name


def _outcome(jobs: Sequence[ScoringJob], found: Sequence[Findings]) -> Outcome:
    faults: list[str] = []
    odd: dict[str, list[str]] = {}
    for job, each in zip(jobs, found, strict=True):
        video = f"{job.dataset}/{job.video}"
        faults += [f"{video}: {fault}" for fault in each.faults]
        for reason in sorted(each.remarks):
            odd.setdefault(reason, []).append(video)
    return Outcome(faults, [_remark(reason, videos) for reason, videos in odd.items()])


def _scored(
    jobs: Sequence[ScoringJob],
    parts: Sequence[Path],
    names: Sequence[ProtocolName],
    context: ScoringContext,
    workers: int | None,
) -> Iterator[ScoredPart]:
    """Score the videos that are not scored yet, in this process or in several; keep the order."""
    number = workers or default_workers([job.store for job in jobs], len(names))
    score = partial(_score, names=tuple(names), context=context)
    results = map_in_workers(score, list(zip(jobs, parts, strict=True)), number)
    yield from track(results, total=len(jobs), label="evaluate", unit="video")


def _score(
    work: tuple[ScoringJob, Path], names: Sequence[ProtocolName], context: ScoringContext
) -> ScoredPart:
    job, part = work
    try:
        found = _findings(part) or _evaluate_video(job, part, names, context)
    except AvrspError as error:
        return ScoredPart(Findings([str(one_line(error))]), usable=False)
    return ScoredPart(found, usable=True)


def _remark(reason: str, videos: Sequence[str]) -> str:
    more = f" and {len(videos) - 1} more" if len(videos) > 1 else ""
    return f"maps of {videos[0]}{more}: {REMARKS.get(reason, reason)}"


def _evaluate_video(
    job: ScoringJob, part: Path, names: Sequence[ProtocolName], context: ScoringContext
) -> Findings:
    findings = Findings()
    store = VideoStore(job.store)
    refusals: list[str] = []
    if isinstance(job.source, ViewerScorer):
        rows = job.source(store, names, context)
    else:
        source = job.source(store, findings)
        rows = scores.score_video(source, store, names, context, refusals)
    findings.remarks |= set(refusals)
    if len(refusals) == len(names):
        raise StoreError("; ".join(refusals))
    for place, column in enumerate(("dataset", "split", "video", "method")):
        rows.insert(place, column, getattr(job, column))
    if not rows["predicted"].any():
        raise StoreError("; ".join(findings.faults) or "no frame has a map")
    table = pa.Table.from_pandas(rows, preserve_index=False)
    said = json.dumps([findings.faults, sorted(findings.remarks)]).encode()
    described = {**(table.schema.metadata or {}), FINDINGS: said}
    write_rows(part, [table], table.schema.with_metadata(described))
    return findings


def _findings(part: Path) -> Findings | None:
    """Return what was found when `part` was written; None where that is not there or damaged."""
    try:
        (table,) = read_tables(part)
    except StoreError:
        return None
    faults, remarks = json.loads(table.schema.metadata[FINDINGS])
    return Findings(faults, set(remarks))


def _join(parts: Sequence[Path], out: Path) -> None:
    tables = (each.replace_schema_metadata() for part in parts for each in read_tables(part))
    write_rows(out, tables, parquet.read_schema(parts[0]).remove_metadata())
