"""Processes that work is given to, forked from one that has already imported what they need."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver

from avrsp.errors import AvrspError


def start(*modules: str) -> None:
    """Start it now, so that it imports these modules while this process does the same.

    Without this it starts, and imports for some seconds, when a first worker is wanted.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([*modules])
    forkserver.ensure_running()


def begin() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_starter, daemon=True).start()


@contextlib.contextmanager
def pool(workers: int, first: Callable[[], None] = begin) -> Iterator[ProcessPoolExecutor]:
    """Give work to so many processes, each of which calls `first`; in the end none is left.

    Raises:
        AvrspError: A process was ended from outside, as by a system without memory.
    """
    context = multiprocessing.get_context("forkserver")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=first)
    try:
        yield executor
    except BrokenProcessPool:
        raise AvrspError(
            "a worker process was ended from outside (out of memory?); run the same command again "
            "with fewer processes: OMP_NUM_THREADS=1, or of avrsp evaluate fewer --workers"
        ) from None
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _follow_starter() -> None:
    starter = multiprocessing.parent_process()
    if starter is not None:
        starter.join()
        os._exit(1)
