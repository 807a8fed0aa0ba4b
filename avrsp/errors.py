"""What can go wrong, said in one line each: what was found, what was expected, what to do."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130

MACHINE_FAULTS = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EFBIG: "the file is larger than allowed here (ulimit -f); raise that and run it again",
    errno.EROFS: "the disk is mounted read-only; mount it writable and run the same command again",
    errno.EACCES: "permission denied; make the path writable and run the same command again",
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


def one_line(error: BaseException) -> str | None:
    """Say `error` in one line; None where it is a defect of ours, which needs its traceback."""
    if isinstance(error, AvrspError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno in MACHINE_FAULTS:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{MACHINE_FAULTS[error.errno]}"
    return None


def exits_cleanly(main: Callable[P, None]) -> Callable[P, None]:
    """Turn errors that a user can act on into one line on stderr and exit 1; Ctrl-C into 130."""

    @functools.wraps(main)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            main(*args, **kwargs)
        except KeyboardInterrupt:
            sys.stderr.write("avrsp: interrupted\n")
            raise SystemExit(EXIT_INTERRUPTED) from None
        except (AvrspError, OSError) as error:
            line = one_line(error)
            if line is None:
                raise
            sys.stderr.write(f"avrsp: {line}\n")
            raise SystemExit(EXIT_FAILURE) from None

    return guarded
