"""Raw files damaged at random, but always alike: a verdict each time, never a wrong store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avrsp import files
from avrsp.convert.convert_video import Layout, convert
from avrsp.convert.verify import TOLERANCE
from avrsp.datasets.dataset_registry import ListedVideo, spec
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import VideoStore
from tests.mutations.mutate import ON_BYTES
from tests.raw_videos import LISTED, MirrorFiles

Arrays = dict[str, list[bytes]]
DAMAGED = 3
"""The number of the frame whose files are damaged."""

ROUNDS = 8
"""Mutations of each of four sorts for each of seven kinds of file: 224 in all."""


def arrays(path: Path) -> Arrays:
    """Everything in a store, frame by frame."""
    store = VideoStore(path)
    numbers = range(len(store))
    return {
        "frames": [store.frames([n]).tobytes() for n in numbers],
        "density": [store.density(n).tobytes() for n in numbers],
        "fixations": [store.fixations(n).tobytes() for n in numbers],
        "sound": [store.waveform.tobytes()],
    }


def check(verdict: Verdict, path: Path, whole: Arrays, touched: str) -> None:
    """Assert that a video was set aside in one line, or that all but what was touched is right."""
    if not verdict.kept:
        assert verdict.reason
        assert "\n" not in verdict.reason
        assert not path.exists()
        return
    assert verdict.digest == files.sha256(path)
    assert abs(verdict.frames - LISTED) <= TOLERANCE
    found = arrays(path)
    for name in ("frames", "density", "fixations"):
        assert len(found[name]) == verdict.frames
        differing = [n for n in range(verdict.frames) if found[name][n] != whole[name][n]]
        allowed = {"frames": range(LISTED)}.get(name, ()) if touched == "AVI" else ()
        assert set(differing) <= ({DAMAGED - 1} if name == touched else set(allowed))
    if touched != "sound" and verdict.frames == LISTED:
        assert found["sound"] == whole["sound"]


def survive(path: Path, touched: str, again: Callable[[], Verdict], store: Path) -> None:
    rng = np.random.default_rng([7, len(touched), len(path.name)])
    assert again().kept
    whole, content = arrays(store), path.read_bytes()
    for _ in range(ROUNDS):
        for mutate in ON_BYTES:
            path.write_bytes(mutate(np.frombuffer(content, np.uint8), rng).tobytes())
            check(again(), store, whole, touched)
    path.write_bytes(content)
    assert again().kept
    assert arrays(store) == whole


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("touched", ["frames", "density", "fixations", "sound"])
def test_damaged_files_of_the_mirror(
    mirror: MirrorFiles, tmp_path: Path, row: ListedVideo, layout: Layout, touched: str
) -> None:
    path = {
        "frames": mirror.frame(DAMAGED),
        "density": mirror.density(DAMAGED),
        "fixations": mirror.fixation(DAMAGED),
        "sound": mirror.wav,
    }[touched]
    store = tmp_path / "a.zarr.zip"
    survive(path, touched, lambda: convert(spec("diem"), row, mirror.raw, store, layout), store)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("touched", ["AVI", "density", "fixations"])
def test_damaged_files_of_dhf1k(
    dhf1k: Path, tmp_path: Path, row: ListedVideo, layout: Layout, touched: str
) -> None:
    path = {
        "AVI": dhf1k / "dhf1k/video/005.AVI",
        "density": dhf1k / f"dhf1k/annotation/0005/maps/{DAMAGED:04d}.png",
        "fixations": dhf1k / f"dhf1k/annotation/0005/fixation/maps/{DAMAGED:04d}.mat",
    }[touched]
    store, video = tmp_path / "005.zarr.zip", row.model_copy(update={"video": "005"})
    survive(path, touched, lambda: convert(spec("dhf1k"), video, dhf1k, store, layout), store)
