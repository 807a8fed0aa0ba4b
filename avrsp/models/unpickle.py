"""Read a pickled .npy that holds NumPy arrays and nothing else; run alone, in its own process.

Usage: python -I unpickle.py SOURCE.npy TARGET.npz

Unpickling can call any function that the file names, so only those that rebuild NumPy arrays are
found, and time, memory and written bytes are limited. `avrsp.models.unpickle` starts this.
"""

from __future__ import annotations

import pickle  # noqa: TID251 - the one reader, and it finds only what is listed below
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.lib import format as npy

SECONDS: Final = 60
BYTES: Final = 4 << 30

ALLOWED: Final = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *(
        (module, name)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("_reconstruct", "scalar")
    ),
}


class ArrayUnpickler(pickle.Unpickler):
    """Finds the rebuilders of NumPy arrays, and no other name."""

    def find_class(self, module: str, name: str) -> object:
        """Return an allowed global; latin1 bytes are the one other thing that Python 2 left."""
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


def main(source: Path, target: Path) -> None:
    """Write every array of `source` to `target`, nested names joined by slashes."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, BYTES))
    with source.open("rb") as stream:
        shape = _header(stream)
        content = ArrayUnpickler(stream, encoding="latin1").load()
    if shape == () and isinstance(content, np.ndarray):
        content = content.item()
    np.savez(target, allow_pickle=False, **dict(_flat("", content)))


def _header(stream: BinaryIO) -> tuple[int, ...]:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in readers:
        raise ValueError(f"it is .npy version {version}")
    shape, _, dtype = readers[version](stream)
    if dtype.kind != "O":
        raise ValueError(f"it holds one array of {dtype}, not a dict of arrays")
    return tuple(shape)


def _flat(prefix: str, content: object) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(content, dict):
        for name, part in content.items():
            yield from _flat(f"{prefix}/{name}" if prefix else str(name), part)
    elif isinstance(content, np.ndarray) and content.dtype.kind in "fiu":
        yield prefix, content
    else:
        raise TypeError(f"{prefix or 'it'} is {type(content).__name__}, not a numeric array")


def _latin1(text: str, encoding: str) -> bytes:
    return text.encode("latin1" if encoding == "latin1" else "ascii")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except (pickle.UnpicklingError, ValueError, TypeError, MemoryError, EOFError, OSError) as error:
        sys.exit(f"{error}" or type(error).__name__)
