from __future__ import annotations

from pathlib import Path

import pytest

from avrsp.errors import RawDataError
from avrsp.prediction import records
from avrsp.prediction.find_videos import find_videos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.MP4", "a.webm", "a.overlay.mp4", "a.maps.mp4", ".hidden.mp4", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "deeper.mp4").mkdir()
    return tmp_path


def test_a_folder_gives_its_videos_and_none_of_our_results(folder: Path) -> None:
    assert find_videos([str(folder)]) == [folder / "a.webm", folder / "b.MP4"]


def test_a_glob_gives_its_files_and_names_come_once(folder: Path) -> None:
    found = find_videos([str(folder / "b.MP4"), str(folder / "*"), str(folder)])
    assert [path.name for path in found] == ["b.MP4", "a.webm", "notes.txt"]


def test_what_is_named_is_taken_whatever_it_is(folder: Path) -> None:
    (folder / "what[1]*.bin").touch()
    for name in ("notes.txt", "a.overlay.mp4", "missing.mp4", "no*match", "what[1]*.bin"):
        assert find_videos([str(folder / name)]) == [folder / name]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RawDataError, match="holds no video"):
        find_videos([str(tmp_path)])


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        (["a/walk.mp4", "b/run.mp4"], ["walk", "run"]),
        (["a/walk.mp4", "b/walk.mp4", "b/run.mp4"], ["a-walk", "b-walk", "run"]),
        (["a/walk.mp4", "a/walk.avi", "c/walk.avi"], ["a-walk-mp4", "a-walk-avi", "c-walk"]),
    ],
)
def test_names_are_as_short_as_they_can_be(videos: list[str], expected: list[str]) -> None:
    assert records.names([Path(video) for video in videos]) == expected


def test_names_always_differ() -> None:
    videos = [Path(f"/{top}/a/walk.mp4") for top in "xyz"]
    named = records.names(videos)
    assert len(set(named)) == 3
    assert named == records.names(videos[::-1])[::-1]
