"""Damage to files, drawn by seed, and what became of those who read them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor

from avrsp.errors import AvrspError, one_line

Bytes = NDArray[np.uint8]
Mutation = Callable[[Bytes, np.random.Generator], Bytes]


def flipped(whole: Bytes, rng: np.random.Generator) -> Bytes:
    bits = np.unpackbits(whole)
    bits[rng.integers(0, len(bits), rng.integers(1, 9))] ^= 1
    return np.packbits(bits)


def cut(whole: Bytes, rng: np.random.Generator) -> Bytes:
    return whole[: rng.integers(0, len(whole))]


def head_flipped(whole: Bytes, rng: np.random.Generator) -> Bytes:
    changed = whole.copy()
    changed[rng.integers(0, min(len(whole), 200), 3)] = rng.integers(0, 256, 3)
    return changed


def spliced(whole: Bytes, rng: np.random.Generator) -> Bytes:
    start, stop = np.sort(rng.integers(0, len(whole), 2))
    noise = rng.integers(0, 256, rng.integers(0, 64), np.uint8)
    return np.concatenate([whole[:start], noise, whole[stop:]])


def tail_flipped(whole: Bytes, rng: np.random.Generator) -> Bytes:
    changed = whole.copy()
    changed[-rng.integers(1, min(len(whole), 400) + 1, 2)] ^= np.uint8(1 << rng.integers(0, 8))
    return changed


def blanked(whole: Bytes, rng: np.random.Generator) -> Bytes:
    """Put NUL bytes in the place of a piece, as a power failure does."""
    changed = whole.copy()
    start = rng.integers(0, len(whole))
    changed[start : start + rng.integers(1, 600)] = 0
    return changed


def exchanged(whole: Bytes, rng: np.random.Generator) -> Bytes:
    """Write another digit, which leaves text as readable as it was."""
    changed = whole.copy()
    digits = np.flatnonzero((whole >= ord("0")) & (whole <= ord("9")))
    if len(digits):
        changed[rng.choice(digits, rng.integers(1, 4))] = ord("0") + rng.integers(0, 10)
    return changed


def other_type(whole: Bytes, rng: np.random.Generator) -> Bytes:
    """Put a value of another type in the place of a number or a text, as far as there is one."""
    found = list(re.finditer(rb'"[^"\n]*"|-?\d+(?:\.\d+)?', whole.tobytes()))
    if not found:
        return whole[::-1].copy()
    match = found[rng.integers(0, len(found))]
    values = [b"null", b"[]", b"{}", b'"x"', b"-1", b"1e999", b"NaN", b"9" * 400, b"\xff\xfe"]
    value = values[rng.integers(0, len(values))]
    content = whole.tobytes()
    return np.frombuffer(content[: match.start()] + value + content[match.end() :], np.uint8)


ON_BYTES: Sequence[Mutation] = (flipped, cut, head_flipped, spliced)
ALL: Sequence[Mutation] = (*ON_BYTES, tail_flipped, blanked, exchanged, other_type)


def mutations(content: bytes, rounds: int, seed: Sequence[int]) -> Iterator[bytes]:
    """Yield `content` damaged in each of the ways `rounds` times, the same ones each time."""
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        for mutate in ALL:
            yield mutate(np.frombuffer(content, np.uint8), rng).tobytes()


class Outcome(NamedTuple):
    """How many files were refused in one line, read as before, and read otherwise."""

    refused: int
    same: int
    other: int


def endured(path: Path, read: Callable[[Path], object], rounds: int) -> Outcome:
    """Read `path` in each of its mutations, and leave it as it was; no error but one line passes.

    What `read` returns is compared; None stands for what is noticed to be damaged and made again.
    """
    whole = path.read_bytes()
    expected = content_digest(read(path))
    refused = same = other = 0
    seed = [int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:4])]
    for content in mutations(whole, rounds, seed):
        path.write_bytes(content)
        try:
            found = read(path)
        except (AvrspError, OSError) as error:
            if one_line(error) is None:
                raise
            refused += 1
            continue
        finally:
            path.unlink()
        if found is None:
            refused += 1
        elif content_digest(found) == expected:
            same += 1
        else:
            other += 1
    path.write_bytes(whole)
    assert content_digest(read(path)) == expected
    return Outcome(refused, same, other)


def content_digest(found: object) -> str:
    """Return a digest of all values in a result, whatever its type."""
    joint = hashlib.sha256()
    for piece in _pieces(found):
        joint.update(piece + b"\0")
    return joint.hexdigest()


def _pieces(found: Any) -> Iterator[bytes]:
    found = found.detach().numpy() if isinstance(found, Tensor) else found
    if isinstance(found, np.ndarray):
        yield repr((found.dtype.str, found.shape)).encode()
        yield found.tobytes() if found.dtype != object else repr(found.tolist()).encode()
    elif isinstance(found, pd.DataFrame):
        yield found.to_csv().encode()
    elif isinstance(found, BaseModel):
        yield found.model_dump_json().encode()
    elif is_dataclass(found) and not isinstance(found, type):
        yield from _pieces([getattr(found, each.name) for each in fields(found)])
    elif isinstance(found, Mapping):
        yield from _pieces([*found.items()])
    elif isinstance(found, list | tuple):
        yield repr(len(found)).encode()
        for each in found:
            yield from _pieces(each)
    else:
        yield repr(found).encode()
