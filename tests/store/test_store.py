from __future__ import annotations

import multiprocessing
import os
import pickle  # noqa: TID251 - what a data loader does with a dataset
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from avrsp.errors import StoreError
from avrsp.store import blocks
from avrsp.store.blocks import Blocks
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store

T, CHUNK = 21, 4


class Content(NamedTuple):
    frames: NDArray[np.uint8]
    densities: NDArray[np.uint8]
    fixations: list[NDArray[np.int16]]
    waveform: NDArray[np.float32]


def content(seed: int = 3) -> Content:
    rng = np.random.default_rng(seed)
    return Content(
        rng.integers(0, 256, (T, 8, 12, 3), np.uint8),
        rng.integers(0, 256, (T, 10, 15), np.uint8),
        [rng.integers(0, 10, (t % 3, 2), np.int16) for t in range(T)],
        rng.uniform(-1, 1, 70_000).astype(np.float32),
    )


def attributes(used: int = T) -> StoreAttributes:
    return StoreAttributes("diem", "a_1x1", 29.9997, 44_100, 2, "ab", "cd", T + 1, used)


def write(path: Path, given: Content, used: int = T) -> VideoStore:
    write_store(
        path,
        frames=iter(given.frames),
        densities=iter(given.densities),
        fixations=given.fixations,
        waveform=given.waveform,
        attributes=attributes(used),
        chunk=CHUNK,
    )
    return VideoStore(path)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> VideoStore:
    return write(tmp_path_factory.mktemp("store") / "a.zarr.zip", content())


def test_everything_written_is_read_back(stored: VideoStore) -> None:
    given = content()
    assert len(stored) == T
    assert stored.truth_size == (10, 15)
    assert stored.attributes == attributes()
    np.testing.assert_array_equal(stored.frames(range(T)), given.frames)
    np.testing.assert_array_equal(stored.densities(0, T), given.densities)
    np.testing.assert_array_equal(stored.waveform, given.waveform)
    np.testing.assert_array_equal(stored.sound[65_000:66_000], given.waveform[65_000:66_000])
    for frame in range(T):
        np.testing.assert_array_equal(stored.density(frame), given.densities[frame])
        np.testing.assert_array_equal(stored.fixations(frame), given.fixations[frame])
    assert stored.frames([0]).dtype == stored.density(0).dtype == np.uint8
    assert stored.fixations(2).dtype == np.int16
    assert stored.waveform.dtype == np.float32


@pytest.mark.parametrize(
    "indices",
    [[0], [20], [5, 6, 7], [7, 6, 5], [0, 20, 0], [3, 3, 3], [1, 0, 1, 2], [2, 17, 9, 16]],
)
def test_frames_in_any_order_and_repeated(stored: VideoStore, indices: list[int]) -> None:
    np.testing.assert_array_equal(stored.frames(indices), content().frames[indices])


def test_only_the_chunks_of_wanted_frames_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr.zip"
    write(path, content())
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "b.zip", "w") as holed:
        for entry in whole.infolist():
            lost = entry.filename in {"frames/c/1/0/0/0", "frames/c/2/0/0/0"}
            holed.writestr(entry, b"not zstd" if lost else whole.read(entry))
    found = VideoStore(tmp_path / "b.zip").frames([1, 19, 3])
    np.testing.assert_array_equal(found, content().frames[[1, 19, 3]])


def test_silence_and_frames_nobody_looked_at(tmp_path: Path) -> None:
    nobody = [np.zeros((0, 2), np.int16)] * T
    silent = content()._replace(waveform=np.zeros(0, np.float32), fixations=nobody)
    stored = write(tmp_path / "a.zarr.zip", silent)
    assert stored.waveform.shape == (0,)
    assert stored.sound.size == 0
    assert stored.fixations(T - 1).shape == (0, 2)


def test_equal_content_makes_equal_bytes(tmp_path: Path, stored: VideoStore) -> None:
    again = write(tmp_path / "b.zarr.zip", content())
    assert again.path.read_bytes() == stored.path.read_bytes()
    assert write(tmp_path / "c.zarr.zip", content(4)).path.read_bytes() != again.path.read_bytes()


def test_unequal_counts_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    short = content()._replace(densities=content().densities[:-1])
    with pytest.raises(StoreError, match="21 frames, 20 maps, 21 lists"):
        write(tmp_path / "a.zarr.zip", short)
    with pytest.raises(StoreError, match="20 of each are to be used"):
        write(tmp_path / "a.zarr.zip", content(), used=T - 1)
    assert not list(tmp_path.iterdir())


