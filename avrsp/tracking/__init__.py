"""What MLflow remembers of a run: parameters, data, values, files, and where they came from.

A run is written to a journal first and forwarded from there, so that no tracking server can stop
a training: while it is away events wait, and a later event, the next stage or the report forwards
them. At the end the journal joins the stage's outs, from where a run is written again that MLflow
does not have, because DVC took the outs from its cache and ran no command.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from avrsp import files, paths
from avrsp.paths import Workspace
from avrsp.tracking import journal, machine, server
from avrsp.tracking.journal import Dataset, Subject
from avrsp.tracking.machine import SystemMonitor

__all__ = ["JOURNAL", "Dataset", "Record", "Subject", "recording", "relog_missing"]

JOURNAL = "record.jsonl"
FORWARD_SECONDS = 60.0
LONGEST_SECONDS = 1920.0
UPDATE_SECONDS = 10.0


class Record:
    """One run while it goes on; `run_id` is MLflow's name for it, None until MLflow knew it."""

    def __init__(self, path: Path, root: Path) -> None:
        events = journal.read(path)
        names = [event["id"] for event in events if event["event"] == "run"]
        self.run_id: str | None = names[-1] if names else None
        self._identity: str = events[0]["identity"]
        self._path = path
        self._root = root
        self._lock = threading.Lock()
        self._last: dict[str, int] = {}
        for event in events:
            if event["event"] == "values":
                self._last[event.get("series", "epoch")] = event["step"]
        self._wait = 0.0
        self._due_at = 0.0
        self._sent_at = 0.0
        self._update_at = 0.0
        self._monitor: SystemMonitor | None = None

    def values(self, step: int, values: Mapping[str, float]) -> None:
        """Note the values of epoch `step`; one that was noted before a resume is not repeated."""
        if self._add("epoch", step, values):
            self._forward_when_due()

    def update(self, step: int, values: Mapping[str, float]) -> None:
        """Note what update `step` saw, as `update/<name>`, at most once in `UPDATE_SECONDS`."""
        if time.monotonic() < self._update_at:
            return
        self._update_at = time.monotonic() + UPDATE_SECONDS
        named = {f"update/{name}": value for name, value in values.items()}
        if self._add("update", step, named) and time.monotonic() > self._sent_at + FORWARD_SECONDS:
            self._forward_when_due()

    def deliver(self, folder: Path, names: Sequence[str]) -> None:
        """Finish the run: attach files of `folder`, and move the journal there as an out."""
        self.stop_monitor()
        with self._lock:
            files.write_bytes(folder / JOURNAL, self._path.read_bytes())
            self._path.unlink()
            self._path = folder / JOURNAL
        for name in names:
            self._append(event="file", name=name)
        self.end("FINISHED")

    def register(
        self, name: str, values: Mapping[str, float], tags: Mapping[str, str] | None = None
    ) -> None:
        """Enter the delivered files into the model registry as the next version of `name`.

        The version has the values, and further `tags`, as its tags.
        """
        self._append(event="model", name=name, values=dict(values), tags=dict(tags or {}))
        self._forward()

    def end(self, status: str) -> None:
        """Note how the run ended (FINISHED, FAILED or KILLED) and forward all that waits."""
        self.stop_monitor()
        self._append(event="status", status=status)
        self._forward()

    def resume(self) -> None:
        """Note that the run goes on, whatever its last status was, and monitor the machine."""
        self._append(event="status", status="RUNNING")
        self._forward()
        self._monitor = SystemMonitor(self._system)

    def stop_monitor(self) -> None:
        """Stop monitoring the machine."""
        if self._monitor is not None:
            self._monitor.stop()
            self._monitor = None

    def _system(self, values: Mapping[str, float]) -> None:
        """Note the machine's state; the watching thread calls, so nothing is forwarded here."""
        self._add("system", self._last.get("system", -1) + 1, values)

    def _add(self, series: str, step: int, values: Mapping[str, float]) -> bool:
        """Note values whose step is new to their series."""
        if step <= self._last.get(series, -1):
            return False
        self._last[series] = step
        self._append(event="values", series=series, step=step, values=dict(values))
        return True

    def _append(self, **event: Any) -> None:  # noqa: ANN401 - what JSON holds
        with self._lock:
            journal.append(self._path, **event)

    def _forward_when_due(self) -> None:
        if time.monotonic() >= self._due_at:
            self._forward()

    def _forward(self) -> None:
        """Bring MLflow up to date; the longer it has been away, the less often it is asked."""
        run_id = server.forwarded(self._path, self._root, quietly=self._wait > 0)
        longer = min(2 * self._wait or FORWARD_SECONDS, LONGEST_SECONDS)
        self._wait = 0.0 if run_id else longer
        self._sent_at = time.monotonic()
        self._due_at = self._sent_at + self._wait
        if run_id and run_id != self.run_id:
            self.run_id = run_id
            self._append(event="run", id=run_id, identity=self._identity)


@contextlib.contextmanager
def recording(folder: Path, subject: Subject, here: Workspace | None = None) -> Iterator[Record]:
    """Record a run whose journal lies in `folder`; one that is there already goes on.

    `here` is the workspace in which this process runs, unless given.

    A run that ends by an error or a signal before it was delivered is marked so.
    """
    here, path = here or paths.current(), folder / JOURNAL
    if not journal.is_whole(events := journal.read(path)):
        tags, texts = machine.described(here.folder)
        known = replace(subject, tags={**tags, **subject.tags}, texts={**texts, **subject.texts})
        if events:
            journal.repair(path, known)
        else:
            journal.begin(path, known)
    record = Record(path, here.root)
    record.resume()
    try:
        yield record
    except BaseException as error:
        record.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    finally:
        record.stop_monitor()


def relog_missing(journals: Iterable[Path], root: Path) -> None:
    """Write each delivered run again that MLflow does not have, or not to its end.

    Args:
        journals: Of the runs.
        root: The main repository, where MLflow's database lies if no server is named.
    """
    for path in journals:
        whole = journal.is_whole(journal.read(path))
        if whole and server.forwarded(path, root, quietly=False) is None:
            return
