"""How a Snakemake job speaks: into its log, which Snakemake shows where the job failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

from avrsp.errors import EXIT_FAILURE, AvrspError, one_line


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Send what is said on stderr to `log`; end in one line where an error allows it."""
    with Path(log).open("w", buffering=1) as stream, redirect_stderr(stream):
        try:
            yield
        except (AvrspError, OSError) as error:
            line = one_line(error)
            if line is None:
                raise
            stream.write(f"avrsp: {line}\n")
            raise SystemExit(EXIT_FAILURE) from None
