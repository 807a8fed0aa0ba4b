"""A prediction in a thread of its own, which a page can watch and stop."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avrsp import progress
from avrsp.errors import one_line

LOOK_SECONDS: Final = 0.5
"""Between two looks at how far it is."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a piece of work is.

    Attributes:
        label: What is done.
        count: Frames that are done.
        total: Of how many; None where that is not known.
        left: Seconds that the rest will probably take; None where that is not known.
    """

    label: str
    count: int
    total: int | None
    left: float | None = None


class VideoRun:
    """Work on one video.

    Attributes:
        results: What was written, once it is done.
        said: Why it ended without results; empty while it runs and where all went well.
    """

    def __init__(self, work: Callable[[], Sequence[Path]]) -> None:
        self.results: Sequence[Path] = ()
        self.said = ""
        self._work = work
        self._stage = Stage("getting ready", 0, None)
        self._began = ("", 0, 0.0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stages(self) -> Iterator[Stage]:
        """Yield how far it is, again and again until it has ended."""
        while self._thread.is_alive():
            yield self._stage
            self._thread.join(LOOK_SECONDS)

    def stop(self) -> None:
        """Let it end with the next frame; what is predicted is kept."""
        self._stopping.set()

    def _run(self) -> None:
        try:
            with progress.watched(self._look):
                self.results = self._work()
        except KeyboardInterrupt as stop:
            notes = getattr(stop, "__notes__", ())
            self.said = "Stopped" + "".join(f"; {note}" for note in notes) + "."
        except Exception as error:
            line = one_line(error)
            if line is None:
                traceback.print_exc(file=sys.stderr)
                line = f"{type(error).__name__}; the terminal of `avrsp app` has the details"
            self.said = line

    def _look(self, label: str, count: int, total: int | None) -> None:
        """Note how far it is; called for each frame."""
        now = time.monotonic()
        if label != self._began[0]:
            self._began = (label, count, now)
        done, seconds = count - self._began[1], now - self._began[2]
        left = None if total is None or not done else max(total - count, 0) * seconds / done
        self._stage = Stage(label, count, total, left)
        if self._stopping.is_set():
            raise KeyboardInterrupt
