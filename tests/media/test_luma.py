"""The luma of videos, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avrsp.media.luma import read_luma


@pytest.mark.parametrize("name", ["plain.mkv", "café 注視.mkv", "caf\udce9.mkv", "-a:b'%.mkv"])
def test_luma_is_read_under_any_name(make_video: Callable[[str, str], Path], name: str) -> None:
    grey = "-f lavfi -i color=gray:size=32x24:rate=25:duration=0.12 -c:v ffv1 -pix_fmt gray"
    path = make_video("a.mkv", grey)
    path = path.rename(path.with_name(name))
    planes = [*read_luma(path)]
    assert [plane.shape for plane in planes] == [(24, 32)] * 3
    assert np.ptp(planes[0]) == 0
