from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from avrsp.datasets.diem_gaze import read_events
from avrsp.errors import RawDataError
from avrsp.evaluate.references import between_observers

WIDTH, HEIGHT = 1066, 710
LEFT, TOP = (1280 - WIDTH) / 2, (960 - HEIGHT) / 2
BOTH, BLINK, SACCADE, ERROR = 1, 0, 2, -1


def line(frame: int, x: float, y: float, left: int = BOTH, right: int = BOTH) -> str:
    """A sample of video pixel (x, y): the eyes 4 pixels beside it, one on each side."""
    eyes = (f"{x + LEFT + each}\t{y + TOP}\t1500.0" for each in (-4, 4))
    first, second = eyes
    return f"{frame}\t{first}\t{left}\t{second}\t{right}\r\n"


def write(folder: Path, **logs: list[str]) -> Path:
    for name, lines in logs.items():
        (folder / f"{name}.txt").write_bytes("".join(lines).encode())
    return folder


def test_fixations_of_both_eyes_in_pixels_of_the_video(tmp_path: Path) -> None:
    found = read_events(
        write(
            tmp_path,
            b=[line(1, 10.5, 20), line(2, 30, 40, right=SACCADE), line(4, 50, 60)],
            a=[line(1, 100, 200), line(2, 110, 210), line(3, 1, 1, left=BLINK, right=ERROR)],
        ),
        width=WIDTH,
        height=HEIGHT,
    )
    assert (found.size, found.fps) == ((HEIGHT, WIDTH), 30.0)
    assert found.listed().tolist() == [
        [0, 0, 200, 100],
        [0, 1, 20, 10],
        [1, 0, 210, 110],
        [3, 1, 60, 50],
    ]
    assert [len(each) for each in found.points] == [2, 1, 0, 1]


@pytest.mark.parametrize(
    ("x", "y", "inside"),
    [(0, 0, True), (-0.5, 0, False), (WIDTH - 0.5, HEIGHT - 0.5, True), (WIDTH, 0, False)],
)
def test_samples_beside_the_video_are_left_out(
    tmp_path: Path, x: float, y: float, inside: bool
) -> None:
    write(tmp_path, a=[line(1, x, y), line(2, 5, 5)])
    found = read_events(tmp_path, width=WIDTH, height=HEIGHT)
    assert [len(each) for each in found.points] == [int(inside), 1]


def test_a_log_without_a_fixation_counts_its_frames(tmp_path: Path) -> None:
    write(tmp_path, a=[line(n, 5, 5, left=BLINK) for n in (1, 2, 3)])
    found = read_events(tmp_path, width=WIDTH, height=HEIGHT)
    assert [len(each) for each in found.points] == [0, 0, 0]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"text\n", b"1\t2\t3\n", line(0, 1, 1).encode(), b"nan" + b"\t1" * 8],
)
def test_a_damaged_log_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(RawDataError, match=r"a\.txt: not a gaze log") as error:
        read_events(tmp_path, width=WIDTH, height=HEIGHT)
    assert "\n" not in str(error.value)


def test_a_folder_without_logs_is_named(tmp_path: Path) -> None:
    with pytest.raises(RawDataError, match="no gaze log"):
        read_events(tmp_path, width=WIDTH, height=HEIGHT)


@pytest.mark.data
def test_real_logs_give_maps_and_a_ceiling_above_other_moments(real: Path) -> None:
    folder = real / "diem_gaze" / "arctic_bears_1066x710" / "event_data"
    found = read_events(folder, width=WIDTH, height=HEIGHT)
    assert len(found.points) == 2_785
    assert np.mean([len(each) for each in found.points]) == pytest.approx(40.97, abs=0.01)
    assert found.listed()[:, 1].max() == 48
    small = found.resized((71, 107))
    assert small.density(1_000, 3.0).max() > 5
    gaze = pd.DataFrame(small.listed(), columns=["frame", "observer", "row", "col"])
    ceiling = between_observers(gaze[gaze["frame"] % 400 == 100], small.size, 3.0)
    assert ceiling["nss"].mean() > 1.5
