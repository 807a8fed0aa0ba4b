"""Arrays of a pickled .npy file, read in a process of its own (`avrsp.nn.unpickle`)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from avrsp.errors import WeightsError

READER: Final = Path(__file__).with_name("unpickle.py")
PATIENCE: Final = 120
"""Seconds that the reader may take."""


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a nested dict, their names joined by slashes.

    Raises:
        WeightsError: The file holds anything but a dict of numeric arrays.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "arrays.npz")
        command = [sys.executable, "-I", str(READER), str(path.resolve()), str(target)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={"OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _refusal(path, f"its reading took over {PATIENCE} s") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"its reader ended in {done.returncode}"]
            raise _refusal(path, lines[-1])
        with np.load(target, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _refusal(path: Path, found: str) -> WeightsError:
    return WeightsError(
        f"{path.name}: refused, {found}; expected a pickled dict of NumPy arrays and nothing else. "
        "Use a PyTorch file of the same weights (soundnet8-pytorch), or one from another source"
    )
