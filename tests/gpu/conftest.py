"""The device that is tested: a GPU, or the CPU in a rehearsal.

A rehearsal makes sure that nothing but the device itself fails for the first time on a GPU.
"""

from __future__ import annotations

import os

import pytest
import torch

REHEARSAL = "AVRSP_REHEARSAL"


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The GPU, or with `$AVRSP_REHEARSAL` the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if os.environ.get(REHEARSAL):
        return torch.device("cpu")
    pytest.skip("no GPU here")
