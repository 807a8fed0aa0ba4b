"""Put right what DVC left half-written when it was killed, so that `dvc repro` can go on.

A program of its own, run before DVC: no stage can, since DVC reads these files first. DVC writes
them in place, so a kill may leave a part. Of `dvc.lock` DVC reads some parts as if stages were
missing, which it then takes from its run cache; at the others, and at any part of its list of
locks, it stops.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from dvc.exceptions import DvcException
from dvc.lock import LockError, make_lock
from dvc.repo import Repo
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK
from dvc.rwlock import SCHEMA as LOCKS
from dvc.schema import COMPILED_LOCKFILE_SCHEMA as RESULTS
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from voluptuous import Invalid

from avrsp import files, paths
from avrsp.errors import AvrspError, exits_cleanly

CONFLICT: Final = "<<<<<<< "
"""What git writes where two versions differ; then a person decides, and DVC says so."""


@exits_cleanly
def main() -> None:
    """Remove a torn list of locks and set torn `dvc.lock` files aside, each with a line about it.

    Each is looked at while DVC's own lock on it is held; where another DVC holds that, nothing is
    torn, or that DVC will stop and say so.

    Raises:
        AvrspError: DVC does not work here, as outside git.
    """
    root = paths.root()
    try:
        opened = Repo(str(root))
    except DvcException as error:
        raise AvrspError(str(error)) from None
    with opened as repo:
        said = [*_under(_guard(repo), _locks_mended, root)]
        said += _under(repo.lock, _results_mended, root)
    for line in said:
        sys.stderr.write(f"{line}\n")


def _guard(repo: Repo) -> Any:  # noqa: ANN401 - of DVC, which has no types
    """Return the lock under which DVC changes its list of locks."""
    folder, hard = repo.tmp_dir, repo.config["core"].get("hardlink_lock", False)
    return make_lock(str(Path(folder) / RWLOCK_LOCK), tmp_dir=folder, hardlink_lock=hard)


def _under(
    lock: Any,  # noqa: ANN401 - of DVC, which has no types
    mend: Callable[[Path], list[str]],
    root: Path,
) -> list[str]:
    try:
        with lock:
            return mend(root)
    except LockError:
        return []


def _locks_mended(root: Path) -> list[str]:
    path = root / ".dvc/tmp" / RWLOCK_FILE
    if not path.exists() or _fits(json.loads, path, LOCKS):
        return []
    path.unlink()
    return [f"{path.relative_to(root)}: half-written by a DVC that was killed; removed"]


def _results_mended(root: Path) -> list[str]:
    found = [root / "dvc.lock", *sorted(root.glob("workflow/*/dvc.lock"))]
    return [restore(path, root) for path in found if path.exists() and not _is_whole(path)]


def _is_whole(path: Path) -> bool:
    return CONFLICT in _text(path) or _fits(_parsed, path, RESULTS)


def restore(path: Path, root: Path) -> str:
    """Set a torn file aside; put the last commit's in its place, where git has one.

    Returns:
        What was done, in a line.
    """
    name, aside = path.relative_to(root), path.with_name(f"{path.name}.torn")
    done = f"{name}: half-written by a DVC that was killed; it is {aside.name} now"
    committed = _committed(name, root)
    if committed is None:
        path.replace(aside)
        return done
    files.write_bytes(aside, path.read_bytes())
    files.write_bytes(path, committed)
    return f"{done}, and the last commit's is in its place"


def _committed(name: Path, root: Path) -> bytes | None:
    command = ["git", "show", f"HEAD:./{name}"]
    try:
        shown = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except FileNotFoundError:  # git is not installed
        return None
    return None if shown.returncode else shown.stdout


def _fits(parse: Callable[[str], object], path: Path, schema: Callable[[object], object]) -> bool:
    try:
        schema(parse(_text(path)))
    except (ValueError, YAMLFileCorruptedError, Invalid):
        return False
    return True


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _parsed(text: str) -> object:
    return parse_yaml(text, "dvc.lock")


if __name__ == "__main__":
    main()
