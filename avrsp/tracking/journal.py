"""A run's journal: one JSON line an event, the first of which says what the run is about."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run is about.

    Attributes:
        experiment: MLflow's experiment.
        pipeline: Name of the parent run, which gathers the stages of one set of parameters.
        name: Name of the run.
        parameters: Nested; recorded as `outer.inner`.
        tags: Commit, digests, counts.
    """

    experiment: str
    pipeline: str
    name: str
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]


def begin(path: Path, subject: Subject) -> None:
    """Start the journal `path` with an identity of its own, by which MLflow's run is found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    append(
        path,
        event="start",
        identity=uuid.uuid4().hex,
        experiment=subject.experiment,
        pipeline=subject.pipeline,
        name=subject.name,
        parameters=dict(_flat(subject.parameters)),
        tags=dict(subject.tags),
    )


def append(path: Path, **event: Any) -> None:  # noqa: ANN401 - what JSON holds
    """Add an event with the present time in milliseconds, after the last whole line."""
    whole = path.read_bytes().rpartition(b"\n")[:2] if path.exists() else (b"",)
    line = json.dumps({"time": int(time.time() * 1000), **event}).encode() + b"\n"
    with path.open("ab") as stream:
        stream.truncate(len(b"".join(whole)))
        stream.write(line)


def read(path: Path) -> list[Event]:
    """Return the events of `path`, without a last line that a killed process left unfinished."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def _flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
