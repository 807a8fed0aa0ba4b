"""Evaluation of a method: a row for each frame, video after video, resumed where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from avrsp.errors import AvrspError, StoreError, one_line
from avrsp.evaluate import map_readers, references, scores
from avrsp.evaluate.map_readers import Note
from avrsp.files import code_digest, replacing
from avrsp.params import ProtocolName
from avrsp.progress import track
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import VideoStore

CODE: Final = ("evaluate", "metrics", "store", "types.py")
"""Folders that decide a row's numbers; parts that others wrote are not taken up again."""

FAULTS = b"faults"


def evaluate_run(  # noqa: PLR0913 - where from, what, and where to
    folder: Path,
    stores: Path,
    videos: Sequence[Verdict],
    *,
    method: str,
    split: int | str,
    out: Path,
    names: Sequence[ProtocolName] = ("avrsp",),
) -> list[str]:
    """Score the maps below `folder` of every listed video and write the rows to `out`.

    Columns: `dataset, split, video, method, protocol, frame, fixations, predicted` and a column
    for each metric; one row group a video. Interrupted, it goes on after the last finished video.

    Returns:
        What could not be evaluated, a line each.

    Raises:
        StoreError: No video could be evaluated.
    """
    jobs = [
        map_job(folder, each.dataset, each.video, store_path(stores, each), (method, split))
        for each in videos
    ]
    return evaluate(jobs, out, names)


def evaluate_references(  # noqa: PLR0913 - where from, what, and where to
    stores: Path,
    videos: Sequence[Verdict],
    training: Sequence[Verdict],
    *,
    split: int | str,
    out: Path,
    seed: int,
    names: Sequence[ProtocolName] = ("avrsp",),
) -> list[str]:
    """Score every method of `REFERENCES` on the listed videos, and write the rows to `out`.

    The centre prior is fitted on the `training` videos; `seed` draws the other frames. The rest is
    as for `evaluate_run`.
    """
    named = [(each.dataset, each.video, store_path(stores, each)) for each in videos]
    prior = references.centre_prior([store_path(stores, each) for each in training])
    return evaluate(reference_jobs(named, prior, split, seed), out, names)


def evaluate(jobs: Sequence[Job], out: Path, names: Sequence[ProtocolName]) -> list[str]:
    """Work off `jobs` and write their rows to `out`, as `evaluate_run` says."""
    parts, faults = [], []
    folder = out.with_name(f".{out.stem}.parts")
    code = code_digest(*CODE)
    for job in track(jobs, total=len(jobs), label="evaluate", unit="video"):
        key = repr((code, job.inputs, job.split, job.method, state(job.store), tuple(names)))
        name = f"{job.video}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.parquet"
        part = folder / job.dataset / job.method / name
        try:
            found = _faults(part) if part.exists() else _evaluate_video(job, part, names)
            parts.append(part)
        except AvrspError as error:
            found = [str(one_line(error))]
        faults += [f"{job.dataset}/{job.video}: {fault}" for fault in found]
    if not parts:
        raise StoreError(f"{out.name}: no video could be evaluated; the first: {faults[0]}")
    _join(parts, out)
    shutil.rmtree(folder)
    return faults


def read_rows(path: Path) -> Iterator[pd.DataFrame]:
    """Yield the rows of a file that `evaluate_run` wrote, a video at a time."""
    with parquet.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group).to_pandas()


def _evaluate_video(job: Job, part: Path, names: Sequence[ProtocolName]) -> list[str]:
    faults: list[str] = []
    store = VideoStore(job.store)
    rows = scores.score_video(job.source(store, faults.append), store, names)
    for place, column in enumerate(("dataset", "split", "video", "method")):
        rows.insert(place, column, getattr(job, column))
    if not rows["predicted"].any():
        raise StoreError("; ".join(faults) or "no frame has a map")
    table = pa.Table.from_pandas(rows, preserve_index=False)
    with replacing(part) as temporary:
        described = {**(table.schema.metadata or {}), FAULTS: json.dumps(faults).encode()}
        parquet.write_table(table.replace_schema_metadata(described), temporary)
    return faults


def _faults(part: Path) -> list[str]:
    found: list[str] = json.loads(parquet.read_schema(part).metadata[FAULTS])
    return found


def _join(parts: Sequence[Path], out: Path) -> None:
    schema = parquet.read_schema(parts[0]).remove_metadata()
    with replacing(out) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for part in parts:
            writer.write_table(parquet.read_table(part).replace_schema_metadata())


Source: TypeAlias = Callable[[VideoStore, Note], Iterable[NDArray[np.floating]]]


@dataclass(frozen=True, slots=True)
class Job:
    """One video to score by one method.

    Attributes:
        dataset: Its dataset.
        video: Its name.
        split: Whose model predicted it.
        method: Name of the method in the rows.
        store: Its ground truth.
        source: Yields the maps, and notes what is wrong with some of them.
        inputs: Identifies what `source` reads; another value is another result.
    """

    dataset: str
    video: str
    split: int | str
    method: str
    store: Path
    source: Source
    inputs: str


def reference_jobs(
    videos: Sequence[tuple[str, str, Path]],
    prior: references.Map | None,
    split: int | str,
    seed: int,
) -> list[Job]:
    """Return the jobs of scoring every method of `REFERENCES` on videos (dataset, video, store).

    Without a centre prior, that one is left out.
    """
    sources: dict[str, Source] = {"uniform": lambda store, _: references.uniform(store)}
    inputs = repr(seed)
    if prior is not None:
        inputs += hashlib.sha256(prior.tobytes()).hexdigest()
        sources["centre prior"] = lambda store, _: references.constant(prior, len(store))
    sources["other frame"] = lambda store, _: references.other_frame(store, seed)
    return [
        Job(dataset, video, split, method, store, source, inputs)
        for method, source in sources.items()
        for dataset, video, store in videos
    ]


def map_job(folder: Path, dataset: str, video: str, store: Path, by: tuple[str, int | str]) -> Job:
    """Return the job of scoring what lies below `folder` for a video, by (method, split)."""
    found = map_readers.find_maps(folder, dataset, video)

    def source(truth: VideoStore, note: Note) -> Iterator[NDArray[np.float32]]:
        if found is None:
            raise StoreError(f"no maps in {folder} (see avrsp evaluate --help for their names)")
        return map_readers.read_maps(found, len(truth), note)

    method, split = by
    return Job(dataset, video, split, method, store, source, state(found))


def state(path: Path | None) -> str:
    """Say by sizes and times of change which state a file, or a folder's files, are in."""
    if path is None or not path.exists():
        return ""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    states = ((each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files)
    return repr((str(path), hashlib.sha256(repr(list(states)).encode()).hexdigest()))
