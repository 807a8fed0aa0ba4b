"""Being asked to stop: by Ctrl-C, or by a cluster that wants its node back."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

ASKED = (signal.SIGINT, signal.SIGTERM)
ECHO_SECONDS = 2.0
"""A launcher passes on what its processes got already: within this time that is one request."""


class Stopped(KeyboardInterrupt):
    """Every process of a training was asked to stop, and the main one has saved its state."""


@contextlib.contextmanager
def noticing() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGINT or SIGTERM has come since.

    Only the first one waits to be noticed: a later one ends the process at once.
    """
    came: list[float] = []

    def notice(number: int, _: FrameType | None) -> None:
        came.append(time.monotonic())
        if came[-1] - came[0] > ECHO_SECONDS:
            for each, handler in before.items():
                signal.signal(each, handler)
            signal.raise_signal(number)

    before = {each: signal.signal(each, notice) for each in ASKED}
    try:
        yield lambda: bool(came)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
