from __future__ import annotations

import pytest
import torch
from torch import nn

from avrsp.models.layers.conv import MaxPool, as_clip, as_frames, enlarged, halved, scaled


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
