"""What can go wrong, said in one line each: what was found, what was expected, what to do."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, ParamSpec

from avrsp import processes

P = ParamSpec("P")

EXIT_FAILURE: Final = 1
EXIT_INTERRUPTED: Final = 130
EXIT_SIGNAL: Final = 128
"""The exit code of a process that a signal ended is this much above the signal's number."""

AGAIN: Final = "and run the same command again"
MACHINE_FAULTS: Final = {
    errno.ENOSPC: f"the disk is full; free some space {AGAIN}",
    errno.EDQUOT: f"the disk quota is used up; free some space {AGAIN}",
    errno.EFBIG: "the file is larger than allowed here (ulimit -f); raise that and run it again",
    errno.EROFS: f"the disk is mounted read-only; mount it writable {AGAIN}",
    errno.EACCES: f"permission denied; make the path readable and writable {AGAIN}",
    errno.EPERM: f"the system does not permit it; make the path readable and writable {AGAIN}",
    errno.EMFILE: f"too many open files; raise the limit (ulimit -n 1024) {AGAIN}",
    errno.ENFILE: f"the system has too many open files; end other programs {AGAIN}",
    errno.ENOMEM: f"too little memory; end other programs {AGAIN}",
    errno.ENAMETOOLONG: f"the name is too long for this disk; use a shorter name or path {AGAIN}",
    errno.ELOOP: f"links lead in a circle; correct them {AGAIN}",
    errno.ESTALE: f"the network disk has lost the file; mount it again {AGAIN}",
    errno.ENOENT: f"no such file or folder; make it, or correct the path, {AGAIN}",
    errno.EISDIR: f"a folder, expected a file; remove it, or correct the path, {AGAIN}",
    errno.ENOTDIR: f"a file stands where a folder should be; move it {AGAIN}",
    errno.EIO: f"the disk cannot be read or written (input/output error); check it {AGAIN}",
}


class AvrspError(Exception):
    """Base of every error that a user can do something about."""


class ParamsError(AvrspError, ValueError):
    """A parameter is missing, unknown, or has a value that is not allowed."""


class RawDataError(AvrspError, ValueError):
    """A raw file (archive, video, sound, annotation) is missing or not what its format promises."""


class StoreError(AvrspError, ValueError):
    """A store, verdict or manifest is missing, damaged or out of date."""


class WeightsError(AvrspError, ValueError):
    """A weights file is missing, or its tensors do not fit the network."""


class WriteError(AvrspError, OSError):
    """A file cannot be written, whatever number the system gives as the reason."""

    @classmethod
    def of(cls, error: OSError, path: os.PathLike[str]) -> WriteError:
        """Return the error that `path` cannot be written, with the number that `error` has."""
        made = cls(f"{os.fspath(path)}: not written: {_advice(error)}")
        made.errno = error.errno
        return made


class RemoteError(AvrspError, OSError):
    """Object storage does not answer, or not as it should; says nothing about what lies there."""

    @classmethod
    def of(cls, address: str, reason: str) -> RemoteError:
        """Return the error that what lies at `address` could be neither read nor written."""
        made = cls(f"{address}: the object storage fails ({reason}); try again when it answers")
        made.errno = errno.EIO
        return made


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def one_line(error: BaseException) -> str | None:
    """Say `error` in one line; None where it is a defect of ours, which needs its traceback."""
    if isinstance(error, AvrspError):
        return cleaned(str(error))
    if isinstance(error, OSError) and error.errno is not None:
        named = isinstance(error.filename, str | bytes | os.PathLike)
        place = f"{os.fsdecode(error.filename)}: " if named else ""
        return cleaned(f"{place}{_advice(error)}")
    return None


def _advice(error: OSError) -> str:
    known = MACHINE_FAULTS.get(error.errno or 0)
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return known or f"{reason}; correct that {AGAIN}"


USER: Final = re.compile(r"(?<=://)[^\s/'\"]*@")
USER_WITH_SLASHES: Final = re.compile(r"(?<=://)[^\s/:@]*:(?!\d*(?:/|\s|$))[^\s@]*@")
SECRET: Final = re.compile(
    r"([?&][^=&\s]*(?:token|key|secret|pass|signature|sig|auth|credential)[^=&\s]*=)[^&\s'\"]+",
    re.IGNORECASE,
)
SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What moves the cursor, or shows text in another order than it has."""


def cleaned(text: str) -> str:
    """Return `text` in one line as it may be shown or stored.

    Control sequences are taken out, and of addresses the user, the password and secret parameters.
    """
    text = CONTROL.sub("", SEQUENCE.sub("", re.sub(r"\s+", " ", text))).strip()
    return SECRET.sub(r"\1...", USER_WITH_SLASHES.sub("", USER.sub("", text)))


def has_secret(text: str) -> bool:
    """Say whether an address in `text` holds a user, a password or a secret parameter."""
    return any(pattern.search(text) for pattern in (USER, USER_WITH_SLASHES, SECRET))


@contextlib.contextmanager
def _raising(*numbers: signal.Signals) -> Iterator[None]:
    """Let signals that would end the process at once raise `Terminated`, so that it cleans up.

    A signal that is ignored (as `nohup` has it) or handled already is left as it is.
    """

    def end(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not cut the cleaning up short
        raise Terminated(number)

    taken = []
    if threading.current_thread() is threading.main_thread():
        taken = [each for each in numbers if signal.getsignal(each) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)


def interrupted(stop: KeyboardInterrupt) -> SystemExit:
    """Say on stderr, in one line, that the program was interrupted; return its end.

    What was added to the interruption as a note is said, too.
    """
    notes = "".join(f"; {cleaned(note)}" for note in getattr(stop, "__notes__", ()))
    sys.stderr.write(f"avrsp: interrupted{notes}\n")
    number = stop.number if isinstance(stop, Terminated) else signal.SIGINT
    return SystemExit(EXIT_SIGNAL + number)


def exits_cleanly(main: Callable[P, None]) -> Callable[P, None]:
    """Turn errors that a user can act on into one line on stderr and exit 1; Ctrl-C into 130.

    SIGTERM and SIGHUP end the program as Ctrl-C does. Where DVC or torchrun started it and has
    ended since, it gets SIGTERM.
    """

    @functools.wraps(main)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _raising(signal.SIGTERM, signal.SIGHUP):
                processes.follow_starter()
                main(*args, **kwargs)
        except KeyboardInterrupt as stop:
            raise interrupted(stop) from None
        except (AvrspError, OSError) as error:
            line = one_line(error)
            if line is None:
                raise
            sys.stderr.write(f"avrsp: {line}\n")
            raise SystemExit(EXIT_FAILURE) from None

    return guarded
