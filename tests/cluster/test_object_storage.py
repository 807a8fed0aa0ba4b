"""Stores on a real S3 server: converted, trained on and scored there, whatever the server does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avrsp.errors import RemoteError, one_line
from avrsp.store import block_cache, remote
from avrsp.store.members import entries_digest
from avrsp.store.video_store import VideoStore
from tests.cluster import s3
from tests.cluster.conftest import choose_motion, ran
from tests.pipeline.conftest import TINY_SAMPLE, TINY_WORLD, cloned, shrink
from tests.train import small

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STAGE = "evaluate@v-1"
PLACE = f"s3://{s3.BUCKET}/stores"
MANIFEST = "data/store/sample/manifest.json"
SCORES = "data/scores/v-split1.parquet"
FRAMES = [0, 5, 11]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Server]:
    s3.skip_without()
    with s3.running(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def at(
    server: s3.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, s3.Faults]]:
    """A store on a server that fails as it is told; nothing of it is kept here."""
    with s3.faulty(server) as (proxy, faults):
        for name, value in proxy.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AVRSP_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(block_cache, "_unseen", None)
        remote._client.cache_clear()
        path = small.write_video(tmp_path, "a", 1)
        remote.send(path, f"{PLACE}/faulty/a.zarr.zip", entries_digest(path))
        yield path, faults
    remote._client.cache_clear()


def test_busy_answers_and_cut_connections_are_repeated(at: tuple[Path, s3.Faults]) -> None:
    path, faults = at
    expected = VideoStore(small.write_video(path.parent / "here", "a", 1))
    faults.busy = 3
    assert np.array_equal(VideoStore(path).frames(FRAMES), expected.frames(FRAMES))
    assert faults.busy == 0
    faults.cut = 2
    assert np.array_equal(VideoStore(path).waveform, expected.waveform)
    assert faults.cut == 0


def test_a_server_that_stays_busy_is_one_line(
    at: tuple[Path, s3.Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, faults = at
    monkeypatch.setattr(remote, "RETRIES", 2)
    remote._client.cache_clear()
    faults.busy = 10**6
    with pytest.raises(RemoteError) as caught:
        VideoStore(path).frames(FRAMES)
    said = one_line(caught.value)
    assert said
    assert said.startswith(f"{PLACE}/faulty/a.zarr.zip: the object storage fails (")
    assert "503" in said
    assert "secret" not in said


def test_the_chain_ends_in_the_same_scores(server: s3.Server, tmp_path: Path) -> None:
    """Locally first; then the same stores are sent, not made again, and nothing else repeats."""
    clone = cloned(tmp_path / "clone")
    choose_motion(clone)
    shrink(clone, world=TINY_WORLD, sample=TINY_SAMPLE)
    ran(clone, "dvc", "repro", STAGE)
    manifest, scores = ((clone / name).read_bytes() for name in (MANIFEST, SCORES))
    params = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(params.replace("stores: null", f"stores: {PLACE}", 1))
    given = {**server.variables, "AVRSP_CACHE": str(tmp_path / "cache")}
    said = ran(clone, "dvc", "repro", STAGE, **given)
    assert "Running stage 'preprocess'" in said
    assert "Running stage 'pretrain'" not in said
    assert (clone / MANIFEST).read_bytes() == manifest
    stores = [*(clone / "data/store").rglob("*.zarr.zip")]
    assert stores
    assert all(remote.pointer(path) for path in stores)
    for path in stores:  # what a clone with the manifest alone begins with
        path.unlink()
    ran(clone, "dvc", "repro", "--single-item", "--force", "pretrain", **given)
    ran(clone, "dvc", "repro", "--single-item", "--force", "finetune-v@1", **given)
    ran(clone, "dvc", "repro", "--single-item", "--force", "predict@v-1", **given)
    ran(clone, "dvc", "repro", "--single-item", "--force", STAGE, **given)
    assert (clone / SCORES).read_bytes() == scores
    assert sum(each.stat().st_size for each in (tmp_path / "cache").rglob("*") if each.is_file())
    assert os.environ.get("AVRSP_CACHE") != str(tmp_path / "cache")
