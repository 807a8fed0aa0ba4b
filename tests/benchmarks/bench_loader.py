"""How long training waits for data on the sample's clips and network, with two loader processes.

The stores are generated: moving noise of the sample's size, with ground truth and sound. Read by
the training process itself, all of a clip's reading is waiting; that is the baseline in the same
run. Exits with 1 where two processes leave more than 5 % of a step to wait.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from avrsp import params
from avrsp.compute import repeatable
from avrsp.models import registry
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store
from avrsp.train.clips import ClipLoader, Clips
from avrsp.train.phase import placed
from avrsp.train.sampling import EpochBatches, RandomClips
from avrsp.train.state import Recipe, Training
from avrsp.types import SOUND_RATE, InputSpec

ROOT = Path(__file__).parents[2]
VIDEOS, FRAMES, FPS = 12, 90, 25.0
TRUTH = (240, 320)
EPOCHS = 2
LIMIT = 0.05


def write_video(path: Path, spec: InputSpec, chunk: int) -> VideoStore:
    """Write a video of smooth noise that moves, with one gaze spot a frame."""
    rng = np.random.default_rng(len(path.stem))
    still = rng.integers(0, 256, (spec.height, spec.width, 3), dtype=np.uint8)
    rows, columns = np.ogrid[: TRUTH[0], : TRUTH[1]]
    gazes = [(120 + frame % 40, 80 + frame) for frame in range(FRAMES)]
    spots = [(row - rows) ** 2 + (column - columns) ** 2 for row, column in gazes]
    samples = int(FRAMES / FPS * SOUND_RATE)
    write_store(
        path,
        frames=[np.roll(still, frame, axis=1) for frame in range(FRAMES)],
        densities=[(255 * np.exp(-spot / 800)).astype(np.uint8) for spot in spots],
        fixations=[np.array([gaze]) for gaze in gazes],
        waveform=rng.uniform(-0.5, 0.5, samples).astype(np.float32),
        attributes=StoreAttributes("diem", path.stem, FPS, SOUND_RATE, 1, "", "", FRAMES, FRAMES),
        chunk=chunk,
    )
    return VideoStore(path)


def waiting(training: Training, loader: ClipLoader) -> tuple[float, float]:
    """Return seconds a step that training waits for its batch, and that it computes."""
    waits, steps = [], []
    for epoch in range(EPOCHS + 1):
        batches, begin = loader.epoch(epoch), time.perf_counter()
        for batch in batches:
            read = time.perf_counter()
            training.update([batch])
            if epoch:  # in the first one the loader's processes start
                waits.append(read - begin)
                steps.append(time.perf_counter() - read)
            begin = time.perf_counter()
    return float(np.mean(waits)), float(np.mean(steps))


def main() -> None:
    """Measure both ways of reading."""
    chosen = params.load(ROOT / "params.yaml")
    sample = chosen.presets.sample
    clip, train = sample.clip, sample.finetune
    spec = InputSpec(clip.length, clip.height, clip.width, audio=True)
    recipe = Recipe(train, chosen.optimiser, chosen.loss, chosen.seed, "float32")
    shares = {}
    with tempfile.TemporaryDirectory() as folder:
        names = (Path(folder) / f"{number}.zarr.zip" for number in range(VIDEOS))
        clips = Clips(
            [write_video(name, spec, sample.store.chunk) for name in names],
            spec,
            RandomClips(chosen.seed, train.flip),
        )
        for workers in (0, 2):
            batches = EpochBatches(VIDEOS, train.clips_per_video, train.batch, chosen.seed)
            loader = ClipLoader(clips, batches, workers=workers, pin=False)
            torch.manual_seed(0)
            model = placed(registry.build("avrsp", width=sample.encoder.width), sample.compute)
            with repeatable(torch.device("cpu")):
                wait, step = waiting(Training(model, recipe), loader)
            shares[workers] = wait / (wait + step)
            sys.stdout.write(
                f"loader processes: {workers}; {train.batch} clips a step, {1e3 * wait:.0f} ms of "
                f"waiting and {1e3 * step:.0f} ms of computing: {shares[workers]:.1%} waiting\n"
            )
    sys.stdout.write(f"at most {LIMIT:.0%} with two loader processes\n")
    sys.exit(shares[2] > LIMIT)


if __name__ == "__main__":
    main()
