"""Evaluation of a method: a row for each frame, video after video, resumed where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from avrsp.errors import AvrspError, StoreError, one_line
from avrsp.evaluate import map_readers, references, scores
from avrsp.evaluate.map_readers import Findings
from avrsp.evaluate.map_values import REMARKS, Values
from avrsp.evaluate.summary import METRICS
from avrsp.files import code_digest, replacing
from avrsp.params import ProtocolName
from avrsp.progress import track
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import MapStore, VideoStore

CODE: Final = ("evaluate", "metrics", "store", "types.py")
"""Folders that decide a row's numbers; parts that others wrote are not taken up again."""

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


def evaluate_run(  # noqa: PLR0913 - where from, what, and where to
    folder: Path,
    stores: Path,
    videos: Sequence[Verdict],
    *,
    method: str,
    split: int | str,
    out: Path,
    names: Sequence[ProtocolName] = ("avrsp",),
) -> Outcome:
    """Score the maps below `folder` of every listed video and write the rows to `out`.

    Columns: `dataset, split, video, method, protocol, frame, fixations, predicted` and a column
    for each metric; one row group a video. Interrupted, it goes on after the last finished video.

    Raises:
        StoreError: No video could be evaluated.
    """
    jobs = [
        map_job(folder, (each.dataset, each.video, store_path(stores, each)), (method, split))
        for each in videos
    ]
    return evaluate(jobs, out, names)


def write_no_rows(out: Path) -> None:
    """Write a table without a row to `out`, for a method that there are no maps of."""
    named = ("dataset", "split", "video", "method", "protocol", "frame", "fixations")
    empty = dict.fromkeys((*named, *METRICS), pa.array([], pa.string()))
    with replacing(out) as temporary:
        parquet.write_table(pa.table(empty), temporary)


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

    The centre prior is fitted on the `training` videos; `seed` draws the other frames. The rest is
    as for `evaluate_run`.
    """
    named = [(each.dataset, each.video, store_path(stores, each)) for each in videos]
    prior = references.centre_prior([store_path(stores, each) for each in training])
    return evaluate(reference_jobs(named, prior, split, seed), out, names)


def evaluate(jobs: Sequence[Job], out: Path, names: Sequence[ProtocolName]) -> Outcome:
    """Work off `jobs` and write their rows to `out`, as `evaluate_run` says."""
    parts: list[Path] = []
    faults: list[str] = []
    odd: dict[str, list[str]] = {}
    folder = out.with_name(f".{out.stem}.parts")
    code = code_digest(*CODE)
    for job in track(jobs, total=len(jobs), label="evaluate", unit="video"):
        key = repr((code, job.inputs, job.split, job.method, state(job.store), tuple(names)))
        name = f"{job.video}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.parquet"
        part = folder / job.dataset / job.method / name
        video = f"{job.dataset}/{job.video}"
        try:
            found = _findings(part) if part.exists() else _evaluate_video(job, part, names)
            parts.append(part)
        except AvrspError as error:
            found = Findings([str(one_line(error))])
        faults += [f"{video}: {fault}" for fault in found.faults]
        for reason in sorted(found.remarks):
            odd.setdefault(reason, []).append(video)
    if not parts:
        raise StoreError(f"{out.name}: no video could be evaluated; the first: {faults[0]}")
    _join(parts, out)
    shutil.rmtree(folder)
    return Outcome(faults, [_remark(reason, videos) for reason, videos in odd.items()])


def _remark(reason: str, videos: Sequence[str]) -> str:
    more = f" and {len(videos) - 1} more" if len(videos) > 1 else ""
    return f"maps of {videos[0]}{more}: {REMARKS[reason]}"


def refuse_faults(faults: Sequence[str], *, allowed: bool) -> None:
    """End a stage whose scores leave something out, unless that is allowed.

    Raises:
        StoreError: Something could not be evaluated; what was, has been written.
    """
    if faults and not allowed:
        raise StoreError(
            f"not everything could be evaluated ({len(faults)}, named above); make those maps "
            "again, or set evaluation.allow_missing in params.yaml to true"
        )


def read_rows(path: Path) -> Iterator[pd.DataFrame]:
    """Yield the rows of a file that `evaluate_run` wrote, a video at a time."""
    with parquet.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group).to_pandas()


def _evaluate_video(job: Job, part: Path, names: Sequence[ProtocolName]) -> Findings:
    findings = Findings()
    store = VideoStore(job.store)
    rows = scores.score_video(job.source(store, findings), store, names)
    for place, column in enumerate(("dataset", "split", "video", "method")):
        rows.insert(place, column, getattr(job, column))
    if not rows["predicted"].any():
        raise StoreError("; ".join(findings.faults) or "no frame has a map")
    table = pa.Table.from_pandas(rows, preserve_index=False)
    said = json.dumps([findings.faults, sorted(findings.remarks)]).encode()
    with replacing(part) as temporary:
        described = {**(table.schema.metadata or {}), FINDINGS: said}
        parquet.write_table(table.replace_schema_metadata(described), temporary)
    return findings


def _findings(part: Path) -> Findings:
    faults, remarks = json.loads(parquet.read_schema(part).metadata[FINDINGS])
    return Findings(faults, set(remarks))


def _join(parts: Sequence[Path], out: Path) -> None:
    schema = parquet.read_schema(parts[0]).remove_metadata()
    with replacing(out) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for part in parts:
            writer.write_table(parquet.read_table(part).replace_schema_metadata())


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
    source: MapSource
    inputs: str


class MapSource(Protocol):
    """Where the maps of a video come from; it is sent to the process that scores them."""

    def __call__(self, truth: VideoStore, findings: Findings) -> Iterable[NDArray[np.floating]]:
        """Yield maps n x H x W for the frames of a video."""
        ...


@dataclass(frozen=True, slots=True)
class Predicted:
    """The maps in a file or folder; None where none was found below `folder`."""

    found: Path | None
    folder: Path
    values: Values | None = None

    def __call__(self, truth: VideoStore, findings: Findings) -> Iterator[NDArray[np.float32]]:
        """Read them."""
        if self.found is None:
            hint = "see avrsp evaluate --help for their names"
            raise StoreError(f"no maps in {self.folder} ({hint})")
        self._check_video(truth)
        return map_readers.read_maps(self.found, len(truth), findings, self.values)

    def _check_video(self, truth: VideoStore) -> None:
        """Refuse a map store that says that it is of another video."""
        if self.found is None or not map_readers.is_map_store(self.found):
            return
        of, wanted = MapStore(self.found).video, truth.attributes
        if of is not None and of != (wanted.dataset, wanted.video):
            raise StoreError(f"{self.found}: holds the maps of {'/'.join(of)}; make them again")


@dataclass(frozen=True, slots=True)
class Uniform:
    """Maps of one value."""

    def __call__(self, truth: VideoStore, findings: Findings) -> Iterator[NDArray[np.float32]]:
        """Make them."""
        return references.uniform(truth)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same map for every frame."""

    saliency: NDArray[np.float32]

    def __call__(self, truth: VideoStore, findings: Findings) -> Iterator[NDArray[np.float32]]:
        """Repeat it."""
        return references.constant(self.saliency, len(truth))


