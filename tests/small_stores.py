"""Small stores with ground truth, and maps for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from avrsp.store.manifest import Verdict
from avrsp.store.members import entries_digest
from avrsp.store.video_store import StoreAttributes, write_maps, write_store

TRUTH = (48, 64)


@pytest.fixture
def write_truth(tmp_path: Path) -> Callable[..., Verdict]:
    """Write the store of a video of random gaze below `tmp_path / "store"`."""

    def write(dataset: str, video: str, count: int, *, empty: tuple[int, ...] = ()) -> Verdict:
        rng = np.random.default_rng([count, len(video)])
        fixated = [
            np.zeros((0, 2), int)
            if frame in empty
            else np.unique(rng.integers((10, 10), (30, 50), (9, 2)), axis=0)
            for frame in range(count)
        ]
        store = tmp_path / "store" / dataset / f"{video}.zarr.zip"
        write_store(
            store,
            frames=[np.zeros((8, 8, 3), np.uint8)] * count,
            densities=[_density(points) for points in fixated],
            fixations=fixated,
            waveform=np.zeros(0, np.float32),
            attributes=StoreAttributes(dataset, video, 25.0, None, None, "", "", count, count),
            chunk=8,
        )
        return Verdict(
            dataset=dataset,
            video=video,
            kept=True,
            reason=None,
            notes=[],
            frames=count,
            fps=25.0,
            height=TRUTH[0],
            width=TRUTH[1],
            has_sound=False,
            digest="",
            entries=entries_digest(store),
            roles={"1": "test", "2": "test", "3": "none"},
        )

    return write


@pytest.fixture
def predicted() -> Callable[[int], list[NDArray[np.float32]]]:
    """Return smooth maps of 24 x 32, as a network might predict them."""

    def predict(count: int) -> list[NDArray[np.float32]]:
        rng = np.random.default_rng(count)
        maps = [gaussian_filter(rng.random((24, 32)), 2) for _ in range(count)]
        return [((each - each.min()) / np.ptp(each)).astype(np.float32) for each in maps]

    return predict


@pytest.fixture
def three_videos(
    write_truth: Callable[..., Verdict],
    tmp_path: Path,
    predicted: Callable[[int], list[NDArray[np.float32]]],
) -> list[Verdict]:
    """Videos of 20, 33 and 8 frames, with maps below `tmp_path / "maps"`."""
    counts = {"a": 20, "b": 33, "c": 8}
    for name, count in counts.items():
        write_maps(tmp_path / "maps" / "avad" / f"{name}.zarr.zip", predicted(count))
    return [write_truth("avad", name, count) for name, count in counts.items()]


def _density(points: NDArray[np.int_]) -> NDArray[np.uint8]:
    density = np.zeros(TRUTH)
    density[points[:, 0], points[:, 1]] = 1
    density = gaussian_filter(density, 3)
    return np.asarray(np.round(255 * density / max(density.max(), 1e-9)), np.uint8)
