from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avrsp.models import windows


@pytest.mark.parametrize(
    ("frame", "length", "count", "expected"),
    [
        (5, 4, 9, [2, 3, 4, 5]),
        (3, 4, 9, [0, 1, 2, 3]),
        (2, 4, 9, [5, 4, 3, 2]),
        (1, 4, 9, [4, 3, 2, 1]),
        (0, 4, 9, [3, 2, 1, 0]),
        (8, 4, 9, [5, 6, 7, 8]),
        (2, 4, 3, [1, 0, 1, 2]),
        (1, 4, 3, [0, 1, 2, 1]),
        (0, 4, 2, [1, 0, 1, 0]),
        (1, 4, 2, [0, 1, 0, 1]),
        (0, 4, 1, [0, 0, 0, 0]),
        (0, 1, 1, [0]),
        (7, 1, 9, [7]),
    ],
)
def test_window_of_each_kind(frame: int, length: int, count: int, expected: list[int]) -> None:
    window = windows.ending_at(frame, length, count)
    assert window.dtype == np.int64
    assert window.tolist() == expected


@given(st.integers(1, 80), st.sampled_from([1, 8, 16, 32]), st.data())
def test_every_window_ends_at_its_frame_and_moves_by_one_frame(
    count: int, length: int, data: st.DataObject
) -> None:
    frame = data.draw(st.integers(0, count - 1))
    window = windows.ending_at(frame, length, count)
    assert window[-1] == frame
    assert len(window) == length
    assert window.min() >= 0
    assert window.max() < count
    if count > 1:
        assert set(np.abs(np.diff(window))) <= {1}


@pytest.mark.parametrize("frame", range(31))
def test_first_31_frames_come_from_reversed_windows(frame: int) -> None:
    assert windows.ending_at(frame, 32, 63).tolist() == list(range(frame + 31, frame - 1, -1))


@pytest.mark.parametrize("frame", [-1, 9])
def test_a_frame_outside_the_video_is_refused(frame: int) -> None:
    with pytest.raises(IndexError, match="of a video of 9 frames"):
        windows.ending_at(frame, 4, 9)
