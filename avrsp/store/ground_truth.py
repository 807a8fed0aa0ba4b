"""The one rule for an empty ground truth, by which training, converting and evaluating go."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

EMPTY_LEVEL: Final = 8
"""Grey level of 255 that compression noise reaches on a map on which nobody's gaze is drawn."""

EMPTY_RULE: Final = (
    f"A ground-truth map whose maximum is at most {EMPTY_LEVEL} of 255 is empty: it holds "
    "compression noise and no gaze, and counts as a map of zeros."
)
"""In words, for reports and the command line."""


def is_empty(density: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say of ground-truth maps `(..., h, w)` which are empty; the answer has the shape `(...)`."""
    return np.asarray(density.max((-2, -1)) <= EMPTY_LEVEL)
