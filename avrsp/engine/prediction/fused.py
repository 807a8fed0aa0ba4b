"""A network as prediction runs it: batch normalisation is part of the convolutions."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from avrsp.model.network import AVRSP
from avrsp.nn.conv import ConvNorm
from avrsp.nn.soundnet import SoundNet


def fused(model: AVRSP, dtype: torch.dtype = torch.float32) -> AVRSP:
    """Return a copy in evaluation mode whose convolutions normalise by their own weights.

    In other words y = W x and z = (y - mean) * gain + shift become one convolution, which changes
    a map by rounding alone. The weights of convolutions over clips are of `dtype`, so that
    autocasting need not convert them each time.
    """
    network = copy.deepcopy(model).eval()
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.add_module("conv", fuse_conv_bn_eval(module.conv, module.norm))
            module.add_module("norm", nn.Identity())
        elif isinstance(module, SoundNet):
            for block in module.layers:
                _fuse_sequential(block)
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.to(dtype)
    return network.requires_grad_(requires_grad=False)


def _fuse_sequential(block: nn.Module) -> None:
    conv, norm = block.get_submodule("0"), block.get_submodule("1")
    assert isinstance(conv, nn.Conv1d)
    assert isinstance(norm, nn.BatchNorm1d)
    block.add_module("0", fuse_conv_bn_eval(conv, norm))
    block.add_module("1", nn.Identity())
