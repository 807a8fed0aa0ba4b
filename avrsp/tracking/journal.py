"""A run's journal: one JSON line an event, the first of which says what the run is about."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data that a run reads.

    Attributes:
        name: Name of the dataset.
        role: What it is for, as `training`.
        digest: Digest of what is read, at most 36 characters.
        source: Where it lies.
        counts: How many videos, frames and so on it has.
    """

    name: str
    role: str
    digest: str
    source: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run is about.

    Attributes:
        experiment: MLflow's experiment.
        pipeline: Name of the parent run, which gathers the stages of one set of parameters.
        name: Name of the run.
        parameters: Nested; recorded as `outer.inner`.
        tags: Commit, digests, counts.
        datasets: What it reads.
        texts: Small files, by their names among the artifacts.
    """

    experiment: str
    pipeline: str
    name: str
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    datasets: Sequence[Dataset] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


def begin(path: Path, subject: Subject, identity: str | None = None) -> None:
    """Start the journal `path` with an `identity`, new if None, by which MLflow's run is found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    append(
        path,
        event="start",
        identity=identity or uuid.uuid4().hex,
        experiment=subject.experiment,
        pipeline=subject.pipeline,
        name=subject.name,
        parameters=dict(flat(subject.parameters)),
        tags=dict(subject.tags),
        datasets=[asdict(dataset) for dataset in subject.datasets],
        texts=dict(subject.texts),
    )


def append(path: Path, **event: Any) -> None:  # noqa: ANN401 - what JSON holds
    """Add an event with the present time in milliseconds, after the last whole line."""
    line = json.dumps({"time": int(time.time() * 1000), **event}).encode() + b"\n"
    with path.open("a+b") as stream:
        size = stream.tell()
        stream.seek(max(size - 1, 0))
        if stream.read(1) not in (b"", b"\n"):  # a killed process left an unfinished line
            stream.seek(0)
            stream.truncate(stream.read().rfind(b"\n") + 1)
        stream.write(line)


def read(path: Path) -> list[Event]:
    """Return the events of `path`, without a last line that a killed process left unfinished."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested parameters as MLflow keeps them: `outer.inner` and a text."""
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
