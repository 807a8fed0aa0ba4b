"""A network made ready to be trained: on its device, in the layout and by the means chosen there.

Nothing here changes the names of its tensors, nor, beyond rounding, what it learns.
"""

from __future__ import annotations

import torch
from torch import nn

from avrsp.engine.compute import device_named
from avrsp.engine.training.ranks import ALONE, Ranks
from avrsp.params import ComputeParams

CONV3D_DIM = 5
"""Axes of a 3D convolution's weight."""


def placed(model: nn.Module, compute: ComputeParams, ranks: Ranks = ALONE) -> nn.Module:
    """Return `model` on its device, ready to be trained by `ranks`.

    On GPUs the weights of 3D convolutions lie channels-last, as their inputs do everywhere, cuDNN
    tries its algorithms, and several processes share the statistics of batch normalisation. On the
    CPU each process has statistics of its own, and those of the main one are kept.
    """
    device = device_named(compute.device)
    model = model.to(device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        channels_last(model)
        if ranks.count > 1:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    for part in model.modules():
        if hasattr(part, "checkpointing"):
            part.checkpointing = compute.checkpointing  # type: ignore[assignment]
    if compute.compile:
        model.compile(dynamic=False)  # batches have few sizes
    return model


def channels_last(model: nn.Module) -> None:
    """Lay the weights of 3D convolutions out in memory as clips are."""
    for parameter in model.parameters():
        if parameter.dim() == CONV3D_DIM:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
