"""The maps of one video on their way to every form, in a file that an interruption leaves behind.

The file is a line of JSON, then for each frame its time and its greatest density, two float64, and
its map, float16 h x w. What is cut off at its end is one frame at most.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from io import BufferedRandom
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as parsed
from safetensors.torch import save as serialised
from torch import Tensor

from avrsp import files
from avrsp.errors import RawDataError

ENDING: Final = ".maps.part"
FACTS: Final = 16
"""Bytes of a frame's time and greatest density."""

LONGEST_HEADER: Final = 1024


def density(saliency: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return a map h x w in multiples of an even spread: its mean is 1.

    A map without any saliency is an even spread.
    """
    values = saliency.astype(np.float64)
    mean = values.mean()
    return values / mean if mean > 0 else np.ones_like(values)


class KeptMaps:
    """The maps h x w of one video as float16, in the order of its frames.

    Memory stays flat however long the video is. What an earlier process left in the file for the
    same `key` is there again.

    Attributes:
        path: The file. One process holds it at a time.
        times: Seconds on the video's clock at which each frame is shown.
        peaks: Greatest density of each map, in multiples of an even spread.

    Raises:
        RawDataError: Another process holds the file.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.times: list[float] = []
        self.peaks: list[float] = []
        self._key = key
        self._shape: tuple[int, ...] = (0, 0)
        self._start = 0
        self._file = _held(path)
        self._restore()

    def add(self, time: float, saliency: NDArray[np.floating]) -> None:
        """Append the map of the frame shown at `time` seconds."""
        content = saliency.astype("<f2")
        if not self.times:
            self._begin(content.shape)
        peak = float(density(content).max())
        self._file.write(np.array([time, peak], "<f8").tobytes() + content.tobytes())
        self.times.append(time)
        self.peaks.append(peak)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def shape(self) -> tuple[int, ...]:
        """T, h, w."""
        return (len(self), *self._shape)

    def __iter__(self) -> Iterator[NDArray[np.float16]]:
        self._file.flush()
        descriptor, size = self._file.fileno(), self._size
        for number in range(len(self)):
            content = os.pread(descriptor, size - FACTS, self._start + number * size + FACTS)
            yield np.frombuffer(content, "<f2").reshape(self._shape)

    def state(self) -> tuple[int, Tensor | None]:
        """Return how many frames a network's state has seen that was left behind, and the state."""
        try:
            found = parsed(self._state_path.read_bytes())
            return int(found["frames"]), found["state"]
        except (OSError, SafetensorError, KeyError):
            return 0, None

    def keep_first(self, count: int) -> None:
        """Forget all maps but the first `count`."""
        del self.times[count:], self.peaks[count:]
        self._file.seek(self._start + count * self._size)
        self._file.truncate()

    def leave(self, frames: int, state: Tensor | None) -> None:
        """Close the file and leave it for a later process, with the state after so many frames."""
        if state is not None:
            tensors = {"frames": Tensor([frames]).long(), "state": state.detach().cpu()}
            files.write_bytes(self._state_path, serialised(tensors))
        self._file.close()

    def remove(self) -> None:
        """Close the file and give its space back."""
        self.path.unlink(missing_ok=True)
        self._state_path.unlink(missing_ok=True)
        self._file.close()

    @property
    def _size(self) -> int:
        """Bytes of a frame."""
        return FACTS + 2 * int(np.prod(self._shape))

    @property
    def _state_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.state")

    def _begin(self, shape: tuple[int, ...]) -> None:
        """Write the line at the file's beginning in place of all that it holds."""
        header = json.dumps({"key": self._key, "shape": shape}).encode() + b"\n"
        self._file.seek(0)
        self._file.truncate()
        self._file.write(header)
        self._start, self._shape = len(header), shape

    def _restore(self) -> None:
        """Take over what is there for the same key."""
        header = self._file.readline(LONGEST_HEADER)
        with contextlib.suppress(ValueError, TypeError, KeyError):
            said = json.loads(header)
            if said["key"] == self._key:
                self._start, self._shape = len(header), tuple(said["shape"])
        if not self._start:
            self._state_path.unlink(missing_ok=True)
            return
        descriptor = self._file.fileno()
        count = (os.fstat(descriptor).st_size - self._start) // self._size
        for number in range(count):
            facts = np.frombuffer(os.pread(descriptor, FACTS, self._start + number * self._size))
            self.times.append(float(facts[0]))
            self.peaks.append(float(facts[1]))
        self.keep_first(count)


def _held(path: Path) -> BufferedRandom:
    """Open a file to read and write for this process alone."""
    with files.writing(path):
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RawDataError(
            f"{path}: another process predicts this video; wait for it, or choose another --out"
        ) from None
    return file
