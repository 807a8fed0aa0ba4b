"""A run's journal: one JSON line an event, the first of which says what the run is about.

Each line is on the disk before the next thing happens, so that no training state is newer than its
journal. A damaged line is an event called "damaged": the others keep their numbers.
"""

from __future__ import annotations

import json
import os
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from avrsp import files

Event = dict[str, Any]

CHECK: Final = "check"
"""Key of the checksum of the rest of a line."""


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
    files.write_bytes(path, _line(_start(subject, identity or uuid.uuid4().hex)))


def repair(path: Path, subject: Subject) -> None:
    """Write the first line again where it is damaged; the events after it stay.

    MLflow's run is found again where a later event has its identity.
    """
    events = read(path)
    if events and not _is_start(events[0]):
        known = [event["identity"] for event in events if "identity" in event]
        start = _start(subject, known[-1] if known else uuid.uuid4().hex)
        files.write_bytes(path, b"".join(map(_line, [start, *events[1:]])))


def _start(subject: Subject, identity: str) -> Event:
    return _event(
        event="start",
        identity=identity,
        experiment=subject.experiment,
        pipeline=subject.pipeline,
        name=subject.name,
        parameters=dict(flat(subject.parameters)),
        tags=dict(subject.tags),
        datasets=[asdict(dataset) for dataset in subject.datasets],
        texts=dict(subject.texts),
    )


def _event(**event: Any) -> Event:  # noqa: ANN401 - what JSON holds
    return {"time": int(time.time() * 1000), **event}


def _line(event: Event) -> bytes:
    return json.dumps({**event, CHECK: _checked(event)}).encode() + b"\n"


def append(path: Path, **event: Any) -> None:  # noqa: ANN401 - what JSON holds
    """Add an event with the present time in milliseconds, after the last whole line."""
    line = _line(_event(**event))
    with files.writing(path), path.open("a+b") as stream:
        size = stream.tell()
        stream.seek(max(size - 1, 0))
        if stream.read(1) not in (b"", b"\n"):  # a killed process left an unfinished line
            stream.seek(0)
            stream.truncate(stream.read().rfind(b"\n") + 1)
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def read(path: Path) -> list[Event]:
    """Return the events of `path`, without a last line that a killed process left unfinished."""
    try:
        whole, _, _ = path.read_bytes().rpartition(b"\n")
    except FileNotFoundError:
        return []
    return [_understood(line) for line in whole.split(b"\n")] if whole else []


def is_whole(events: Sequence[Event]) -> bool:
    """Say whether a journal's first event says what the run is about."""
    return bool(events) and _is_start(events[0])


def _is_start(event: Event) -> bool:
    return bool(event["event"] == "start")


def _understood(line: bytes) -> Event:
    """Return the event in a line; NUL bytes are what a power failure leaves around it."""
    try:
        event = json.loads(line.strip(b"\0"))
        if event.pop(CHECK) == _checked(event):
            return dict(event)
    except (ValueError, KeyError, TypeError, AttributeError):  # not what was written
        pass
    return {"event": "damaged"}


def _checked(event: Event) -> int:
    return zlib.crc32(json.dumps(event, sort_keys=True).encode())


def flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested parameters as MLflow keeps them: `outer.inner` and a text."""
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
