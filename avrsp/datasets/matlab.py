"""Numeric matrices, full or sparse, from MATLAB files of versions 5 to 7 ("MAT-File Format").

Not SciPy's reader: one changed byte in an element's type makes it end the whole process with a
segmentation fault (SciPy 1.17, `loadmat`), and it believes the lengths that a file claims. Here
every length is compared with what is there before anything is allocated.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from avrsp.errors import RawDataError

LIMIT: Final = 256 * 2**20
"""Bytes of a file, and of what a compressed variable or a matrix may hold: doubles of 8K UHD."""

HEADER, ALIGNED, SHORT = 128, 8, 4
"""Bytes before the first element; to whose multiples elements are padded; that fit into a tag."""

INT32, MATRIX, COMPRESSED = 5, 14, 15
TYPES: Final = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
} | {13: "u8"}
"""NumPy's types by the number that the format gives them."""

SPARSE, NUMERIC = 5, range(6, 16)
"""Classes of arrays: others hold text, cells, structures or objects."""

CLASS, COMPLEX = 0xFF, 0x0800
"""Bits of an array's flags."""


@dataclass(frozen=True, slots=True)
class _Element:
    kind: int
    content: memoryview

    def numbers(self, order: str) -> NDArray[Any]:
        """Return the numbers in the element."""
        if self.kind not in TYPES:
            raise ValueError(f"numbers of type {self.kind}, which the format does not know")
        return np.frombuffer(self.content, f"{order}{TYPES[self.kind]}")


def read_matrix(path: Path, variable: str) -> NDArray[Any]:
    """Return the two-dimensional numeric matrix `variable`; a sparse one is filled with zeros.

    Raises:
        RawDataError: The file is not of this format, damaged, or has no such matrix.
        OSError: The machine cannot read it.
    """
    if path.stat().st_size > LIMIT:
        raise RawDataError(f"{path}: cannot be read ({path.stat().st_size:,} bytes are too many)")
    try:
        return _find(path.read_bytes(), variable)
    except (ValueError, struct.error, zlib.error) as error:
        raise RawDataError(f"{path}: cannot be read ({error})") from None


def _find(content: bytes, variable: str) -> NDArray[Any]:
    order = {b"IM": "<", b"MI": ">"}.get(content[HEADER - 2 : HEADER])
    version = content[HEADER - 4 : HEADER - 2]
    if order is None or version not in (b"\0\1", b"\1\0"):
        raise ValueError("not a MATLAB file of version 5 to 7")
    for element in _elements(memoryview(content)[HEADER:], order):
        found = element
        if element.kind == COMPRESSED:
            found = next(_elements(_inflated(element.content), order), element)
        if found.kind == MATRIX and (matrix := _matrix(found.content, order, variable)) is not None:
            return matrix
    raise ValueError(f"no variable `{variable}`")


def _elements(content: memoryview, order: str) -> Iterator[_Element]:
    """Yield the elements that follow one another; a short one lies inside its own tag."""
    start = 0
    while start < len(content):
        kind, length = struct.unpack_from(f"{order}II", content, start)
        first = start + ALIGNED
        if kind >> 16:
            kind, length, first = kind & 0xFFFF, kind >> 16, start + SHORT
            if length > SHORT:
                raise ValueError(f"a short element of {length} bytes")
        if first + length > len(content):
            raise ValueError("cut short")
        yield _Element(kind, content[first : first + length])
        padding = 0 if kind == COMPRESSED else -(first + length) % ALIGNED
        start = first + length + padding


def _inflated(content: memoryview) -> memoryview:
    inflating = zlib.decompressobj()
    found = inflating.decompress(content, LIMIT)
    if not inflating.eof:
        raise ValueError("a compressed variable is cut short, or too large")
    return memoryview(found)


def _matrix(content: memoryview, order: str, variable: str) -> NDArray[Any] | None:
    """Return a matrix; None where it bears another name."""
    parts = _elements(content, order)
    head = list(islice(parts, 3))
    if len(head) < 3:  # noqa: PLR2004 - flags, dimensions, name
        raise ValueError("a variable without flags, dimensions and name")
    flags, sizes, name = head
    if bytes(name.content) != variable.encode():
        return None
    flag = int(flags.numbers(order)[0]) if len(flags.content) else 0
    kind, shape = flag & CLASS, sizes.numbers(order).tolist()
    if (kind != SPARSE and kind not in NUMERIC) or flag & COMPLEX or sizes.kind != INT32:
        raise ValueError(f"`{variable}` is not a matrix of real numbers")
    if len(shape) != 2 or min(shape) < 1 or prod(shape) * 8 > LIMIT:  # noqa: PLR2004
        raise ValueError(f"`{variable}` is {' x '.join(map(str, shape))}, not an image's size")
    numbers = [part.numbers(order) for part in parts]
    matrix = _filled(numbers, shape) if kind == SPARSE else _full(numbers, shape)
    return matrix.astype(matrix.dtype.newbyteorder("="))


def _full(numbers: list[NDArray[Any]], shape: list[int]) -> NDArray[Any]:
    if len(numbers) != 1 or len(numbers[0]) != prod(shape):
        raise ValueError("not as many numbers as the matrix has elements")
    return numbers[0].reshape(shape, order="F")


def _filled(numbers: list[NDArray[Any]], shape: list[int]) -> NDArray[Any]:
    """Return a sparse matrix, stored by columns, in full."""
    if len(numbers) != 3:  # noqa: PLR2004 - rows, starts of columns, values
        raise ValueError("a sparse matrix without rows, columns and values")
    rows, starts, values = numbers[0].astype(np.int64), numbers[1].astype(np.int64), numbers[2]
    counts = np.diff(starts)
    if len(starts) != shape[1] + 1 or starts[0] or (counts < 0).any():
        raise ValueError("a sparse matrix whose columns are not in order")
    rows, values = rows[: starts[-1]], values[: starts[-1]]
    if not len(rows) == len(values) == starts[-1] or not ((rows >= 0) & (rows < shape[0])).all():
        raise ValueError("a sparse matrix with elements outside")
    full = np.zeros(shape, values.dtype)
    full[rows, np.repeat(np.arange(shape[1]), counts)] = values
    return full