def _sum(store: VideoStore, frame: int) -> int:
    return int(store.frames([frame]).sum()) + int(store.density(frame).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_store_opened_before_workers_start_is_read_correctly_by_them(
    stored: VideoStore, method: str
) -> None:
    expected = [_sum(stored, frame) for frame in range(T)]
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = list(pool.map(_sum, [stored] * T * 4, list(range(T)) * 4))
    assert found == expected * 4


def test_forked_children_share_no_file_position(stored: VideoStore) -> None:
    expected = [_sum(stored, frame) for frame in range(T)]
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            found = [_sum(stored, frame) for _ in range(20) for frame in range(T)]
            os._exit(0 if found == expected * 20 else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


def test_an_opened_store_can_be_pickled(stored: VideoStore) -> None:
    assert len(stored) == T
    copy = pickle.loads(pickle.dumps(stored))
    np.testing.assert_array_equal(copy.frames([4]), stored.frames([4]))


@pytest.mark.parametrize("damage", ["absent", "cut", "text", "other"])
def test_a_damaged_store_is_named_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.zarr.zip"
    if damage == "cut":
        write(path, content())
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "text":
        path.write_text("not a zip")
    elif damage == "other":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("zarr.json", '{"zarr_format": 3, "node_type": "group"}')
    with pytest.raises(StoreError, match=r"a\.zarr\.zip: not a readable store"):
        VideoStore(path).frames([0])


def test_frames_are_shown_at_their_times(tmp_path: Path, stored: VideoStore) -> None:
    np.testing.assert_array_equal(stored.times, np.arange(T) / 29.9997)
    given, uneven = content(), 7 + np.cumsum(np.linspace(0.01, 0.4, T))
    arrays: dict[str, Any] = {
        "frames": given.frames,
        "densities": given.densities,
        "fixations": given.fixations,
    }
    facts: dict[str, Any] = {"waveform": given.waveform, "attributes": attributes(), "chunk": CHUNK}
    path = tmp_path / "uneven.zarr.zip"
    write_store(path, **arrays, **facts, times=uneven)
    np.testing.assert_allclose(VideoStore(path).times, uneven - uneven[0], atol=1e-12)
    for wrong in (uneven[:-1], uneven[::-1], [*uneven[:3], np.nan, *uneven[4:]]):
        with pytest.raises(StoreError, match="expected one a frame, rising"):
            write_store(tmp_path / "wrong.zarr.zip", **arrays, **facts, times=wrong)
    assert not (tmp_path / "wrong.zarr.zip").exists()


def test_frames_that_are_not_there_are_a_defect_of_the_caller(stored: VideoStore) -> None:
    with pytest.raises(IndexError, match=r"frames: rows \[21\] of 21"):
        stored.frames([T])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("together", [1, 2, 8])
@pytest.mark.parametrize("order", [[], [20, 0, 7, 7, 1, 13], [*range(9, 2, -1)], [*range(0, T, 2)]])
def test_rows_in_any_order_take_each_block_once_and_few_at_a_time(
    stored: VideoStore,
    monkeypatch: pytest.MonkeyPatch,
    order: list[int],
    together: int,
    threads: int,
) -> None:
    decoded: list[str] = []
    decode, read = blocks.decode, Blocks._read

    def noted(codec: str, key: str, *rest: Any) -> None:
        decoded.append(key)
        decode(codec, key, *rest)

    def counted(array: Blocks, numbers: Sequence[int]) -> NDArray[Any]:
        assert len(numbers) <= together
        return read(array, numbers)

    read_by(threads, monkeypatch)
    monkeypatch.setattr(blocks, "decode", noted)
    monkeypatch.setattr(blocks, "TOGETHER", together)
    monkeypatch.setattr(Blocks, "_read", counted)
    found = stored.densities_at(order)
    np.testing.assert_array_equal(found, content().densities[np.array(order, int)])
    assert sorted(decoded) == sorted({f"density/c/{frame // CHUNK}/0/0" for frame in order})


def read_by(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks._pool.cache_clear()
    monkeypatch.setattr(blocks, "THREADS", threads)
    monkeypatch.setattr(blocks, "_one_of_several", threads == 1)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("damaged", range(6))
def test_damage_is_seen_whichever_thread_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: int, threads: int
) -> None:
    store = write(tmp_path / "a.zarr.zip", content())
    file = bytearray(store.path.read_bytes())
    with zipfile.ZipFile(store.path) as archive:
        entry = archive.getinfo(f"frames/c/{damaged}/0/0/0")
    file[entry.header_offset + 100] ^= 1
    store.path.write_bytes(file)
    read_by(threads, monkeypatch)
    for _ in range(5):
        with pytest.raises(StoreError, match=f"frames/c/{damaged}/0/0/0: its checksum"):
            store.frames(range(T))


def test_threads_are_those_that_the_job_or_the_scheduler_grants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7})
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert blocks.available_threads() == 2
    for no_number in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", no_number)
        assert blocks.available_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert blocks.available_threads() == 3
