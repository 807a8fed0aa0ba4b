"""Where the network runs and how exactly: device, precision, determinism."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from avrsp.errors import ParamsError
from avrsp.params import Precision
from avrsp.types import SaliencyModel


def device_named(name: str) -> torch.device:
    """Return the device called `cpu` or `cuda`; `auto` takes the GPU where there is one.

    Raises:
        ParamsError: A GPU is asked for and there is none.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise ParamsError(
            "compute.device: found cuda, but PyTorch sees no GPU here; run on a machine that has "
            "one, or set compute.device of this preset to cpu"
        )
    return torch.device("cuda" if present and name != "cpu" else "cpu")


def autocasting(device: torch.device, precision: Precision) -> torch.autocast:
    """Return a context in which matrix products and convolutions run at `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def check_trainable(device: torch.device, precision: Precision) -> None:
    """Refuse to train in bf16 on a CPU; predicting is fine.

    With PyTorch 2.13 the weight gradient of a 3 x 1 x 1 Conv3d over two frames holds memory that
    was never written there (seen on a CPU with avx512_bf16: NaN now and then, noise otherwise).

    Raises:
        ParamsError: That is what is asked for.
    """
    if device.type == "cpu" and precision == "bf16":
        raise ParamsError(
            "compute.precision: found bf16 for training on a CPU, where PyTorch's gradients are "
            "wrong; set it to float32, or compute.device to cuda"
        )


def at_precision(model: SaliencyModel, device: torch.device, precision: Precision) -> SaliencyModel:
    """Return `model` so that its own arithmetic runs at `precision`, and nobody else's does."""

    def run(
        frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        with autocasting(device, precision):
            return model(frames, waveform, has_sound)

    return run


@contextlib.contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Allow only algorithms that give the same bits each time, on the CPU.

    On a GPU the backward passes of MaxPool3d and trilinear upsampling have no such algorithm, so
    nothing is promised there.
    """
    if device.type != "cpu":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    filling: Any = torch.utils.deterministic
    filled = filling.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    filling.fill_uninitialized_memory = False  # guards against bugs, at a price
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        filling.fill_uninitialized_memory = filled
