"""Random numbers that depend on a name alone, so that every video can be made by itself."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the generator that belongs to `names` under `seed`.

    Streams of different names are independent; a video's names hold its role, so that train,
    validation and test videos never share a seed.
    """
    key = "\0".join((str(seed), *names))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()))
