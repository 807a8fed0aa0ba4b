"""Processes that work is given to, forked from one that has already imported what they need."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver

from avrsp.errors import AvrspError


def head_start(*modules: str) -> None:
    """Start the process that workers are forked from while the caller still imports.

    Otherwise it starts, and imports for some seconds, when a first worker is wanted. It stays until
    this process ends, wanted or not; where a single thread is allowed, it is not started.
    """
    if os.environ.get("OMP_NUM_THREADS") != "1":
        with contextlib.suppress(OSError):  # the first worker will say so
            start(*modules)


def start(*modules: str) -> None:
    """Start the process that workers are forked from, unless it runs; it imports these modules.

    Raises:
        OSError: The system refuses.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([*modules])
    with _deaf_to_interrupts():
        forkserver.ensure_running()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let what is started here never hear Ctrl-C, which ends an import with a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def begin() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_starter, daemon=True).start()


@contextlib.contextmanager
def pool(
    workers: int, modules: Sequence[str], first: Callable[[], None] = begin
) -> Iterator[ProcessPoolExecutor]:
    """Give work to so many processes, each of which calls `first`; in the end none is left.

    Args:
        workers: How many.
        modules: What they need, imported once for all of them.
        first: What each calls before its first work.

    Raises:
        AvrspError: A process was ended from outside, as by a system without memory, or none can be
            started.
    """
    try:
        start(*modules)
    except OSError as error:  # a socket's path has at most 107 bytes
        raise AvrspError(
            f"no worker process can be started ({error}); let TMPDIR name a folder with a short "
            "path, or set OMP_NUM_THREADS=1"
        ) from None
    context = multiprocessing.get_context("forkserver")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=first)
    try:
        yield executor
    except (BrokenProcessPool, EOFError):
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
