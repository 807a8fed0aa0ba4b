"""The process that worker processes are forked from, with what they need already imported."""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver


def start(program: str) -> None:
    """Start it now, so that it imports the module `program` while this process does the same.

    Without this it starts, and imports for some seconds, when the first worker is wanted.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([program])
    forkserver.ensure_running()
