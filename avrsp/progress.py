"""Progress for long work: a bar with rate and time left on a terminal, plain lines in a log."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

LINE_SECONDS = 15.0


def track(
    items: Iterable[Item], *, total: int | None, label: str, unit: str = "frame"
) -> Iterator[Item]:
    """Yield `items` while showing on stderr how many of `total` are done, how fast, and time left.

    On a terminal that is a bar; elsewhere a line at the end and one every 15 seconds before it.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=label, unit=unit, leave=False)
        return
    begin = said = time.monotonic()
    count = 0
    for item in items:
        yield item
        count += 1
        if time.monotonic() - said > LINE_SECONDS:
            said = time.monotonic()
            _say(label, count, total, unit, said - begin)
    _say(label, count, total, unit, time.monotonic() - begin)


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


def _say(label: str, count: int, total: int | None, unit: str, seconds: float) -> None:
    rate = count / max(seconds, 1e-9)
    line = f"{label}: {count}{f' of {total}' if total else ''} {unit}s, {rate:.1f} {unit}s/s"
    if total and count < total:
        line += f", {(total - count) / max(rate, 1e-9):.0f} s left"
    sys.stderr.write(line + "\n")
