"""How a Snakemake job speaks: into its log, and in one line where a user can do something."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

from avrsp.errors import EXIT_FAILURE, AvrspError, one_line


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Send what is said on stderr to `log`; end in one line where an error allows it."""
    terminal = sys.stderr
    with Path(log).open("w", buffering=1) as stream, redirect_stderr(stream):
        try:
            yield
        except (AvrspError, OSError) as error:
            line = one_line(error)
            if line is None:
                raise
            stream.write(f"avrsp: {line}\n")
            terminal.write(f"avrsp: {line}\n")
            raise SystemExit(EXIT_FAILURE) from None
