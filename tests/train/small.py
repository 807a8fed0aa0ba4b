"""A training small enough for a test: videos of a moving square, a tiny network, one recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avrsp.models import registry
from avrsp.params import LossParams, OptimiserParams, TrainParams
from avrsp.store.video_store import StoreAttributes, VideoStore, write_store
from avrsp.train.clips import Batch, ClipLoader, Clips
from avrsp.train.loop import Loaders, Log, train
from avrsp.train.ranks import ALONE, Ranks
from avrsp.train.sampling import WHOLE, EpochBatches, EvenClips, Part, RandomClips
from avrsp.train.state import Recipe, Row
from avrsp.types import Clip, InputSpec, Sample

SPEC = InputSpec(length=8, height=32, width=64, audio=True)
COUNT = 12
VIDEOS = 4


def write_video(folder: Path, name: str, seed: int) -> Path:
    """Write a video in which a bright square moves, and people look at it."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 80, (COUNT, 32, 64, 3), dtype=np.uint8)
    densities = np.zeros((COUNT, 64, 128), np.uint8)
    row, column = rng.integers(4, 20), rng.integers(4, 50)
    for frame in range(COUNT):
        noise[frame, row : row + 6, column + frame // 2 : column + frame // 2 + 6] = 255
        top, left = 2 * row, 2 * (column + frame // 2)
        densities[frame, top : top + 12, left : left + 12] = 255
    path = folder / f"{name}.zarr.zip"
    write_store(
        path,
        frames=noise,
        densities=densities,
        fixations=[np.zeros((0, 2), np.int16)] * COUNT,
        waveform=rng.uniform(-0.5, 0.5, 882 * COUNT).astype(np.float32),
        attributes=StoreAttributes("diem", name, 25.0, 22_050, 1, "", "", COUNT, COUNT),
        chunk=4,
    )
    return path


def write_videos(folder: Path) -> None:
    """Write what `loaders` reads."""
    for number in range(VIDEOS):
        write_video(folder, f"video{number}", number)


def recipe(*, epochs: int = 2) -> Recipe:
    """Return a schedule of three updates an epoch."""
    return Recipe(
        train=TrainParams(
            epochs=epochs,
            clips_per_video=2,
            validation_clips=2,
            batch=2,
            accumulate=1,
            lr=3e-3,
            decay="plateau",
            flip=True,
        ),
        optimiser=OptimiserParams(weight_decay=1e-5, factor=0.5, patience=0),
        loss=LossParams(kl=1.0, cc=-0.1, sim=-0.1),
        seed=7,
        precision="float32",
    )


def loaders(folder: Path, chosen: Recipe, part: Part = WHOLE) -> Loaders:
    """Learn from all videos but the last one, which judges."""
    stores = [VideoStore(path) for path in sorted(folder.glob("*.zarr.zip"))]
    clips, batch = chosen.train.clips_per_video, chosen.train.batch
    learnt = Clips(stores[:-1], SPEC, RandomClips(chosen.seed, chosen.train.flip))
    judged = Clips(stores[-1:], SPEC, EvenClips(clips))
    batches = EpochBatches(len(stores) - 1, clips, batch, chosen.seed, part)
    return Loaders(
        ClipLoader(learnt, batches, workers=0, pin=False),
        ClipLoader(judged, EpochBatches(1, clips, batch, None, part), workers=0, pin=False),
    )


def network(*, audio: bool = True) -> nn.Module:
    """Return always the same tiny network."""
    torch.manual_seed(0)
    return registry.build("avrsp", audio=audio, width=0.0625)


class Frozen(nn.Module):
    """That network with the statistics of its batch normalisation as they are at the start.

    SoundNet's are one batch's: without any, its features grow to 10^4, and rounding with them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = network()
        hearing = self.network.get_submodule("listen.soundnet")
        for part in hearing.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.momentum = 1.0
        with torch.no_grad():
            hearing(batch_of(4, 0).sample.clip.waveform)

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm3d):
                part.eval()
        return self

    def forward(self, *clip: Tensor) -> Tensor:
        maps: Tensor = self.network(*clip)
        return maps


class Plain(nn.Module):
    """One convolution: enough to be trained, and without batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv3d(3, 1, 3, padding=1)

    def forward(self, frames: Tensor, *_: Tensor) -> Tensor:
        maps: Tensor = self.conv(frames / 128 - 1)
        return torch.sigmoid(maps[:, 0].mean(1))


def batch_of(count: int, seed: int, part: Part = WHOLE) -> Batch:
    """Return a process's part of a batch of noise, as a loader would cut it."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, SPEC.length, SPEC.height, SPEC.width)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    sound = torch.rand(count, 1, SPEC.samples, generator=generator) - 0.5
    density = torch.rand(count, SPEC.height, SPEC.width, generator=generator)
    own = [*range(count)][part.rank :: part.ranks]
    read = own or [0]  # a spare one
    clip = Clip(frames[read], sound[read], torch.ones(len(read), dtype=torch.bool))
    truth = density[read]
    return Batch(Sample(clip, truth, truth > 0.9), [f"clip{number}" for number in own], [])


def trained(
    model: nn.Module, folder: Path, states: Path, chosen: Recipe, ranks: Ranks = ALONE
) -> tuple[nn.Module, list[Row]]:
    """Train `model` on the videos in `folder`."""
    log = Log("test", states, lambda *_: None)
    at = train(model, loaders(folder, chosen, ranks.part), chosen, log, ranks)
    return model, at.history
