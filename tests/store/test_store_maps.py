"""Stores of predicted maps: they come back, are written piece by piece, and are whole or absent."""

from __future__ import annotations

import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np

from avrsp.store.video_store import MAPS_CHUNK, MapStore, write_maps


def test_maps_come_back_as_float16(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).random((37, 6, 9))
    path = tmp_path / "m.zarr.zip"
    assert write_maps(path, iter(maps), chunk=16) == 37
    found = MapStore(path).maps(10, 35)
    assert len(MapStore(path)) == 37
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, maps[10:35].astype(np.float16))


def test_memory_does_not_grow_with_the_number_of_maps(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        rng = np.random.default_rng(0)
        tracemalloc.start()
        try:
            write_maps(tmp_path / "m.zarr.zip", (rng.random((128, 128)) for _ in range(count)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is imported at the first time is not counted
    assert peak(8 * MAPS_CHUNK) < 1.2 * peak(2 * MAPS_CHUNK)


KILLED = """
import itertools, sys, numpy as np
from pathlib import Path
from avrsp.store.video_store import write_maps
def maps():
    for n in itertools.count():
        if n == 40: print("going", flush=True)
        yield np.full((64, 64), n % 7)
write_maps(Path(sys.argv[1]), maps())
"""


def test_a_killed_writer_leaves_nothing_that_looks_like_a_store(tmp_path: Path) -> None:
    path = tmp_path / "m.zarr.zip"
    with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"going\n"
        writer.send_signal(signal.SIGKILL)
    assert not path.exists()
    assert write_maps(path, [np.zeros((4, 4))]) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["m.zarr.zip"]