@dataclass(frozen=True, slots=True)
class OtherFrame:
    """The truth of another frame of the same video."""

    seed: int

    def __call__(self, truth: VideoStore, findings: Findings) -> Iterator[NDArray[np.float32]]:
        """Draw them."""
        return references.other_frame(truth, self.seed)


def reference_jobs(
    videos: Sequence[tuple[str, str, Path]],
    prior: NDArray[np.float32] | None,
    split: int | str,
    seed: int,
) -> list[Job]:
    """Return the jobs of scoring every method of `REFERENCES` on videos (dataset, video, store).

    Without a centre prior, that one is left out.
    """
    sources: dict[str, MapSource] = {"uniform": Uniform(), "other frame": OtherFrame(seed)}
    inputs = repr(seed)
    if prior is not None:
        inputs += hashlib.sha256(prior.tobytes()).hexdigest()
        sources["centre prior"] = Constant(prior)
    return [
        Job(dataset, video, split, method, store, sources[method], inputs)
        for method in references.REFERENCES
        if method in sources
        for dataset, video, store in videos
    ]


def map_job(
    folder: Path,
    video: tuple[str, str, Path],
    by: tuple[str, int | str],
    values: Values | None = None,
) -> Job:
    """Return the job of scoring what lies below `folder` for a video, by (method, split)."""
    dataset, name, store = video
    found = map_readers.find_maps(folder, dataset, name)
    method, split = by
    source = Predicted(found, folder, values)
    return Job(dataset, name, split, method, store, source, repr((values, state(found))))


def state(path: Path | None) -> str:
    """Say by sizes and times of change which state a file, or a folder's files, are in."""
    if path is None or not path.exists():
        return ""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    facts = ((each.name, each.lstat()) for each in files)
    states = [(name, fact.st_size, fact.st_mtime_ns) for name, fact in facts]
    return repr((str(path), hashlib.sha256(repr(states).encode()).hexdigest()))
