"""Frames and maps from image files and MATLAB files; a damaged file is an error of the data.

An OSError that carries an errno is a fault of the machine and passes through.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from avrsp.errors import RawDataError

RESIZE: Final = Image.Resampling.BILINEAR
"""Bilinear, its support widened by the reduction, so that nothing is skipped."""

EIGHT_BITS: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"})

DAMAGE: Final = (
    MatReadError,
    Image.DecompressionBombError,
    zlib.error,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What Pillow and SciPy raise, besides OSError without an errno, on files cut, altered or alien."""


def read_frame(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """Return an image as height x width x 3 RGB."""
    with _reading(path), Image.open(path) as image:
        return np.asarray(_eight_bits(image).convert("RGB").resize((width, height), RESIZE))


def size(path: Path) -> tuple[int, int]:
    """Return height and width of an image, reading no pixel."""
    with _reading(path), Image.open(path) as image:
        return image.height, image.width


def read_map(path: Path) -> NDArray[np.uint8]:
    """Return an image as an h x w grey map at its own size."""
    with _reading(path), Image.open(path) as image:
        return np.asarray(_eight_bits(image).convert("L"))


def read_matrix(path: Path, variable: str) -> NDArray[np.generic]:
    """Return a numeric matrix from a MATLAB file of version 5 to 7."""
    with _reading(path):
        matrix = loadmat(path, variable_names=[variable])[variable]
        if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.number):  # noqa: PLR2004
            raise ValueError(f"`{variable}` is not a numeric matrix")
        return np.asarray(matrix)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise _damaged(path, error) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> RawDataError:
    return RawDataError(f"{path}: cannot be read ({type(error).__name__}: {error})")


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode not in EIGHT_BITS:
        raise ValueError(f"mode {image.mode}, expected 8 bits a channel")
    return image
