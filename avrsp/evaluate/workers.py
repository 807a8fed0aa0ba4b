"""Work that is divided among processes of one thread each.

The metrics are hundreds of small operations on a few maps. PyTorch's threads must meet after each
of them, and spin there until the last one is given a processor, so that two threads are slower
than one: on two busy processors 3 frames/s instead of 48, for 16 times the processor time a frame.
Processes that each score videos of their own never wait for one another.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final, TypeVar

import torch

from avrsp.errors import AvrspError, StoreError
from avrsp.store.blocks import available_threads, use_one_thread
from avrsp.store.video_store import VideoStore

Work = TypeVar("Work")
Result = TypeVar("Result")

LEAST_PIXELS: Final = 3 * 10**9
"""Pixels of ground truth to score from which it pays to start processes; some seconds of work."""

LOOKED_AT: Final = 8
"""Stores by whose size that of the others is estimated."""


def default_workers(stores: Sequence[Path], protocols: int) -> int:
    """Return how many processes to use for videos by so many protocols."""
    sizes = []
    for path in stores[:LOOKED_AT]:
        with contextlib.suppress(StoreError):
            store = VideoStore(path)
            height, width = store.truth_size
            sizes.append(len(store) * height * width)
    pixels = protocols * sum(sizes) * len(stores) / max(1, len(sizes))
    return min(available_threads(), len(stores)) if pixels >= LEAST_PIXELS else 1


def map_in_workers(
    function: Callable[[Work], Result], work: Sequence[Work], workers: int
) -> Iterator[Result]:
    """Yield the results in the order of the work; with one worker, from this process itself.

    Raises:
        AvrspError: A process was ended from outside, as by a system without memory.
    """
    if workers <= 1:
        with one_thread():
            yield from map(function, work)
        return
    sys.stderr.write(f"avrsp: {workers} processes, one thread each\n")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        yield from pool.map(function, work)
    except BrokenProcessPool:
        raise AvrspError(
            "a worker process was ended from outside (out of memory?); run the same command again "
            "with fewer --workers: it goes on where it stopped"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute in one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _begin() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    use_one_thread()
    threading.Thread(target=_follow_starter, daemon=True).start()


def _follow_starter() -> None:
    starter = multiprocessing.parent_process()
    if starter is not None:
        starter.join()
        os._exit(1)
