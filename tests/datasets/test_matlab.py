"""Matrices are read as SciPy reads them; damaged files end in one error, never in another one."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.io import loadmat, savemat

from avrsp.datasets.matlab import LIMIT, read_matrix
from avrsp.errors import RawDataError

MARKED = np.zeros((24, 40), np.uint8)
MARKED[[3, 3, 20], [5, 39, 0]] = 1

MATRICES: dict[str, Any] = {
    "uint8": MARKED,
    "logical": MARKED.astype(bool),
    "double": MARKED * 0.25,
    "int16": MARKED.astype(np.int16) * -7,
    "uint64": MARKED.astype(np.uint64) * 2**40,
    "single row": MARKED[3:4],
    "one number": np.full((1, 1), 3, np.uint8),
    "sparse": sparse.csc_matrix(MARKED * 2.5),
    "sparse logical": sparse.csc_matrix(MARKED.astype(bool)),
    "sparse and empty": sparse.csc_matrix((24, 40)),
}


def full(matrix: Any) -> NDArray[Any]:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", MATRICES)
def test_matrices_are_read_as_scipy_reads_them(tmp_path: Path, name: str, compressed: bool) -> None:
    path = tmp_path / "a.mat"
    others = {"before": np.eye(3), "text": "eyeMap", "cell": np.array([[1, "a"]], object)}
    savemat(path, others | {"eyeMap": MATRICES[name]}, do_compression=compressed)
    found = read_matrix(path, "eyeMap")
    np.testing.assert_array_equal(found, full(loadmat(path)["eyeMap"]))
    np.testing.assert_array_equal(found, full(MATRICES[name]))


def test_a_file_of_the_other_byte_order_is_read(tmp_path: Path) -> None:
    def element(kind: int, content: bytes) -> bytes:
        return struct.pack(">II", kind, len(content)) + content

    parts = element(6, struct.pack(">II", 9, 0)) + element(5, struct.pack(">ii", *MARKED.shape))
    parts += element(1, b"eyeMap12") + element(4, MARKED.astype(">u2").tobytes(order="F"))
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI" + element(14, parts))
    np.testing.assert_array_equal(loadmat(path)["eyeMap12"], MARKED)
    np.testing.assert_array_equal(read_matrix(path, "eyeMap12"), MARKED)


@pytest.mark.parametrize(
    "matrix",
    [
        "eyeMap",
        np.array([[MARKED]], object),
        {"map": MARKED},
        np.dstack([MARKED] * 3),
        MARKED.astype(complex) * 1j,
        np.zeros((0, 0)),
    ],
    ids=["text", "cell", "struct", "three dimensions", "complex", "empty"],
)
def test_what_is_no_matrix_of_numbers_is_refused(tmp_path: Path, matrix: Any) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"eyeMap": matrix})
    with pytest.raises(RawDataError, match=r"a.mat: cannot be read \(`eyeMap` is "):
        read_matrix(path, "eyeMap")
    with pytest.raises(RawDataError, match="no variable `I`"):
        read_matrix(path, "I")


def test_a_small_file_that_inflates_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"eyeMap": MARKED})
    bomb = zlib.compress(bytes(LIMIT + 1), 1)
    tag = np.array([15, len(bomb)], "<u4").tobytes()
    path.write_bytes(path.read_bytes()[:128] + tag + bomb)
    with pytest.raises(RawDataError, match="too large"):
        read_matrix(path, "eyeMap")


def test_a_sparse_matrix_that_claims_a_huge_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"eyeMap": sparse.csc_matrix((1_000_000, 1_000))})
    with pytest.raises(RawDataError, match="not an image's size"):
        read_matrix(path, "eyeMap")


def altered(whole: bytes, rng: np.random.Generator, number: int) -> bytes:
    content = np.frombuffer(whole, np.uint8)
    if number % 3 == 0:
        return whole[: rng.integers(0, len(whole))]
    changed = content.copy()
    until = min(len(whole), 260 if number % 3 == 1 else len(whole))
    changed[rng.integers(0, until, 3)] = rng.integers(0, 256, 3)
    return changed.tobytes()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["uint8", "double", "sparse"])
def test_altered_files_are_read_or_refused(tmp_path: Path, name: str, compressed: bool) -> None:
    whole, path = tmp_path / "whole.mat", tmp_path / "a.mat"
    savemat(whole, {"eyeMap": MATRICES[name]}, do_compression=compressed)
    content = whole.read_bytes()
    rng, refused = np.random.default_rng([len(name), compressed]), 0
    for number in range(600):
        path.write_bytes(altered(content, rng, number))
        try:
            assert read_matrix(path, "eyeMap").ndim == 2
        except RawDataError as error:
            refused += "\n" not in str(error)
    assert refused > 200
