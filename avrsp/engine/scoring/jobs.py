"""What to score: a video's maps, wherever they lie, or a reference that knows nothing of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from avrsp.data.store import VideoStore
from avrsp.engine.scoring import maps, references
from avrsp.engine.scoring.maps import Note
from avrsp.errors import StoreError

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
    split: int
    method: str
    store: Path
    source: Source
    inputs: str


def reference_jobs(
    videos: Sequence[tuple[str, str, Path]], prior: references.Map | None, split: int, seed: int
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


def map_job(folder: Path, dataset: str, video: str, store: Path, by: tuple[str, int]) -> Job:
    """Return the job of scoring what lies below `folder` for a video, by (method, split)."""
    found = maps.find_maps(folder, dataset, video)

    def source(truth: VideoStore, note: Note) -> Iterator[NDArray[np.float32]]:
        if found is None:
            raise StoreError(f"no maps in {folder} (see avrsp evaluate --help for their names)")
        return maps.read_maps(found, len(truth), note)

    method, split = by
    return Job(dataset, video, split, method, store, source, state(found))


def state(path: Path | None) -> str:
    """Say by sizes and times of change which state a file, or a folder's files, are in."""
    if path is None or not path.exists():
        return ""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    states = ((each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files)
    return repr((str(path), hashlib.sha256(repr(list(states)).encode()).hexdigest()))
