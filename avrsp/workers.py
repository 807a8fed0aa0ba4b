"""Work that is divided among processes of one thread each.

The metrics, and small networks, are hundreds of small operations. PyTorch's threads must meet after
each of them, and spin there until the last one is given a processor, so that two threads are slower
than one: of metrics on two busy processors 3 frames/s instead of 48, for 16 times the processor
time a frame. Processes that each work on videos of their own never wait for one another, and give
the same bytes however many they are.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import psutil
import torch

from avrsp import forkserver
from avrsp.store.blocks import available_threads, use_one_thread

Work = TypeVar("Work")
Result = TypeVar("Result")

SMALL_WINDOW: Final = 500_000
"""Pixels of all frames of a window, up to which a network is small: the threads of a larger one
have enough to do, and its memory is needed once."""

NETWORK_BYTES: Final = 2 * 10**9
"""Memory that a process with a small network takes at the most."""


def network_workers(device: str, window: int, videos: int) -> int:
    """Return how many processes of one thread predict; 0: this process, with all its threads.

    Args:
        device: Where the network runs: cpu or cuda.
        window: Pixels of all frames that it sees at once.
        videos: How many are to be predicted.
    """
    if device != "cpu" or window > SMALL_WINDOW:
        return 0
    room = int(psutil.virtual_memory().available // NETWORK_BYTES)
    return max(1, min(available_threads(), videos, room))


def map_in_workers(
    function: Callable[[Work], Result], work: Sequence[Work], workers: int
) -> Iterator[Result]:
    """Yield the results in the order of the work; with one worker, from this process itself.

    The function is sent along with each piece of work: it names large things instead of holding
    them, and keeps what it loads in a cache of its module.

    Raises:
        AvrspError: A process was ended from outside, as by a system without memory.
    """
    if workers <= 1:
        with one_thread():
            yield from map(function, work)
        return
    sys.stderr.write(f"avrsp: {workers} processes, one thread each\n")
    with forkserver.pool(workers, [__name__, _module(function)], _begin) as pool:
        yield from pool.map(function, work)


def _module(function: Callable[[Any], Any]) -> str:
    """Name the module that each process would else import for itself."""
    return str(getattr(function, "func", function).__module__)  # `func` of a partial


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
    forkserver.begin()
    torch.set_num_threads(1)
    use_one_thread()
