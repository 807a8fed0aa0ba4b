"""Being asked to stop, while a training goes on.

By Ctrl-C, by a cluster that wants its node back, by a closed terminal, or because the program that
started this one has ended (`avrsp.processes`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ECHO_SECONDS = 2.0
"""A program that started this one may pass Ctrl-C on; within this time that is one request."""

LAUNCHED = "TORCHELASTIC_RUN_ID"
"""Is in the environment of each process that `torchrun` starts."""


class Stopped(KeyboardInterrupt):
    """Every process of a training was asked to stop, and the main one has saved its state."""


def ignored(number: signal.Signals) -> bool:
    """Say whether the process was started to ignore a signal."""
    return signal.getsignal(number) == signal.SIG_IGN


@contextlib.contextmanager
def noticing() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGINT, SIGTERM or SIGHUP has come since.

    What is ignored, as `nohup` has it with SIGHUP, stays ignored.

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

    heeded = [each for each in ASKED if each != signal.SIGHUP or not ignored(each)]
    before = {each: signal.signal(each, notice) for each in heeded}
    try:
        yield lambda: bool(came)
    finally:
        if not came:
            restore()
