"""Size and SHA-256 of every archive, noted when it is first unpacked and enforced from then on.

None of the datasets' sites publishes a checksum. The notes are in git, so that a second machine is
warned if it is served something else than the first one was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from avrsp import files
from avrsp.errors import RawDataError

WAIT_SECONDS: Final = 60.0


class Pin(BaseModel):
    """What an archive must be: its length in bytes and its SHA-256 in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


PINS: Final = TypeAdapter(dict[str, Pin])


def place(raw: Path) -> Path:
    """Return the lock file, which lies beside the folder of all presets' raw data."""
    return raw.parents[1] / "archives.lock"


def read(raw: Path) -> dict[str, Pin]:
    """Return what is noted of the archives of a raw folder, by name.

    Raises:
        RawDataError: The lock file is damaged.
    """
    try:
        return PINS.validate_json(place(raw).read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise RawDataError(
            f"{place(raw)}: {where}: {fault['msg']}; correct that, or take the file from git again"
        ) from None


def checked(name: str, path: Path, raw: Path) -> Pin:
    """Return the pin of the archive at `path`, which is the noted one if `name` has one.

    Raises:
        RawDataError: It is another archive than the one that was noted.
    """
    noted = read(raw).get(name)
    length = path.stat().st_size
    if not length:
        raise RawDataError(f"{path}: it is empty (0 bytes); get it again")
    if noted is not None and noted.bytes != length:
        raise RawDataError(f"{path}: {length} bytes, expected {noted.bytes}; {_advice(name, raw)}")
    found = Pin(bytes=length, sha256=files.sha256(path))
    if noted is not None and noted != found:
        raise RawDataError(
            f"{path}: SHA-256 {found.sha256[:12]}, expected {noted.sha256[:12]}; "
            f"{_advice(name, raw)}"
        )
    return found


def note(name: str, pin: Pin, raw: Path) -> None:
    """Note the pin of an archive that proved to be whole."""
    _change(raw, lambda pins: {**pins, name: pin})


def remove(name: str, raw: Path) -> None:
    """Take the next archive of that name as it comes."""
    _change(raw, lambda pins: {key: pin for key, pin in pins.items() if key != name})


def _change(raw: Path, change: Callable[[dict[str, Pin]], dict[str, Pin]]) -> None:
    with FileLock(place(raw).with_name(".archives.lock.busy"), timeout=WAIT_SECONDS):
        before = read(raw)
        after = change(before)
        if after != before:
            plain = {key: pin.model_dump() for key, pin in after.items()}
            files.write_json(place(raw), plain)


def _advice(name: str, raw: Path) -> str:
    return (
        f"it is not what {place(raw).name} noted: get it again, or take it: "
        f"avrsp download --accept-new {name}"
    )
