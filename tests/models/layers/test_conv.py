from __future__ import annotations

import pytest
import torch
from torch import nn

from avrsp.models.layers.conv import (
    ConvNorm,
    MaxPool,
    as_clip,
    as_frames,
    convolved,
    enlarged,
    enlarged_convolved,
    frame_means,
    halved,
    scaled,
    temporal,
)


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [(64, 1.0, 64), (24, 1.0, 24), (64, 0.25, 16), (24, 0.25, 8), (16, 0.05, 8), (80, 0.25, 24)],
)
def test_channels_are_scaled_to_multiples_of_eight(
    channels: int, width: float, expected: int
) -> None:
    assert scaled(channels, width) == expected


@pytest.mark.parametrize(
    ("time", "space", "stride"),
    [(1, 3, (1, 2)), (3, 3, (2, 2)), (2, 2, (2, 2)), (3, 3, (1, 1))],
)
def test_pooling_by_axes_equals_pooling_at_once(
    time: int, space: int, stride: tuple[int, int]
) -> None:
    x = torch.randn(2, 3, 4, 8, 12)
    step = (stride[0], stride[1], stride[1])
    padding = (time % 2 * (time // 2), space % 2, space % 2)
    at_once = nn.MaxPool3d((time, space, space), step, padding)
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        pooled = MaxPool(time=time, space=space, stride=stride)(x.contiguous(memory_format=layout))
        torch.testing.assert_close(pooled, at_once(x), rtol=0, atol=0)


def test_frames_of_a_channels_last_clip_are_a_view_and_come_back() -> None:
    clip = torch.randn(2, 3, 4, 8, 6).contiguous(memory_format=torch.channels_last_3d)
    frames = as_frames(clip)
    assert frames.data_ptr() == clip.data_ptr()
    assert frames.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(frames[5], clip[1, :, 1])
    assert as_clip(frames, 4).is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(as_clip(frames, 4), clip)


def test_a_scale_changed_twice_comes_back() -> None:
    x = torch.randn(2, 3, 2, 4, 6)
    assert enlarged(x).shape == (2, 3, 2, 8, 12)
    torch.testing.assert_close(enlarged(x)[..., ::2, 1::2], x)
    torch.testing.assert_close(halved(enlarged(x)), x)


def test_convolving_what_was_enlarged_equals_a_transposed_convolution_to_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 3, 4, 6, dtype=torch.float64, generator=generator, requires_grad=True)
    weight = torch.randn(7, 5, 1, 3, 3, dtype=torch.float64, generator=generator).requires_grad_()
    bias = torch.randn(7, dtype=torch.float64, generator=generator)
    for given in (None, bias):
        at_once = enlarged_convolved(x, weight, given)
        in_two_steps = convolved(enlarged(x), weight, given)
        torch.testing.assert_close(at_once, in_two_steps, rtol=1e-12, atol=1e-12)
        for found, expected in zip(
            torch.autograd.grad(at_once.square().sum(), (x, weight)),
            torch.autograd.grad(in_two_steps.square().sum(), (x, weight)),
            strict=True,
        ):
            torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


def test_the_mean_of_a_frame_is_over_its_pixels() -> None:
    x = torch.randn(2, 5, 3, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(frame_means(x), x.mean((3, 4), keepdim=True))


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (7, 2)])
@pytest.mark.parametrize("layout", [torch.channels_last_3d, torch.contiguous_format])
def test_a_convolution_in_time_is_pytorchs_in_3d(
    size: int, stride: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    ours = temporal(6, 8, size=size, stride=stride).double()
    x = torch.randn(2, 6, 9, 5, 4, dtype=torch.float64).contiguous(memory_format=layout)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    found, expected = ours(inputs[0]), nn.Conv3d.forward(ours, inputs[1])
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous(memory_format=layout)
    gradients = []
    for given, y in zip(inputs, (found, expected), strict=True):
        ours.zero_grad()
        y.square().sum().backward()
        gradients.append((given.grad, ours.weight.grad))
    torch.testing.assert_close(*gradients)


def test_a_convolution_in_time_with_its_norm_folded_in_is_the_same() -> None:
    torch.manual_seed(0)
    block = ConvNorm(temporal(4, 6)).double()
    nn.init.uniform_(block.norm.weight)
    block(3 * torch.randn(8, 4, 5, 3, 3, dtype=torch.float64) + 1)
    block.eval()
    folded = nn.utils.fusion.fuse_conv_bn_eval(block.conv, block.norm).train()
    x = torch.randn(1, 4, 5, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(folded(x).relu(), block(x))
