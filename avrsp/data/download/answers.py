"""What a server answers: a file, a part of it, or a reason why not."""

from __future__ import annotations

import re
from typing import Final

import requests
from pydantic import BaseModel

from avrsp.errors import RawDataError

OK: Final = 200
PARTIAL: Final = 206
TIMED_OUT: Final = 408
BEYOND_THE_END: Final = 416
TOO_MANY: Final = 429
OWN_FAULT: Final = 500
"""HTTP's numbers; from `OWN_FAULT` on the fault is the server's."""


class TransferError(RawDataError):
    """An address does not give the file."""


class PassingError(TransferError):
    """A fault that may be gone at the next attempt."""


class Said(BaseModel):
    """What a server said of the file of which a part is here.

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


def said_in(answer: requests.Response, address: str) -> Said:
    """Read what an answer says of the file it begins."""
    length = answer.headers.get("Content-Length", "")
    tag = answer.headers.get("ETag", "")
    weak = not tag.startswith('"')
    return Said(
        address=address,
        validator=answer.headers.get("Last-Modified", "") if weak else tag,
        length=int(length) if length.isdecimal() else None,
    )


def bare(address: str) -> str:
    """Return an address as it may be shown: without a user's name, password or token."""
    return re.sub(r"//[^/@]*@", "//", address).partition("?")[0]


def check(answer: requests.Response, address: str) -> None:
    """Make sure that an answer holds a file or a part of it.

    Raises:
        PassingError: It may at the next attempt.
        TransferError: It does not.
    """
    status = answer.status_code
    fault = f"{address}: it answers {status} {answer.reason}"
    if status >= OWN_FAULT or status in {TIMED_OUT, TOO_MANY, BEYOND_THE_END}:
        raise PassingError(fault)
    if status not in {OK, PARTIAL}:
        raise TransferError(fault)
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise TransferError(f"{address}: it sends a web page, not an archive")


def plain(error: BaseException) -> str:
    """Say the innermost cause of a network error, which the libraries wrap several times."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((each for each in error.args if isinstance(each, BaseException)), None)
        if inner is None:
            said = " ".join(str(error).split()).rstrip(".")
            return re.sub(r"^\S*Connection\w*[(<].*?[)>]: ", "", said)
        error = inner
