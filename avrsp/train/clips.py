"""From stores to the batches that a network is trained on.

A clip is the window that ends at its target frame, as `windows.ending_at` has it. Any frame may be
the target: the first ones of a video are learnt from windows that run backwards, because that is
what prediction shows the network there.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from avrsp.errors import StoreError, one_line
from avrsp.models.windows import ending_at, excerpt
from avrsp.store.ground_truth import is_empty
from avrsp.store.video_store import VideoStore
from avrsp.train.sampling import Choice, Draw, EpochBatches
from avrsp.types import IMAGENET_MEAN, IMAGENET_STD, Clip, InputSpec, Sample


FaultKind = Literal["no target", "damaged", "machine"]
"""A video whose drawn frames nobody looked at; a store that cannot be read; a fault of this
computer, such as too many open files, which says nothing about the store."""


class Fault(NamedTuple):
    """A clip that could not be read: where, why, and whose fault it is."""

    video: str
    reason: str
    kind: FaultKind


class Item(NamedTuple):
    """One readable clip: network input without the batch axis, target, and its name.

    The name of a clip that counts for nothing is empty.
    """

    clip: Clip
    density: Tensor
    name: str


class Batch(NamedTuple):
    """The clips of a batch that could be read, and those that could not.

    Attributes:
        sample: The clips. Without names it holds one, a spare or a blank one: a network that
            several processes train needs a clip in each of them.
        names: Which clips count, in the order of `sample`.
        faults: What could not be read.
    """

    sample: Sample
    names: list[str]
    faults: list[Fault]


def normalised(frames: NDArray[np.uint8]) -> Tensor:
    """Return N x H x W x 3 RGB frames as 3 x N x H x W float with ImageNet's scale (D13)."""
    channels = torch.from_numpy(frames).permute(3, 0, 1, 2)  # n h w c -> c n h w
    mean = 255 * torch.tensor(IMAGENET_MEAN).view(3, 1, 1, 1)
    deviation = 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1, 1)
    return channels.sub(mean).div_(deviation).contiguous()


def read_window(source: VideoStore, frame: int, spec: InputSpec) -> tuple[Tensor, Tensor, bool]:
    """Read the window that ends at `frame` with its sound.

    Returns:
        3 x T x H x W normalised frames, 1 x S sound, and whether the video has a sound track.
        For a model that does not listen the sound is zeros and the last is False.

    Raises:
        StoreError: The store's frames are not of the size that the model was built for.
    """
    window = ending_at(frame, spec.length, len(source))
    frames = source.frames(window)
    if frames.shape[1:3] != (spec.height, spec.width):
        raise StoreError(
            f"{source.attributes.video}: frames are {frames.shape[1]} x {frames.shape[2]}, the "
            f"network takes {spec.height} x {spec.width}; run: snakemake --cores all preprocess"
        )
    if not spec.audio or source.sound.size == 0:
        return normalised(frames), torch.zeros(1, spec.samples), False
    shown = source.times[window]
    sound = excerpt(source.sound, shown, source.attributes.fps, spec.samples)
    return normalised(frames), torch.from_numpy(sound)[None], True


def target(density: NDArray[np.uint8], spec: InputSpec) -> Tensor | None:
    """Return a ground-truth map at network size with maximum 1; None where it is empty.

    Each pixel is the mean of the area that it covers, as a smaller screen would show it.
    """
    if is_empty(density):
        return None
    picture = Image.fromarray(density.astype(np.float32))
    area = np.asarray(picture.resize((spec.width, spec.height), Image.Resampling.BOX))
    return torch.from_numpy(area / area.max())


class Clips(Dataset[Item | Fault]):
    """The clips of some videos; which ones is up to `choose`, so reading has no state."""

    def __init__(
        self,
        sources: Sequence[VideoStore],
        spec: InputSpec,
        choose: Callable[[str, int, Draw], Choice],
    ) -> None:
        self.sources = sources
        self.spec = spec
        self._choose = choose

    def __getitem__(self, draw: Draw) -> Item | Fault:
        """Read a clip; one that cannot be read becomes a `Fault`, which workers can send."""
        source = self.sources[draw.video]
        name = f"video {draw.video + 1} of {len(self.sources)}"
        try:
            name = f"{source.attributes.dataset}/{source.attributes.video}"
            return self._read(source, name, draw)
        except (StoreError, BadZipFile, FileNotFoundError) as error:
            return Fault(name, str(error), "damaged")
        except OSError as error:
            return Fault(name, one_line(error) or str(error), "machine")

    def _read(self, source: VideoStore, name: str, draw: Draw) -> Item | Fault:
        choice = self._choose(name, len(source), draw)
        for frame in choice.frames:
            density = target(source.density(frame), self.spec)
            if density is not None:
                break
        else:
            return Fault(name, "no frame has a target", "no target")
        frames, sound, heard = read_window(source, frame, self.spec)
        if choice.mirrored:
            frames, density = frames.flip(-1), density.flip(-1)
        full = "" if draw.spare else f"{name}:{frame}"
        return Item(Clip(frames, sound, torch.tensor(heard)), density, full)


def blank(spec: InputSpec) -> Item:
    """Return a black and silent clip that counts for nothing."""
    frames = torch.zeros(3, spec.length, spec.height, spec.width)
    clip = Clip(frames, torch.zeros(1, spec.samples), torch.tensor(data=False))
    return Item(clip, torch.zeros(spec.height, spec.width), "")


def collate(spec: InputSpec, items: Sequence[Item | Fault]) -> Batch:
    """Stack the readable clips of a batch and list the others."""
    good = [item for item in items if isinstance(item, Item)] or [blank(spec)]
    faults = [item for item in items if isinstance(item, Fault)]
    clip = Clip(*(torch.stack(parts) for parts in zip(*(item.clip for item in good), strict=True)))
    density = torch.stack([item.density for item in good])
    return Batch(Sample(clip, density), [item.name for item in good if item.name], faults)


class ClipLoader:
    """Reads the batches of an epoch, in processes of its own where `workers` is not 0.

    They start from a clean server, never by a fork, and keep their stores open between epochs.
    """

    def __init__(self, clips: Clips, batches: EpochBatches, *, workers: int, pin: bool) -> None:
        self._batches = batches
        self._loader = DataLoader(
            clips,
            batch_sampler=batches,
            collate_fn=partial(collate, clips.spec),
            num_workers=workers,
            pin_memory=pin,
            multiprocessing_context="forkserver" if workers else None,
            persistent_workers=workers > 0,
            worker_init_fn=_leave_signals_to_the_parent,
        )

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return len(self._batches)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of `epoch` from number `start` on."""
        self._batches.epoch = epoch
        self._batches.start = start
        return iter(self._loader)


def _leave_signals_to_the_parent(worker: int) -> None:
    """Let the training process save and stop its workers when a signal reaches them all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
