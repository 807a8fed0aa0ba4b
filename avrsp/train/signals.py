"""Being asked to stop: by Ctrl-C, or by a cluster that wants its node back."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

ASKED = (signal.SIGINT, signal.SIGTERM)
ECHO_SECONDS = 2.0
"""A program that started this one may pass Ctrl-C on; within this time that is one request."""

LAUNCHED = "TORCHELASTIC_RUN_ID"
"""Is in the environment of each process that `torchrun` starts."""


class Stopped(KeyboardInterrupt):
    """Every process of a training was asked to stop, and the main one has saved its state."""


@contextlib.contextmanager
def noticing() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGINT or SIGTERM has come since.

    No second SIGTERM ends the process: launchers and clusters repeat it, as late as a busy machine
    lets them, and kill what takes too long. `torchrun` repeats SIGINT too. Without it, a second
    SIGINT is a person's, and ends the process at once.

    The handlers stay where a signal has come: what follows the saving, up to the process's end, is
    not to be cut short either.
    """
    came: list[float] = []

    def notice(number: int, _: FrameType | None) -> None:
        came.append(time.monotonic())
        echo = came[-1] - came[0] <= ECHO_SECONDS or LAUNCHED in os.environ
        if number == signal.SIGINT and not echo:
            restore()
            signal.raise_signal(number)

    def restore() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {each: signal.signal(each, notice) for each in ASKED}
    try:
        yield lambda: bool(came)
    finally:
        if not came:
            restore()
