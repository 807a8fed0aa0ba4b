"""Progress for long work: a bar with rate and time left on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
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


def _say(label: str, count: int, total: int | None, unit: str, seconds: float) -> None:
    rate = count / max(seconds, 1e-9)
    line = f"{label}: {count}{f' of {total}' if total else ''} {unit}s, {rate:.1f} {unit}s/s"
    if total and count < total:
        line += f", {(total - count) / max(rate, 1e-9):.0f} s left"
    sys.stderr.write(line + "\n")
