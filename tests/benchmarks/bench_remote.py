"""How long training waits for clips from S3 and a local disk, without and with 20 ms of latency.

Each clip of the first epoch is of a video of which nothing is kept yet; the second epoch reads the
same videos again. A proxy delays each answer. What a run keeps is removed before the next one.
From the folder above: PYTHONPATH=. python tests/benchmarks/bench_remote.py
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import mean

import numpy as np

from avrsp.store import remote
from avrsp.store.members import entries_digest
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store
from avrsp.train.clips import ClipLoader, Clips
from avrsp.train.sampling import EpochBatches, RandomClips
from avrsp.types import InputSpec
from tests.cluster import s3

SPEC = InputSpec(length=32, height=224, width=384, audio=True)
VIDEOS, FRAMES, BATCH = 60, 40, 4
STEP = 1.5
"""Seconds for which a GPU would be busy with a batch; the processor is free meanwhile."""
MILLISECONDS, WORKERS = (0, 20), (0, 2)
AHEAD = 2 * max(WORKERS)
"""Batches that loader processes read while they start, which say nothing of later ones."""
AGAIN = 6
"""Steps of the second epoch."""


def write(folder: Path) -> list[Path]:
    """Write videos of a moving pattern, about as hard to compress as real ones."""
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 256, (48, 64, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    found = []
    for number in range(VIDEOS):
        frames = [
            np.roll(scene, (2 * t, 3 * t), (0, 1))[: SPEC.height, : SPEC.width]
            for t in range(FRAMES)
        ]
        grain = rng.integers(0, 6, (FRAMES, SPEC.height, SPEC.width, 3), dtype=np.uint8)
        path = folder / f"{number}.zarr.zip"
        write_store(
            path,
            frames=[np.minimum(frame, 249) + own for frame, own in zip(frames, grain, strict=True)],
            densities=[frame[..., 0] for frame in frames],
            fixations=[np.zeros((0, 2), np.int16)] * FRAMES,
            waveform=rng.uniform(-0.5, 0.5, 22_050 * FRAMES // 25).astype(np.float32),
            attributes=StoreAttributes(
                "diem", str(number), 25.0, 22_050, 1, "", "", FRAMES, FRAMES
            ),
            chunk=8,
        )
        found.append(path)
    return found


def waits(paths: list[Path], workers: int) -> tuple[float, float, float]:
    """Return how long training waits for the first batch, then for one of each of two epochs.

    In seconds; the epochs' means leave out the steps that `AHEAD` counts.
    """
    clips = Clips([VideoStore(path) for path in paths], SPEC, RandomClips(1, flip=False))
    loader = ClipLoader(clips, EpochBatches(VIDEOS, 1, BATCH, 1), workers=workers, pin=False)
    found = []
    for epoch, steps in enumerate((len(loader), AHEAD + AGAIN)):
        waited, end = [], time.monotonic()
        for batch in islice(loader.epoch(epoch), steps):
            waited.append(time.monotonic() - end)
            assert not batch.faults, batch.faults
            time.sleep(STEP)
            end = time.monotonic()
        found.append(waited)
    first, second = found
    return first[0], mean(first[1 + AHEAD :]), mean(second[AHEAD:])


def say(line: str) -> None:
    """Write a line of the table."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def row(place: str, workers: int, waited: tuple[float, float, float]) -> str:
    """Return a line of the table; what a GPU could train on at most is `BATCH` / `STEP`."""
    start, first, second = waited
    speeds = (f"{1000 * each:.0f} ms, {BATCH / (STEP + each):.2f}" for each in (first, second))
    return f"| {place} | {workers} | {start:.1f} s | {' | '.join(speeds)} |"


def main() -> None:
    """Print a table."""
    with (
        tempfile.TemporaryDirectory() as name,
        s3.running(Path(name)) as server,
        s3.faulty(server) as (proxy, faults),
    ):
        top = Path(name)
        os.environ.update({**proxy.variables, "AVRSP_CACHE": str(top / "kept")})
        near = write(top / "near")
        (top / "far").mkdir()
        far = [Path(shutil.copy(path, top / "far" / path.name)) for path in near]
        for path in far:
            remote.send(path, f"s3://{s3.BUCKET}/{path.name}", entries_digest(path))
        say("| | loader processes | first batch | wait and clips/s, first epoch | second epoch |")
        say("|---|---|---|---|---|")
        for workers in WORKERS:
            say(row("local disk", workers, waits(near, workers)))
        for milliseconds in MILLISECONDS:
            faults.seconds = milliseconds / 1000
            for workers in WORKERS:
                shutil.rmtree(top / "kept", ignore_errors=True)
                say(row(f"S3, {milliseconds} ms", workers, waits(far, workers)))


if __name__ == "__main__":
    main()
