"""Atomic writes and digests: a file is either whole or not there."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from avrsp import processes
from avrsp.errors import StoreError, WriteError

PACKAGE: Final = Path(__file__).parent

SEAL: Final = "own_sha256"
"""Key of a JSON file's digest of all else in it, by which damage is noticed."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    The temporary name keeps the suffixes of `path`, because writers choose a format by them.
    On any error, Ctrl-C included, the temporary file is removed, as are folders that were made for
    it, and `path` is left as it was; what a killed process left behind is removed by the next one
    of its host that writes the same file.

    Raises:
        WriteError: The system refuses to make, flush or rename the file.
    """
    token = f"{processes.own_mark()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".tmp-{token}-{_shortened(path)}")
    with needed_folder(path.parent, path):
        try:
            with writing(path):
                _sweep(path)
                temporary.open("x").close()
            yield temporary
            with writing(path):
                _fsync(temporary)
                temporary.replace(path)
                _fsync(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def needed_folder(folder: Path, target: Path | None = None) -> Iterator[None]:
    """Have a folder there; at the end, it and those above are removed if new and still empty.

    Raises:
        WriteError: The system refuses to make it; names `target`, or else the folder.
    """
    made: list[Path] = []
    with writing(target or folder):
        made += (each for each in (folder, *folder.parents) if not each.exists())
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it holds something
            for each in made:
                each.rmdir()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn every refusal of the system into a `WriteError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise WriteError.of(error, path) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with replacing(path) as temporary, writing(path):
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8 atomically."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: object) -> None:
    """Write `content` to `path` as indented JSON with sorted keys, atomically; NaN is refused."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a JSON file will hold, with a SHA-256 of it under `SEAL`."""
    return {**facts, SEAL: _sha256_of(facts)}


def unsealed(content: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return what a JSON file holds, without its seal; one that nobody sealed is taken as it is.

    Raises:
        ValueError: It is not JSON, or not what was sealed.
    """
    try:
        facts = json.loads(content)
    except RecursionError:
        raise ValueError("lists within lists without end") from None
    if isinstance(facts, dict) and SEAL in facts:
        seal = facts.pop(SEAL)
        if sealed(facts)[SEAL] != seal:
            raise ValueError("not what was written: its own SHA-256 differs")
    return facts


def read_sealed(path: Path) -> Any:  # noqa: ANN401 - each kind of file has its own form
    """Read a result that is JSON, without the digest of its own that it may have.

    Raises:
        StoreError: It is not, or not what was written.
    """
    try:
        return unsealed(path.read_bytes())
    except ValueError as error:  # not UTF-8, not JSON, or changed
        raise StoreError(
            f"{path}: cannot be read ({error}); remove it and run: dvc repro"
        ) from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def with_own_digest(description: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what a JSON file says, with the file's own digest under `name` in its `sha256`."""
    others = {each: value for each, value in description["sha256"].items() if each != name}
    own = _sha256_of({**description, "sha256": others})
    return {**description, "sha256": {**others, name: own}}


def _sha256_of(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def digest(paths: Iterable[Path]) -> str:
    """Return one SHA-256 over the names and contents of `paths`, in sorted order."""
    joint = hashlib.sha256()
    for path in sorted(paths):
        joint.update(f"{path.name}\0{sha256(path)}\0".encode())
    return joint.hexdigest()


def code_digest(*places: str) -> str:
    """Return one SHA-256 over the Python files of the package in `places`, folders or files.

    A folder is one unit of change: what follows from its code depends on all of it.
    """
    joint = hashlib.sha256()
    for place in sorted(places):
        top = PACKAGE / place
        found = sorted(top.rglob("*.py")) if top.is_dir() else [top]
        for path in found:
            joint.update(f"{path.relative_to(PACKAGE)}\0{sha256(path)}\0".encode())
    return joint.hexdigest()


LONGEST: Final = 200
"""Bytes of a name to which a temporary name can still be added, of the usual 255 in all."""


def _shortened(path: Path) -> str:
    """Return the file's name, or where that is long a digest of it with its suffixes."""
    name = os.fsencode(path.name)
    if len(name) <= LONGEST:
        return path.name
    return hashlib.sha256(name).hexdigest()[:32] + "".join(path.suffixes)[-LONGEST // 4 :]


def _sweep(path: Path) -> None:
    """Remove temporary files for `path` whose process, one of this host, no longer lives."""
    found = path.parent.glob(f".tmp-*-{glob.escape(_shortened(path))}")
    for stale in filter(processes.was_left_behind, found):
        stale.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
