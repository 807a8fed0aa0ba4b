"""What is to be scored: a video, its ground truth, and where the maps come from."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from avrsp.errors import StoreError
from avrsp.evaluate import map_readers, references
from avrsp.evaluate.between_viewers import ViewerScorer, knows_viewers
from avrsp.evaluate.map_readers import Findings
from avrsp.evaluate.map_values import Values
from avrsp.evaluate.summary import VIEWERS
from avrsp.store.blocks import available_threads
from avrsp.store.video_store import MapStore, VideoStore

NamedStore: TypeAlias = tuple[str, str, Path]
"""Dataset, video and store."""


@dataclass(frozen=True, slots=True)
class ScoringJob:
    """One video to score by one method.

    Attributes:
        dataset: Its dataset.
        video: Its name.
        split: Whose model predicted it.
        method: Name of the method in the rows.
        store: Its ground truth.
        source: Yields the maps, and notes what is wrong with some of them; or scores viewers by
            viewers.
        inputs: Identifies what `source` reads; another value is another result.
    """

    dataset: str
    video: str
    split: int | str
    method: str
    store: Path
    source: MapSource | ViewerScorer
    inputs: str

    @property
    def inputs_found(self) -> bool:
        """Whether there are maps; a source that makes its own has them always."""
        return not isinstance(self.source, Predicted) or self.source.found is not None


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
    videos: Sequence[NamedStore],
    prior: NDArray[np.float32] | None,
    split: int | str,
    seed: int,
) -> list[ScoringJob]:
    """Return the jobs of scoring every method of `REFERENCES` on videos (dataset, video, store).

    Without a centre prior, that one is left out. Methods of `VIEWERS` follow for the videos of
    which it is known who looked.
    """
    sources: dict[str, MapSource] = {"uniform": Uniform(), "other frame": OtherFrame(seed)}
    inputs = repr(seed)
    if prior is not None:
        inputs += hashlib.sha256(prior.tobytes()).hexdigest()
        sources["centre prior"] = Constant(prior)
    jobs = [
        ScoringJob(dataset, video, split, method, store, sources[method], inputs)
        for method in references.REFERENCES
        if method in sources
        for dataset, video, store in videos
    ]
    known = [each for each in videos if _knows_viewers(each[2])]
    return jobs + [
        ScoringJob(dataset, video, split, method, store, ViewerScorer(method, seed), inputs)
        for method in VIEWERS
        for dataset, video, store in known
    ]


def _knows_viewers(store: Path) -> bool:
    """Say whether it is known who looked; of a damaged store its other jobs say what is wrong."""
    try:
        return knows_viewers(VideoStore(store))
    except StoreError:
        return False


def map_job(
    folder: Path,
    video: NamedStore,
    by: tuple[str, int | str],
    values: Values | None = None,
) -> ScoringJob:
    """Return the job of scoring what lies below `folder` for a video, by (method, split)."""
    dataset, name, store = video
    found = map_readers.find_maps(folder, dataset, name)
    method, split = by
    source = Predicted(found, folder, values)
    return ScoringJob(dataset, name, split, method, store, source, repr((values, state(found))))


LEAST_PIXELS: Final = 15 * 10**7
"""Pixels of ground truth to score from which it pays to start processes; some seconds of work."""

LOOKED_AT: Final = 8
"""Stores by whose size that of the others is estimated."""


def default_workers(stores: Sequence[Path], protocols: int) -> int:
    """Return how many processes to use for videos by so many protocols."""
    sizes = []
    for path in stores[:LOOKED_AT]:
        with contextlib.suppress(StoreError):
            store = VideoStore(path)
            height, width = store.truth_size
            sizes.append(len(store) * height * width)
    pixels = protocols * sum(sizes) * len(stores) / max(1, len(sizes))
    return min(available_threads(), len(stores)) if pixels >= LEAST_PIXELS else 1


def state(path: Path | None) -> str:
    """Say by sizes and times of change which state a file, or a folder's files, are in."""
    if path is None or not path.exists():
        return ""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    facts = ((each.name, each.lstat()) for each in files)
    states = [(name, fact.st_size, fact.st_mtime_ns) for name, fact in facts]
    return repr((str(path), hashlib.sha256(repr(states).encode()).hexdigest()))
