"""Converting a 720p H.264 video to a store against ffmpeg alone, and the memory that it takes.

ffmpeg alone decodes the same file and scales it to raw frames of the same size, with the options
that it has by default; a conversion reads it, compresses, and writes the store with small ground
truth and no sound, which are read from other files. The best of some rounds counts, in turn. The
peak memory is that of processes which convert a short and a long video. A video named as argument
is used instead of a picture that ffmpeg generates. Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from avrsp.media import decode
from avrsp.store.video_store import StoreAttributes, write_store

HEIGHT, WIDTH, CHUNK = 224, 384, 8
ROUNDS, FRAMES, LONGER = 3, 300, 4
LEAST_RATIO, MOST_MEMORY = 0.6, 600.0
PICTURE = "testsrc2=size=1280x720:rate=30"
MEMORY = """
import resource, sys
from pathlib import Path
from tests.benchmarks.bench_convert import convert
convert(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
both = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
print(sum(resource.getrusage(each).ru_maxrss for each in both) / 1024)
"""


def made(folder: Path, frames: int) -> Path:
    """Generate a video of some frames."""
    path = folder / f"generated{frames}.mp4"
    source = ["-f", "lavfi", "-i", PICTURE, "-frames:v", str(frames)]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *codec, path], check=True)
    return path


def alone(video: Path) -> None:
    """Decode and scale with ffmpeg."""
    scaled = ["-an", "-vf", f"scale={WIDTH}:{HEIGHT}", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(video), *scaled, "/dev/null"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def convert(video: Path, count: int, store: Path) -> None:
    """Write the store of a video."""
    truth = np.zeros((2, 2), np.uint8)
    write_store(
        store,
        frames=decode.read_frames(video, height=HEIGHT, width=WIDTH),
        densities=(truth for _ in range(count)),
        fixations=[np.zeros((0, 2), np.int16)] * count,
        waveform=np.zeros(0, np.float32),
        attributes=StoreAttributes("dhf1k", "a", 30.0, None, None, "", "", count, count),
        chunk=CHUNK,
    )


def seconds(work: Callable[[], None]) -> float:
    """Return how long `work` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def memory(video: Path, count: int, store: Path) -> float:
    """Return the megabytes that a process and its ffmpeg need at most to convert a video."""
    command = [sys.executable, "-c", MEMORY, str(video), str(count), str(store)]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


def main() -> None:
    """Measure and compare with the bars."""
    out = sys.stdout.write
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = [Path(each).absolute() for each in sys.argv[1:]]
        short = given[0] if given else made(folder, FRAMES)
        count, store = len(decode.frame_times(short)), folder / "a.zarr.zip"
        works = lambda: alone(short), lambda: convert(short, count, store)
        bare, ours = (min(each) for each in zip(*_rounds(works), strict=True))
        long = made(folder, LONGER * FRAMES)
        peaks = memory(short, count, store), memory(long, LONGER * FRAMES, store)
    out(f"{short.name}, {count} frames: ffmpeg alone {count / bare:.0f} frames/s, converted ")
    out(f"{count / ours:.0f} frames/s, {bare / ours:.2f} times as many (at least {LEAST_RATIO})\n")
    out(f"memory {peaks[0]:.0f} MB; with {LONGER * FRAMES} frames {peaks[1]:.0f} MB ")
    out(f"(at most {MOST_MEMORY:.0f})\n")
    raise SystemExit(bare / ours < LEAST_RATIO or max(peaks) > MOST_MEMORY)


def _rounds(works: tuple[Callable[[], None], ...]) -> list[list[float]]:
    return [[seconds(work) for work in works] for _ in range(ROUNDS)]


if __name__ == "__main__":
    main()
