"""Published checkpoints with noise: key names and shapes written down from their sources."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

State = dict[str, Tensor]

MIXED = {
    5: (192, 64, 96, 128, 16, 32, 32),
    6: (256, 128, 128, 192, 32, 96, 64),
    8: (480, 192, 96, 208, 16, 48, 64),
    9: (512, 160, 112, 224, 24, 64, 64),
    10: (512, 128, 128, 256, 24, 64, 64),
    11: (512, 112, 144, 288, 32, 64, 64),
    12: (528, 256, 160, 320, 32, 128, 128),
    14: (832, 256, 160, 320, 32, 128, 128),
    15: (832, 384, 192, 384, 48, 128, 128),
}
SOUNDNET = [(1, 16, 64), (16, 32, 32), (32, 64, 16), (64, 128, 8), (128, 256, 4), (256, 512, 4)]
SOUNDNET += [(512, 1024, 4)]
HEADS = {"objs": 1000, "scns": 401}


def _norm(state: State, key: str, channels: int) -> None:
    for leaf in ("weight", "bias", "running_mean"):
        state[f"{key}.{leaf}"] = torch.randn(channels)
    state[f"{key}.running_var"] = torch.rand(channels) + 0.5


def _s3d(*, torchvision: bool) -> State:
    """Either naming; torchvision's counts BN's steps, kylemin's older file does not."""
    state: State = {}
    conv, bn = ("0", "1") if torchvision else ("conv", "bn")
    space = ("0.0", "0.1") if torchvision else ("conv_s", "bn_s")
    time = ("1.0", "1.1") if torchvision else ("conv_t", "bn_t")

    def unit(key: str, names: tuple[str, str], shape: tuple[int, ...]) -> None:
        state[f"{key}.{names[0]}.weight"] = torch.randn(shape)
        _norm(state, f"{key}.{names[1]}", shape[0])
        if torchvision:
            state[f"{key}.{names[1]}.num_batches_tracked"] = torch.tensor(7)

    def separable(key: str, inputs: int, outputs: int, size: int) -> None:
        unit(key, space, (outputs, inputs, 1, size, size))
        unit(key, time, (outputs, outputs, size, 1, 1))

    root = "features" if torchvision else "module.base"
    separable(f"{root}.0", 3, 64, 7)
    unit(f"{root}.2", (conv, bn), (64, 64, 1, 1, 1))
    separable(f"{root}.3", 64, 192, 3)
    for index, (inputs, b0, r1, b1, r2, b2, b3) in MIXED.items():
        block = f"{root}.{index}.branch"
        unit(f"{block}0" if torchvision else f"{block}0.0", (conv, bn), (b0, inputs, 1, 1, 1))
        for branch, middle, outputs in ((1, r1, b1), (2, r2, b2)):
            unit(f"{block}{branch}.0", (conv, bn), (middle, inputs, 1, 1, 1))
            separable(f"{block}{branch}.1", middle, outputs, 3)
        unit(f"{block}3.1", (conv, bn), (b3, inputs, 1, 1, 1))
    head = "classifier.1" if torchvision else "module.fc.0"
    state[f"{head}.weight"] = torch.randn(400, 1024, 1, 1, 1)
    state[f"{head}.bias"] = torch.randn(400)
    return state


def _soundnet(*, numbered: bool) -> State:
    """SoundNet_Pytorch's names if `numbered`, else pytorch-soundnet's."""
    state: State = {}
    for i, (inputs, outputs, kernel) in enumerate(SOUNDNET, start=1):
        conv, bn = (f"conv{i}.0", f"conv{i}.1") if numbered else (f"conv{i}", f"batchnorm{i}")
        state[f"{conv}.weight"] = torch.randn(outputs, inputs, kernel, 1)
        state[f"{conv}.bias"] = torch.randn(outputs)
        _norm(state, bn, outputs)
    names = ("conv8.0", "conv8_2.0") if numbered else ("conv8_objs", "conv8_scns")
    for name, classes in zip(names, HEADS.values(), strict=True):
        state[f"{name}.weight"] = torch.randn(classes, 1024, 8, 1)
        state[f"{name}.bias"] = torch.randn(classes)
    return state


@pytest.fixture
def s3d_file() -> Callable[..., State]:
    return _s3d


@pytest.fixture
def soundnet_file() -> Callable[..., State]:
    return _soundnet
