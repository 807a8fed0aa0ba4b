"""How a model is run fast here: precision, windows at a time, compiling, decoding ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import psutil
import torch

from avrsp.models.registry import EngineName
from avrsp.params import Precision
from avrsp.types import InputSpec

T = TypeVar("T")
WantedPrecision = Literal["auto", "float32", "bf16"]

MOST_WINDOWS: Final = {"cpu": 8, "cuda": 32}
"""Beyond which a block is not faster."""

MOST_REUSING: Final = {"cpu": 16, "cuda": 32}
"""The same where windows share what they compute."""

SHARE: Final = 0.25
"""Of the free memory that one block may take."""

LONG: Final = 3000
"""Frames from which compiling for a GPU, a minute, pays."""

AHEAD: Final = 16
"""Frames decoded while others are predicted."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How a model is run.

    Attributes:
        device: Where.
        precision: Of matrix products and convolutions.
        windows: How many are predicted at a time.
    """

    device: torch.device
    precision: Precision
    windows: int

    def __str__(self) -> str:
        """Say it to a person."""
        plural = "s" if self.windows > 1 else ""
        return f"{self.device.type}, {self.precision}, {self.windows} window{plural} at a time"


def speed(
    device: torch.device,
    wanted: WantedPrecision,
    spec: InputSpec,
    values: float,
    method: EngineName = "windows",
) -> Speed:
    """Return the fastest way to run a network here, at the precision `wanted`.

    Its activations are so many `values` for each pixel of a window (`ModelSpec.values_a_pixel`).
    """
    precision = wanted if wanted != "auto" else "bf16" if has_bf16(device) else "float32"
    value = 2 if precision == "bf16" else 4
    window = values * spec.height * spec.width * value
    windows = int(SHARE * free(device) / window)
    most = MOST_REUSING if method == "reuse" else MOST_WINDOWS
    return Speed(device, precision, min(max(windows, 1), most[device.type]))


def has_bf16(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return any(able.get(unit, False) for unit in ("amx_bf16", "amx_tile", "avx512_bf16"))


def free(device: torch.device) -> int:
    """Return the bytes that are free on the device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def worth_compiling(device: torch.device, frames: int | None) -> bool:
    """Say whether a video of so many frames, None where unknown, repays compiling."""
    return device.type == "cuda" and frames is not None and frames >= LONG


def ahead(items: Iterable[T], depth: int = AHEAD) -> Generator[T]:
    """Yield `items`, which a thread of its own takes, up to `depth` of them in advance.

    An error in taking one is raised at its place. The iterator is closed with this one.
    """
    iterator = iter(items)
    end = object()
    pool = ThreadPoolExecutor(1)
    taken = deque(pool.submit(next, iterator, end) for _ in range(depth))
    try:
        while (item := taken.popleft().result()) is not end:
            taken.append(pool.submit(next, iterator, end))
            yield item  # type: ignore[misc]
    finally:
        pool.shutdown(cancel_futures=True)
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
