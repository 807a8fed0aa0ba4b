"""One rule says which ground truth is empty, wherever it matters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avrsp.convert.verify import EmptyMapCounter
from avrsp.evaluate import references
from avrsp.evaluate.protocols import PROTOCOLS
from avrsp.evaluate.scores import score_video
from avrsp.store.ground_truth import EMPTY_LEVEL, is_empty
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store
from avrsp.train.clips import target
from avrsp.types import InputSpec


@pytest.mark.parametrize("level", [0, 1, EMPTY_LEVEL, EMPTY_LEVEL + 1, 255])
def test_training_converting_and_evaluating_agree(level: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(level)
    noise = rng.integers(0, level + 1, (12, 16), np.uint8)
    noise[3, 4] = level
    truth = np.where(np.arange(16) < 5, 255, noise).astype(np.uint8)
    write_store(
        tmp_path / "video.zarr.zip",
        frames=[np.zeros((4, 4, 3), np.uint8)] * 3,
        densities=[truth, noise, truth],
        fixations=[np.array([[3, 4], [7, 2]])] * 3,
        waveform=np.zeros(0, np.float32),
        attributes=StoreAttributes("avad", "video", 25.0, None, None, "", "", 3, 3),
        chunk=4,
    )
    store = VideoStore(tmp_path / "video.zarr.zip")
    empty = level <= EMPTY_LEVEL
    assert is_empty(np.stack([truth, noise])).tolist() == [False, empty]
    counted = EmptyMapCounter([truth, noise])
    assert len(list(counted)) == 2
    assert counted.empty == empty
    assert (target(noise, InputSpec(8, 12, 16, audio=False)) is None) == empty
    maps = rng.random((3, 12, 16))
    rows = score_video([maps], store, tuple(PROTOCOLS)).set_index(["protocol", "frame"])
    assert rows["empty"].groupby("frame").all().tolist() == [False, empty, False]
    for name, protocol in PROTOCOLS.items():
        own = rows.loc[name].loc[1]
        if protocol.frame_score is not None:  # a constant truth scores 0 in that code
            assert own[["cc", "sim"]].eq(0).all() == empty
            continue
        assert np.isnan(own["cc"]) == np.isnan(own["kl"]) == empty
        assert np.isfinite(own["nss"])
        assert own["sim"] > 0 or empty


def test_noise_adds_nothing_to_the_centre_prior(tmp_path: Path) -> None:
    truth = np.zeros((4, 8, 8), np.uint8)
    truth[:2, :, 2], truth[2:, :, 6] = 255, EMPTY_LEVEL
    write_store(
        tmp_path / "video.zarr.zip",
        frames=[np.zeros((4, 4, 3), np.uint8)] * 4,
        densities=list(truth),
        fixations=[np.zeros((0, 2), int)] * 4,
        waveform=np.zeros(0, np.float32),
        attributes=StoreAttributes("avad", "video", 25.0, None, None, "", "", 4, 4),
        chunk=4,
    )
    prior = references.centre_prior([tmp_path / "video.zarr.zip"])
    np.testing.assert_allclose(prior[:, 2], 1 / 8)
    assert prior[:, 6].max() == 0
