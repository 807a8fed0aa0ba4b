"""Copies of DHF1K that differ in the zeros before a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from avrsp.store.video_store import VideoStore
from tests.raw_videos import Convert


def renamed(path: Path, name: str) -> None:
    path.rename(path.with_name(name))


def test_zeros_before_a_number_do_not_count(
    dhf1k: Path, converted: Convert, store: VideoStore
) -> None:
    before = converted("dhf1k", video="005", fps=30.0)
    root = dhf1k / "dhf1k"
    renamed(root / "annotation/0005/maps/0002.png", "2.png")
    renamed(root / "annotation/0005/fixation/maps/0003.mat", "00003.mat")
    renamed(root / "annotation/0005", "005")
    renamed(root / "video/005.AVI", "0005.avi")
    verdict = converted("dhf1k", video="005", fps=30.0)
    assert verdict.kept
    assert verdict.notes == before.notes
    assert VideoStore(store.path.with_name("005.zarr.zip")).density(1).mean() == 60


@pytest.mark.parametrize(
    "place", ["annotation/0005", "video/005.AVI", "annotation/0005/maps/0002.png"]
)
def test_two_of_one_number_set_the_video_aside(dhf1k: Path, converted: Convert, place: str) -> None:
    path = dhf1k / "dhf1k" / place
    other = path.with_name(f"0{path.name}")
    other.mkdir() if path.is_dir() else other.write_bytes(path.read_bytes())
    reason = converted("dhf1k", video="005", fps=30.0).reason or ""
    assert path.name in reason
    assert "not clear which is meant" in reason
