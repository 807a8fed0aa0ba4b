"""Random clips from a store against the usual loader, and against numcodecs alone; sizes.

The usual loader opens, decodes and resizes the 32 JPEG files of 640 x 480 that a clip needs, with
PIL; a clip from the store comes with its sound and its target. numcodecs alone reads and
decompresses the same chunks of frames, density and sound, with as many threads: one, as a loader's
workers do, and all. All read from the page cache, in turns, and the median ratio over random clips
counts. Frames are those of the videos named as arguments; without any, of a picture that ffmpeg
generates, and then the size is not judged. Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TypeAlias
from unittest import mock
from zipfile import ZipFile

import numpy as np
from numcodecs import Blosc, Zstd
from numpy.typing import NDArray
from PIL import Image

from avrsp.media import decode
from avrsp.models.windows import ending_at, excerpt, extent
from avrsp.store import blocks
from avrsp.store.video_store import SOUND_CHUNK, StoreAttributes, VideoStore, write_store
from avrsp.types import SOUND_RATE

HEIGHT, WIDTH, LENGTH, SAMPLES, CHUNK = 224, 384, 32, 70_560, 8
MOST, CLIPS, SIGMA = 160, 40, 30.0
TRUTH = 480, 640
LEAST_RATIO, TARGET_RATIO, MOST_OVERHEAD, MOST_SIZE = 10.0, 14.0, 1.3, 0.65
PICTURE = "testsrc2=size=1280x720:rate=30"
RATE = 25.0
Each: TypeAlias = Callable[[Callable[[bytes], object], Iterable[bytes]], Iterable[object]]


def made(folder: Path) -> Path:
    """Generate a video."""
    path = folder / "generated.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", PICTURE, "-frames:v", str(MOST)]
    subprocess.run([*command, "-pix_fmt", "yuv420p", path], check=True)
    return path


def decoded(video: Path) -> NDArray[np.uint8]:
    """Return the first frames at network size."""
    frames = decode.read_frames(video, height=HEIGHT, width=WIDTH)
    return np.stack([frame for _, frame in zip(range(MOST), frames, strict=False)])


def stored(folder: Path, frames: NDArray[np.uint8]) -> Path:
    """Write the store of a video whose truth wanders, and its frames as the mirror has them."""
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[: TRUTH[0], : TRUTH[1]]
    count = len(frames)
    densities = (
        255 * np.exp(-((rows - 240 + t % 99) ** 2 + (columns - 320 + t) ** 2) / (2 * SIGMA**2))
        for t in range(count)
    )
    path = folder / "video.zarr.zip"
    write_store(
        path,
        frames=frames,
        densities=(each.astype(np.uint8) for each in densities),
        fixations=[rng.integers(0, TRUTH[0], (20, 2)) for _ in range(count)],
        waveform=rng.normal(0, 0.1, int(count / RATE * SOUND_RATE)).astype(np.float32),
        attributes=StoreAttributes("diem", "a", RATE, 44_100, 2, "", "", count, count),
        chunk=CHUNK,
    )
    for number, frame in enumerate(frames):
        image = Image.fromarray(frame).resize(TRUTH[::-1])
        image.save(folder / f"img_{number:05d}.jpg", quality=90)
    return path


def loader(folder: Path, window: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Read a clip from JPEG files."""
    clip = []
    for frame in window:
        with Image.open(folder / f"img_{frame:05d}.jpg") as image:
            clip.append(np.asarray(image.convert("RGB").resize((WIDTH, HEIGHT))))
    return np.stack(clip)


def ours(store: VideoStore, window: NDArray[np.int64]) -> object:
    """Read a clip with its sound and target from the store."""
    sound = excerpt(store.sound, window / RATE, RATE, SAMPLES)
    return store.frames(window), sound, store.density(int(window[-1]))


def alone(archive: ZipFile, each: Each, window: NDArray[np.int64]) -> object:
    """Read and decompress the chunks that such a clip needs."""
    first, last = int(window[0]) // CHUNK, int(window[-1]) // CHUNK
    start, stop = (sample // SOUND_CHUNK for sample in extent(window / RATE, RATE))
    pixels = [f"frames/c/{k}/0/0/0" for k in range(first, last + 1)]
    content = [archive.read(key) for key in (*pixels, f"density/c/{last}/0/0")]
    sound = [archive.read(f"waveform/c/{k}") for k in range(start, stop + 1)]
    return [*each(Zstd().decode, content), *map(Blosc().decode, sound)]


def spent(work: Callable[[NDArray[np.int64]], object], window: NDArray[np.int64]) -> float:
    """Return the seconds that the quicker of two readings takes."""
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        work(window)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def measured(path: Path, folder: Path, count: int, threads: int) -> tuple[float, float]:
    """Return how many times as fast as the loader a clip is, and to numcodecs' time."""
    rng, store = np.random.default_rng(1), VideoStore(path)
    windows = [ending_at(int(t), LENGTH, count) for t in rng.integers(LENGTH, count, CLIPS)]
    with ThreadPoolExecutor(threads) as pool, ZipFile(path) as archive:
        each = map if threads == 1 else pool.map
        works = (
            lambda window: loader(folder, window),
            lambda window: ours(store, window),
            lambda window: alone(archive, each, window),
        )
        seconds = [[spent(work, window) for work in works] for window in windows]
    return (
        median(usual / clip for usual, clip, _ in seconds),
        median(clip / bare for _, clip, bare in seconds),
    )


def judged(video: Path | None, folder: Path) -> tuple[bool, float]:
    """Print what a video's store gives; return whether it is fast enough, and its size."""
    name = video.name if video else "generated"
    frames = decoded(video or made(folder))
    if len(frames) <= LENGTH:
        raise SystemExit(f"{name}: {len(frames)} frames; give a video of more than {LENGTH}")
    path = stored(folder, frames)
    size = path.stat().st_size / frames.nbytes
    sys.stdout.write(f"{name}: store {size:.2f} of raw frames\n")
    good = True
    for threads in sorted({1, blocks.THREADS}):
        with mock.patch.object(blocks, "_one_of_several", threads == 1):
            ratio, overhead = measured(path, folder, len(frames), threads)
        good &= ratio >= LEAST_RATIO and overhead <= MOST_OVERHEAD
        sys.stdout.write(
            f"  threads {threads}: a clip {ratio:.1f} times as fast as 32 JPEG files, "
        )
        sys.stdout.write(f"{overhead:.2f} times numcodecs alone\n")
    return good, size


def main() -> None:
    """Measure each video and compare with the bars."""
    videos: list[Path | None] = [Path(each) for each in sys.argv[1:]]
    good, sizes = True, []
    for video in videos or [None]:
        with tempfile.TemporaryDirectory() as folder:
            fast, size = judged(video, Path(folder))
        good &= fast
        sizes.append(size)
    sys.stdout.write(f"at least {LEAST_RATIO:.0f} times (target {TARGET_RATIO:.0f}), at most ")
    sys.stdout.write(f"{MOST_OVERHEAD} times numcodecs; on natural video at most {MOST_SIZE}: ")
    sys.stdout.write(f"{np.mean(sizes):.2f}\n")
    too_large = bool(videos) and float(np.mean(sizes)) > MOST_SIZE
    raise SystemExit(not good or too_large)


if __name__ == "__main__":
    main()
