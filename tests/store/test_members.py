"""A store whose list of entries is damaged is refused, whichever bit it is."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from avrsp.errors import StoreError
from avrsp.store.members import entries_digest
from avrsp.store.video_store import MapStore, StoreAttributes, VideoStore, write_maps, write_store

COUNT = 5


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A store whose last frames, maps and sound are all zeros."""
    path = tmp_path / "a.zarr.zip"
    rng = np.random.default_rng(3)
    pictures = rng.integers(1, 256, (COUNT, 8, 8, 3), dtype=np.uint8)
    pictures[4:] = 0
    write_store(
        path,
        frames=pictures,
        densities=pictures[..., 0],
        fixations=[np.array([[1, 2]], np.int16)] * COUNT,
        waveform=np.zeros(1_000, np.float32),
        attributes=StoreAttributes("avad", "a", 25.0, 22_050, 1, "", "", COUNT, COUNT),
        chunk=2,
    )
    return path


def content(path: Path) -> tuple[bytes, ...]:
    store = VideoStore(path)
    points = [store.fixations(frame) for frame in range(COUNT)]
    return (
        store.frames(range(len(store))).tobytes(),
        store.densities(0, COUNT).tobytes(),
        np.concatenate(points).tobytes(),
        store.waveform.tobytes(),
        repr(store.attributes).encode(),
    )


def flipped(path: Path, bit: int) -> Path:
    changed = bytearray(path.read_bytes())
    changed[bit // 8] ^= 1 << bit % 8
    other = path.with_name("flipped.zarr.zip")
    other.unlink(missing_ok=True)
    other.write_bytes(changed)
    return other


def directory(path: Path) -> range:
    """The bits of the zip's central directory and of what follows it."""
    with zipfile.ZipFile(path) as archive:
        return range(8 * archive.start_dir, 8 * path.stat().st_size)


def refused_or_equal(path: Path, bits: range) -> int:
    """Flip each bit; return how many times the store was refused, never having read otherwise."""
    expected, refused = content(path), 0
    for bit in bits:
        damaged = flipped(path, bit)
        assert entries_digest(damaged) != entries_digest(path)
        try:
            found = content(damaged)
        except StoreError:
            refused += 1
        else:
            assert found == expected, f"bit {bit}"
    return refused


def test_flips_in_the_list_of_entries_never_change_what_is_read(whole: Path) -> None:
    bits = directory(whole)
    assert refused_or_equal(whole, bits[:: len(bits) // 150]) > 50


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_flip_in_the_list_of_entries_changes_what_is_read(whole: Path) -> None:
    assert refused_or_equal(whole, directory(whole)) > 5_000


@pytest.mark.parametrize("lost", ["frames/c/2/0/0/0", "density/c/0/0/0", "waveform/c/0"])
def test_a_store_without_one_of_its_blocks_is_refused(whole: Path, lost: str) -> None:
    other = whole.with_name("other.zarr.zip")
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(other, "w") as changed:
        names = archive.namelist()
        assert lost in names
        for name in names:
            if name != lost:
                changed.writestr(name, archive.read(name))
    with pytest.raises(StoreError, match=f"1 missing, the first is {lost}"):
        VideoStore(other).frames([0])


def test_predicted_maps_of_zeros_are_written_and_their_loss_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "maps.zarr.zip"
    write_maps(path, [np.zeros((4, 4), np.float32)] * 3)
    assert not MapStore(path).maps(0, 3).any()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "cut.zip", "w") as cut:
        for name in archive.namelist():
            if not name.startswith("maps/c/"):
                cut.writestr(name, archive.read(name))
    with pytest.raises(StoreError, match="missing"):
        MapStore(tmp_path / "cut.zip").maps(0, 3)


def test_stores_differ_in_the_digest_of_their_entries(whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.zarr.zip"
    shutil.copy(whole, copy)
    assert entries_digest(copy) == entries_digest(whole)
    write_maps(tmp_path / "maps.zip", [np.zeros((4, 4), np.float32)])
    assert entries_digest(tmp_path / "maps.zip") != entries_digest(whole)
    whole.write_bytes(whole.read_bytes()[:-30])
    assert entries_digest(whole) == ""
    with pytest.raises(FileNotFoundError):
        entries_digest(tmp_path / "gone.zip")
