"""Processes that belong together: none outlives its starter, and only one does a piece of work."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock, Timeout

STARTED: Final = ("DVC_STAGE", "TORCHELASTIC_RUN_ID")
"""Variables by which a process knows that DVC or torchrun started it."""

LAUNCHER: Final = "AVRSP_LAUNCHER"
"""Variable with the process id of the program that started several to train together."""

SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "busybox"})
MMAP_THRESHOLD: Final = -3
TRIM_THRESHOLD: Final = -1
"""Parameters of glibc's `mallopt`: bytes from which it asks the system for a block of its own, and
free bytes at the end of its memory from which it gives them back."""

LOOK_SECONDS: Final = 1.0
ASK_SECONDS: Final = 0.2
GRACE_SECONDS: Final = 300.0
"""Within this time after SIGTERM a process must have ended; one that hangs in a call cannot."""


def keep_freed_memory() -> None:
    """Let this process use memory again that it has freed, however much, where libc is glibc.

    By default glibc gives blocks of 32 MB and more back to the system at once. A network's layers
    ask for such blocks all the time, and the system clears each again, page by page: a seventh of
    the processor time of prediction at full size.
    """
    allocator = getattr(ctypes.CDLL(None), "mallopt", None)
    if allocator is not None and allocator(MMAP_THRESHOLD, 1 << 30):  # old ones refuse so much
        allocator(TRIM_THRESHOLD, (1 << 31) - 1)


def follow_starter() -> None:
    """End this process by SIGTERM soon after the DVC or torchrun that started it has ended.

    A process that a person started goes on without the shell, as with `nohup`.
    """
    if any(name in os.environ for name in STARTED):
        _follow(_starters(psutil.Process().parents()))


def follow_snakemake() -> None:
    """End this process, a job of Snakemake, by SIGTERM soon after Snakemake has ended."""
    above = psutil.Process().parents()
    of_snakemake = [place for place, each in enumerate(above) if runs(each, "snakemake")]
    if of_snakemake:
        _follow(above[: of_snakemake[-1] + 1])


def _starters(above: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Return the program that started this process, and the shells between the two."""
    found = []
    for each in above:
        found.append(each)
        with contextlib.suppress(psutil.Error):
            if each.name() not in SHELLS:
                break
    return found


def runs(process: psutil.Process, program: str) -> bool:
    """Say whether a program of that name, or a script or module of Python, is at work in it."""
    try:
        return any(Path(word).name == program for word in process.cmdline())
    except psutil.Error:
        return False


def _follow(starters: list[psutil.Process]) -> None:
    launcher = os.environ.get(LAUNCHER, "")
    orphan = launcher.isdecimal() and int(launcher) not in {os.getpid(), os.getppid()}
    arguments = (starters, os.getppid(), orphan)
    threading.Thread(target=_watch, args=arguments, name="starter", daemon=True).start()


def _watch(starters: list[psutil.Process], parent: int, orphan: bool) -> None:
    while not orphan:
        time.sleep(LOOK_SECONDS)
        orphan = os.getppid() != parent or not all(map(lives, starters))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(128 + signal.SIGTERM)


def lives(process: psutil.Process) -> bool:
    """Say whether it is still the same process and has not ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@contextlib.contextmanager
def only_one(
    path: Path, seconds: float, held: Callable[[str], Exception], say: Callable[[str], object]
) -> Iterator[None]:
    """Hold the lock file `path`, waiting `seconds` for another process that holds it.

    The system releases the lock of a process that has ended, however it did.

    Args:
        path: The file, in which stands who holds the lock.
        seconds: How long to wait.
        held: Returns the error to raise after that; it is given who holds the lock.
        say: Is given who holds the lock when the wait begins.
    """
    lock, until = FileLock(path), time.monotonic() + seconds
    if not _acquired(lock, path):
        say(_holder(path))
        while not _acquired(lock, path):
            if time.monotonic() > until:
                raise held(_holder(path))
            time.sleep(ASK_SECONDS)
    try:
        path.write_text(f"process {os.getpid()} on {os.uname().nodename}\n")
        yield
    finally:
        lock.release()


def _acquired(lock: FileLock, path: Path) -> bool:
    """Try once; who holds the lock may just have removed its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError):
        return False
    return True


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text().strip() or "another process"
    return "another process"


_MARKED: Final = re.compile(r"[a-z.]+-(\d+)@([0-9a-f]+)-")
_HOST: Final = hashlib.sha256(os.uname().nodename.encode()).hexdigest()[:6]


def own_mark() -> str:
    """Return what stands in a temporary name after its first hyphen: this process and its host."""
    return f"{os.getpid()}@{_HOST}"


def was_left_behind(path: Path) -> bool:
    """Say whether the process of this host by whose mark `path` is named has ended.

    What another host's process made on a shared disk, nobody here can say that of.
    """
    marked = _MARKED.match(path.name)
    if not marked or marked[2] != _HOST:
        return False
    try:
        return not lives(psutil.Process(int(marked[1])))
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give this process and those that it starts a folder for temporary files, and remove it.

    What a killed process left is removed by the next one on its host. A process that was started
    with such a folder by another one uses that, and removes it where that one has been killed.
    """
    top = Path(tempfile.gettempdir())
    if _MARKED.match(top.name):
        try:
            yield top
        finally:
            if was_left_behind(top):
                shutil.rmtree(top, ignore_errors=True)
        return
    for stale in filter(was_left_behind, top.glob("avrsp-*")):
        shutil.rmtree(stale, ignore_errors=True)
    own = Path(tempfile.mkdtemp(prefix=f"avrsp-{own_mark()}-"))
    before, tempfile.tempdir = tempfile.tempdir, str(own)
    named = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(own)
    try:
        yield own
    finally:
        tempfile.tempdir = before
        if named is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = named
        shutil.rmtree(own, ignore_errors=True)
