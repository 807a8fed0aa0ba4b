"""Progress for long work: a bar with rate and time left on a terminal, plain lines in a log."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

LINE_SECONDS = 15.0


def track(
    items: Iterable[Item],
    *,
    total: int | None,
    label: str,
    unit: str = "frame",
    first: int = 0,
) -> Iterator[Item]:
    """Yield `items` while showing on stderr how many of `total` are done, how fast, and time left.

    `first` of the total were done before. On a terminal that is a bar; elsewhere a line at the end
    and one every 15 seconds before it. Where a program watches, it is told instead.
    """
    watcher = _watcher.get()
    if watcher is not None:
        for count, item in enumerate(items, first + 1):
            yield item
            watcher(label, count, total)
        return
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=label, unit=unit, leave=False, initial=first)
        return
    begin = said = time.monotonic()
    count = 0
    for item in items:
        yield item
        count += 1
        if time.monotonic() - said > LINE_SECONDS:
            said = time.monotonic()
            _say(label, (first, count), total, unit, said - begin)
    _say(label, (first, count), total, unit, time.monotonic() - begin)


Watcher = Callable[[str, int, int | None], None]
"""Told of each item that is done: the label, how many are, and of how many."""

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextlib.contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of the progress of what this thread does in the `with` block.

    An exception that it raises ends the work.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def timed(main: Callable[[], None]) -> Callable[[], None]:
    """Make a program say on stderr, when it has done its work, how long that took.

    Of several processes that `torchrun` started, the first one says it.
    """

    @functools.wraps(main)
    def program() -> None:
        begin = time.monotonic()
        main()
        name = " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]])
        if os.environ.get("RANK", "0") == "0":
            sys.stderr.write(f"{name}: took {time.monotonic() - begin:.0f} s\n")

    return program


def _say(label: str, done: tuple[int, int], total: int | None, unit: str, seconds: float) -> None:
    """Say how many are done, before this began and since."""
    count, rate = sum(done), done[1] / max(seconds, 1e-9)
    line = f"{label}: {count}{f' of {total}' if total else ''} {unit}s, {rate:.1f} {unit}s/s"
    if total and count < total:
        line += f", {duration((total - count) / max(rate, 1e-9))} left"
    sys.stderr.write(line + "\n")


def duration(seconds: float) -> str:
    """Say a time as 12 s, 3:05 min or 2:10:00 h."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d} h"
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
