"""The maps of test videos: the same bytes by one process and by several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avrsp.params import ComputeParams
from avrsp.prediction import testset
from avrsp.store.manifest import Verdict, store_path
from avrsp.store.video_store import MapStore, StoreAttributes, write_store
from tests.prediction.untrained import untrained

COMPUTE = ComputeParams(
    device="cpu", precision="float32", compile=False, checkpointing=False, windows=4
)


def video(stores: Path, name: str, count: int) -> Verdict:
    """Write the store of a video of noise, with sound."""
    rng = np.random.default_rng(count)
    verdict = Verdict(
        dataset="avad", video=name, kept=True, reason=None, notes=[], frames=count, fps=25.0,
        height=30, width=40, has_sound=True, digest="", roles={"1": "test"},
    )  # fmt: skip
    write_store(
        store_path(stores, verdict),
        frames=rng.integers(0, 256, (count, 32, 64, 3), dtype=np.uint8),
        densities=rng.integers(0, 256, (count, 30, 40), dtype=np.uint8),
        fixations=[rng.integers(0, 30, (4, 2)) for _ in range(count)],
        waveform=rng.uniform(-1, 1, count * 882).astype(np.float32),
        attributes=StoreAttributes("avad", name, 25.0, None, None, "", "", count, count),
        chunk=8,
    )
    return verdict


def test_one_process_two_and_all_threads_predict_the_same_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    model = untrained(tmp_path / "model", 8, width=0.0625, heads=2)
    videos = [video(tmp_path / "stores", name, count) for name, count in (("a", 9), ("b", 13))]

    def predicted(number: int) -> list[Path]:
        monkeypatch.setattr(testset, "network_workers", lambda *_: number)
        out = tmp_path / str(number)
        testset.write_test_maps(model, tmp_path / "stores", videos, COMPUTE, out)
        return [store_path(out, each) for each in videos]

    one, two, threads = predicted(1), predicted(2), predicted(0)
    assert [each.read_bytes() for each in one] == [each.read_bytes() for each in two]
    assert "2 processes, one thread each" in capfd.readouterr().err
    for few, many in zip(one, threads, strict=True):
        found, expected = MapStore(few), MapStore(many)
        assert len(found) == len(expected)
        np.testing.assert_allclose(
            found.maps(0, len(found)), expected.maps(0, len(found)), atol=1e-3
        )
