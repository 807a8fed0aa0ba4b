"""One address to one file: resumed where it stopped, tried again, and checked by its length.

What has come lies in `<file>.part`, with what the server said of it in `<file>.part.json`, so that
a download that was killed goes on there, and only where the server still has the same file.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

import requests
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import HTTPError, NameResolutionError

from avrsp import files, progress
from avrsp.errors import RawDataError, cleaned

MEGABYTE: Final = 1_000_000
PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        connect: Seconds until it must answer.
        stall: Seconds that it may send nothing.
        tries: Attempts in a row that bring nothing new.
        pause: Seconds after the first of them; each further pause is twice as long.
    """

    connect: float = 15.0
    stall: float = 60.0
    tries: int = 5
    pause: float = 2.0


class RoomError(RawDataError):
    """The disk has too little room, whatever the address."""


def transfer(address: str, target: Path, patience: Patience) -> None:
    """Download `address` to `target`, which appears when it is whole.

    Raises:
        TransferError: The server refuses, or stays away, however often it is asked.
        RoomError: The file and what will be unpacked from it do not fit on the disk.
    """
    part = _Part(address, target)
    tries, furthest = 0, part.length
    while not target.exists():
        try:
            part.fetch(patience)
        except PassingError as fault:
            tries = 0 if part.length > furthest else tries + 1
            furthest = max(furthest, part.length)
            if tries >= patience.tries:
                raise TransferError(f"{fault}, {tries} times in a row") from None
            wait = patience.pause * 2 ** max(tries - 1, 0)
            sys.stderr.write(f"{fault}; trying again in {wait:g} s\n")
            time.sleep(wait)


