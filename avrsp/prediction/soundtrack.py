"""The sound of a long video, kept in a file so that memory does not grow with its length."""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avrsp.media.decode import samples, sound_chunks
from avrsp.types import SOUND_RATE

BYTES = 2
"""Of a sample."""


class Soundtrack:
    """What `read_sound` returns, in a nameless file in `folder` that ends with the object.

    Attributes:
        size: Number of samples; 0 without sound.
    """

    def __init__(self, video: Path, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by finalize
        weakref.finalize(self, self._file.close)
        for chunk in sound_chunks(video, rate=SOUND_RATE):
            self._file.write(chunk)
        self._file.flush()
        self.size = self._file.tell() // BYTES

    def __getitem__(self, span: slice) -> NDArray[np.float32]:
        """Return the samples of `span`, without a step."""
        start, stop, _ = span.indices(self.size)
        content = os.pread(self._file.fileno(), max(0, stop - start) * BYTES, start * BYTES)
        return samples(content)
