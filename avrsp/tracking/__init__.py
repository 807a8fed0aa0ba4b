"""What MLflow remembers of a run: parameters, values by epoch, files, and where they came from.

A run is written to a journal first and forwarded from there, so that no tracking server can stop
a training: while it is away events wait, and the next event, the next stage or the report forwards
them. At the end the journal joins the stage's outs, from where a run is written anew that MLflow
does not have, because DVC took the outs from its cache and ran no command.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from avrsp import files
from avrsp.tracking import journal, server
from avrsp.tracking.journal import Subject

__all__ = ["JOURNAL", "Record", "Subject", "recording", "relog_missing"]

JOURNAL = "record.jsonl"
RETRY_SECONDS = 60.0


class Record:
    """One run while it goes on; `run_id` is MLflow's name for it, None until MLflow knew it."""

    def __init__(self, path: Path) -> None:
        self.run_id: str | None = None
        self._path = path
        noted = [event["step"] for event in journal.read(path) if event["event"] == "values"]
        self._step = max(noted, default=-1)
        self._retry_at = 0.0

    def values(self, step: int, values: Mapping[str, float]) -> None:
        """Note the values of `step`; one that was noted before a resume is not noted again."""
        if step > self._step:
            self._step = step
            self._note(event="values", step=step, values=dict(values))

    def deliver(self, folder: Path, names: Sequence[str]) -> None:
        """Finish the run: attach files of `folder`, and move the journal there as an out."""
        files.write_bytes(folder / JOURNAL, self._path.read_bytes())
        self._path.unlink()
        self._path = folder / JOURNAL
        for name in names:
            journal.append(self._path, event="file", name=name)
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Note how the run ended (FINISHED, FAILED or KILLED) and forward all that waits."""
        self._retry_at = 0.0
        self._note(event="status", status=status)

    def resume(self) -> None:
        """Note that the run goes on, whatever its last status was."""
        self._note(event="status", status="RUNNING")

    def _note(self, **event: Any) -> None:  # noqa: ANN401 - what JSON holds
        journal.append(self._path, **event)
        if time.monotonic() < self._retry_at:
            return
        run_id = _forwarded(self._path, quietly=self._retry_at > 0)
        self.run_id = run_id or self.run_id
        self._retry_at = 0.0 if run_id else time.monotonic() + RETRY_SECONDS


@contextlib.contextmanager
def recording(folder: Path, subject: Subject) -> Iterator[Record]:
    """Record a run whose journal lies in `folder`; one that is there already goes on.

    A run that ends by an error or a signal before it was delivered is marked so.
    """
    path = folder / JOURNAL
    if not journal.read(path):
        journal.begin(path, subject)
    record = Record(path)
    record.resume()
    try:
        yield record
    except BaseException as error:
        record.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise


def relog_missing(journals: Iterable[Path]) -> None:
    """Write each delivered run anew that MLflow does not have, or not to its end."""
    for path in journals:
        if journal.read(path) and _forwarded(path, quietly=False) is None:
            return


def _forwarded(path: Path, *, quietly: bool) -> str | None:
    """Bring MLflow up to date; return its name for the run, None while it does not answer."""
    try:
        return server.forward(path)
    except server.failures() as error:
        if not quietly:
            reason = str(error).partition("\n")[0]
            sys.stderr.write(
                f"avrsp: {server.address()} does not take the record ({reason}); it waits in "
                f"{path} and is sent later\n"
            )
        return None