@dataclass(frozen=True, slots=True)
class _Part:
    """A file on its way."""

    address: str
    target: Path

    @property
    def shown(self) -> str:
        return bare(self.address)

    @property
    def path(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def note(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part.json")

    @property
    def length(self) -> int:
        """How many bytes are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def fetch(self, patience: Patience) -> None:
        """Ask for what is missing, and finish the file if all of it comes."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        description = self._known()
        if description is None or self.length != description.length:
            description = self._ask(description, patience)
        if description.length is not None and self.length != description.length:
            raise PassingError(
                f"{self.shown}: cut after {self.length} of {description.length} bytes"
            )
        with self.path.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.path.replace(self.target)
        self.note.unlink()

    def _known(self) -> FileDescription | None:
        """Return what was said of the part that is here, if it can be gone on with."""
        try:
            description = FileDescription.model_validate_json(self.note.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        fits = description.address == self.shown and 0 < self.length <= (description.length or 0)
        return description if fits else None

    def _ask(self, description: FileDescription | None, patience: Patience) -> FileDescription:
        headers = {"Accept-Encoding": "identity", "User-Agent": "avrsp"}
        if description is not None:
            headers["Range"] = f"bytes={self.length}-"
            headers |= {"If-Range": description.validator} if description.validator else {}
        waits = patience.connect, patience.stall
        try:
            with requests.get(self.address, headers=headers, stream=True, timeout=waits) as answer:
                return self._take(answer, description)
        except (requests.ConnectionError, requests.Timeout) as error:
            if is_unresolved(error) and not self.length:
                raise UnknownHostError(f"{self.shown}: its host is not known") from None
            raise PassingError(f"{self.shown}: {plain(error)}") from None
        except requests.RequestException as error:
            raise TransferError(f"{self.shown}: {plain(error)}") from None

    def _take(
        self, answer: requests.Response, description: FileDescription | None
    ) -> FileDescription:
        """Write what is sent: the rest, or all anew where the server knows no parts."""
        if answer.status_code == BEYOND_THE_END:
            self._drop()
        check(answer, self.shown)
        if answer.status_code != PARTIAL:
            self._drop()
            description = description_in(answer, self.shown)
            files.write_text(self.note, description.model_dump_json())
        elif description is None or answer.headers.get("Content-Range") != description.rest(
            self.length
        ):
            self._drop()
            raise PassingError(f"{self.shown}: it sends another part than the one asked for")
        self._need_room(description.length)
        total = (
            None
            if description.length is None
            else ceil((description.length - self.length) / MEGABYTE)
        )
        poured = self._pour(answer)
        for _ in progress.track(poured, total=total, label=self.target.name, unit="megabyte"):
            pass
        return description

    def _pour(self, answer: requests.Response) -> Iterator[int]:
        """Write what comes as it comes, so that a stall loses nothing; yield at each megabyte."""
        room = MEGABYTE
        with self.path.open("ab", buffering=0) as stream:
            while piece := self._next(answer):
                room -= stream.write(piece)
                if room <= 0:
                    room += MEGABYTE
                    yield MEGABYTE
        if room < MEGABYTE:
            yield MEGABYTE - room

    def _next(self, answer: requests.Response) -> bytes:
        try:
            piece: bytes = answer.raw.read1(PIECE, decode_content=False)
        except HTTPError as error:
            raise PassingError(f"{self.shown}: {plain(error)}") from None
        return piece

    def _need_room(self, length: int | None) -> None:
        """Ask for room for the rest, and for what is in the archive: as much, at the least."""
        free = shutil.disk_usage(self.target.parent).free
        needed = 2 * (length or 0) - self.length
        if needed > free:
            raise RoomError(
                f"{self.target.name} needs {needed / 1e9:.1f} GB below {self.target.parent}, where "
                f"{free / 1e9:.1f} GB are free; free some space and run the same command again"
            )

    def _drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


OK: Final = 200
PARTIAL: Final = 206
TIMED_OUT: Final = 408
BEYOND_THE_END: Final = 416
TOO_MANY: Final = 429
OWN_FAULT: Final = 500
"""HTTP's numbers; from `OWN_FAULT` on the fault is the server's."""


class TransferError(RawDataError):
    """An address does not give the file."""


class UnknownHostError(TransferError):
    """The host's name leads nowhere: asking again, or by another scheme, does not help."""


class PassingError(TransferError):
    """A fault that may be gone at the next attempt."""


class FileDescription(BaseModel):
    """What a server says of the file of which a part is here.

    Attributes:
        address: Where it is.
        validator: Names this very content; empty where the server has no such thing.
        length: Of the whole, in bytes; None where the server did not say.
    """

    address: str
    validator: str
    length: int | None

    def rest(self, begin: int) -> str:
        """Return the `Content-Range` of all from byte `begin` on."""
        length = self.length or 0
        return f"bytes {begin}-{length - 1}/{length}"


def description_in(answer: requests.Response, address: str) -> FileDescription:
    """Read what an answer says of the file it begins."""
    length = answer.headers.get("Content-Length", "")
    tag = answer.headers.get("ETag", "")
    weak = not tag.startswith('"') or cleaned(tag) != tag
    return FileDescription(
        address=address,
        validator=answer.headers.get("Last-Modified", "") if weak else tag,
        length=int(length) if length.isdecimal() else None,
    )


def bare(address: str) -> str:
    """Return an address as it may be shown: without a user's name, password or token."""
    return cleaned(address).partition("?")[0]


def check(answer: requests.Response, address: str) -> None:
    """Make sure that an answer holds a file or a part of it.

    Raises:
        PassingError: It may at the next attempt.
        TransferError: It does not.
    """
    status = answer.status_code
    fault = f"{address}: it answers {status} {cleaned(str(answer.reason))}"
    if status >= OWN_FAULT or status in {TIMED_OUT, TOO_MANY, BEYOND_THE_END}:
        raise PassingError(fault)
    if status not in {OK, PARTIAL}:
        raise TransferError(fault)
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise TransferError(f"{address}: it sends a web page, not an archive")


def plain(error: BaseException) -> str:
    """Say the innermost cause of a network error, which the libraries wrap several times."""
    *_, innermost = causes(error)
    reason = cleaned(str(innermost)).rstrip(".")
    return re.sub(r"^\S*Connection\w*[(<].*?[)>]: ", "", reason)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it wraps, the innermost last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        inner = getattr(found, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((each for each in found.args if isinstance(each, BaseException)), None)
        found = inner


def is_unresolved(error: BaseException) -> bool:
    """Say whether a network error is that no address is known for the host's name."""
    return any(isinstance(each, NameResolutionError | socket.gaierror) for each in causes(error))
