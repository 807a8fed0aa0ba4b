"""Put right what DVC left half-written when it was killed, so that `dvc repro` can go on.

A program of its own, run before DVC: no stage can, since DVC reads these files first. DVC writes
them in place; a kill in these milliseconds leaves a part that no DVC reads any more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from dvc.rwlock import SCHEMA as LOCKS
from dvc.schema import COMPILED_LOCKFILE_SCHEMA as RESULTS
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from voluptuous import Invalid

from avrsp import paths
from avrsp.errors import exits_cleanly

AGAIN_SECONDS: Final = 1.0
"""How long a file must stay unreadable: DVC may just be writing it."""

CONFLICT: Final = "<<<<<<< "
"""What git writes where two versions differ; then a person decides, and DVC says so."""


@exits_cleanly
def main() -> None:
    """Remove torn lists of locks and set torn `dvc.lock` files aside, each with a line about it."""
    root = paths.root()
    locks = root / ".dvc/tmp/rwlock"
    if is_torn(locks, _reads_as_locks):
        locks.unlink(missing_ok=True)
        _say(f"{locks.relative_to(root)}: half-written by a DVC that was killed; removed")
    for path in [root / "dvc.lock", *sorted(root.glob("workflow/*/dvc.lock"))]:
        if is_torn(path, _reads_as_results):
            _say(restore(path, root))


def is_torn(path: Path, reads: Callable[[str], bool]) -> bool:
    """Tell whether a file is there and stays unreadable for `AGAIN_SECONDS`."""
    if _reads(path, reads):
        return False
    time.sleep(AGAIN_SECONDS)
    return not _reads(path, reads)


def restore(path: Path, root: Path) -> str:
    """Set a torn file aside; put the last commit's in its place, where git has one.

    DVC then takes what it has run since from its run cache.

    Returns:
        What was done, in a line.
    """
    name = path.relative_to(root)
    committed = subprocess.run(
        ["git", "show", f"HEAD:./{name}"], cwd=root, capture_output=True, check=False
    )
    aside = path.with_name(f"{path.name}.torn")
    path.replace(aside)
    done = f"{name}: half-written by a DVC that was killed; it is {aside.name} now"
    if committed.returncode:
        return done
    path.write_bytes(committed.stdout)
    return f"{done}, and the last commit's is in its place"


def _reads(path: Path, reads: Callable[[str], bool]) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return True
    return reads(text)


def _reads_as_locks(text: str) -> bool:
    return _fits(json.loads, text, LOCKS)


def _reads_as_results(text: str) -> bool:
    return CONFLICT in text or _fits(_parsed, text, RESULTS)


def _parsed(text: str) -> object:
    return parse_yaml(text, "dvc.lock")


def _fits(parse: Callable[[str], Any], text: str, schema: Callable[[Any], Any]) -> bool:
    try:
        schema(parse(text))
    except (ValueError, YAMLFileCorruptedError, Invalid):
        return False
    return True


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
