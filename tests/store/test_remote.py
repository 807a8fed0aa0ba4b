"""Stores in object storage read as local ones do; what was read is kept, and never trusted."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from avrsp import files
from avrsp.errors import ParamsError, RemoteError, StoreError
from avrsp.store import block_cache, remote
from avrsp.store.manifest import (
    DatasetEntry,
    Manifest,
    Verdict,
    check_stores,
    link_stores,
    store_path,
)
from avrsp.store.members import entries_digest
from avrsp.store.video_store import VideoStore
from tests.train import small

obstore = pytest.importorskip("obstore")
PLACE = "s3://bucket/lab/stores"
FRAMES = [0, 3, 5, 11]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of a bucket."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    monkeypatch.setattr(remote, "_client", lambda *_: obstore.store.LocalStore(folder))
    monkeypatch.setenv("AVRSP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AVRSP_CACHE_GB", raising=False)
    monkeypatch.setattr(block_cache, "_unseen", None)
    return folder


def sent(folder: Path) -> tuple[Path, Path]:
    """Write a store twice, and send the second one; return both."""
    here, far = (
        small.write_video(folder / "here", "a", 1),
        small.write_video(folder / "far", "a", 1),
    )
    remote.send(far, f"{PLACE}/diem/a.zarr.zip", entries_digest(far))
    return here, far


def same(first: VideoStore, second: VideoStore) -> bool:
    return (
        first.attributes == second.attributes
        and np.array_equal(first.frames(FRAMES), second.frames(FRAMES))
        and np.array_equal(first.densities(0, len(first)), second.densities(0, len(second)))
        and np.array_equal(first.waveform, second.waveform)
        and np.array_equal(first.times, second.times)
    )


def test_a_remote_store_reads_as_the_local_one_does(tmp_path: Path, bucket: Path) -> None:
    here, far = sent(tmp_path)
    assert far.stat().st_size < 500
    assert (bucket / "lab/stores/diem/a.zarr.zip").read_bytes() == here.read_bytes()
    assert entries_digest(far) == entries_digest(here)
    assert same(VideoStore(here), VideoStore(far))


def test_what_was_read_is_kept(tmp_path: Path, bucket: Path) -> None:
    here, far = sent(tmp_path)
    VideoStore(far).frames(FRAMES)
    shutil.rmtree(bucket)
    assert np.array_equal(VideoStore(far).frames(FRAMES), VideoStore(here).frames(FRAMES))
    with pytest.raises((StoreError, RemoteError)):
        _ = VideoStore(far).waveform


def test_a_damaged_piece_is_read_again(tmp_path: Path, bucket: Path) -> None:
    here, far = sent(tmp_path)
    assert same(VideoStore(here), VideoStore(far))
    pieces = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    for path in pieces:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert same(VideoStore(here), VideoStore(far))


def test_another_store_in_its_place_is_refused(tmp_path: Path, bucket: Path) -> None:
    _, far = sent(tmp_path)
    other = small.write_video(tmp_path / "other", "a", 2)
    content = other.read_bytes()
    place = bucket / "lab/stores/diem/a.zarr.zip"
    place.write_bytes(content.ljust(place.stat().st_size, b"\0")[: place.stat().st_size])
    with pytest.raises(StoreError):
        len(VideoStore(far))


def test_a_store_that_is_gone_is_named(tmp_path: Path, bucket: Path) -> None:
    _, far = sent(tmp_path)
    (bucket / "lab/stores/diem/a.zarr.zip").unlink()
    with pytest.raises(StoreError, match=r"s3://bucket/lab/stores/diem/a\.zarr\.zip"):
        len(VideoStore(far))


def test_the_folder_keeps_no_more_than_it_may(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVRSP_CACHE_GB", "0.00001")
    others = tmp_path / "cache" / "references" / "kept.npz"
    others.parent.mkdir(parents=True)
    others.write_bytes(b"y" * 20_000)
    for number in range(30):
        assert block_cache.kept(f"store/{number}", lambda: b"x" * 1000) == b"x" * 1000
    names = sorted(int(path.name) for path in (tmp_path / "cache/stores/store").iterdir())
    assert len(names) <= 10
    assert names[-1] == 29  # what was used last stays
    assert others.exists()


def test_a_folder_that_cannot_be_written_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AVRSP_CACHE", str(tmp_path / "file"))
    assert block_cache.kept("store/1", lambda: b"found") == b"found"


def test_without_the_extra_it_is_said_how_to_install_it(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, far = sent(tmp_path)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StoreError, match=r"pip install 'avrsp\[s3\]'"):
        len(VideoStore(far))


def test_a_wrong_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVRSP_CACHE_GB", "much")
    with pytest.raises(ParamsError, match="AVRSP_CACHE_GB: found 'much'"):
        block_cache.limit()


def verdict(path: Path) -> Verdict:
    return Verdict(
        dataset="diem", video="a", kept=True, reason=None, notes=[], frames=small.COUNT, fps=25.0,
        height=64, width=128, has_sound=True, digest=files.sha256(path),
        entries=entries_digest(path), roles={"1": "train"},
    )  # fmt: skip


def test_a_clone_with_the_manifest_alone_reads_the_stores(tmp_path: Path, bucket: Path) -> None:
    here, _ = sent(tmp_path)
    known = verdict(here)
    entry = DatasetEntry(present=True, reason=None, videos=[known])
    manifest = Manifest(preset="sample", datasets={"diem": entry})
    clone = tmp_path / "clone"
    link_stores(manifest, clone, PLACE)
    check_stores(manifest, clone)
    assert same(VideoStore(here), VideoStore(store_path(clone, known)))
    (bucket / "lab/stores/diem/a.zarr.zip").unlink()
    with pytest.raises(StoreError, match="not there"):
        link_stores(manifest, clone, PLACE)


def test_a_file_that_is_no_pointer_is_none(tmp_path: Path) -> None:
    for content in (
        b"",
        b"PK",
        b"{",
        b'{"kind": "other"}',
        b"{}",
        b'{"kind": "avrsp remote store"}',
    ):
        (tmp_path / "a").write_bytes(content)
        assert remote.pointer(tmp_path / "a") is None
