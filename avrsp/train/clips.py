"""From stores to the batches that a network is trained on.

A clip is the window of its target frame, as `windows.window_of` has it. Any frame may be the
target: the first ones of a video are learnt from the windows that prediction shows there.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import filterfalse
from typing import Literal, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from avrsp.errors import StoreError, one_line
from avrsp.models.windows import excerpt, lies_inside, sized, window_of
from avrsp.store.blocks import use_one_thread
from avrsp.store.ground_truth import is_empty
from avrsp.store.video_store import VideoStore
from avrsp.train.sampling import Draw, EpochBatches, TargetFrames
from avrsp.types import Clip, InputSpec, Sample

FaultKind = Literal["no target", "damaged", "machine"]
"""A video whose drawn frames nobody looked at; a store that cannot be read; a fault of this
computer, such as too many open files, which says nothing about the store."""


class Fault(NamedTuple):
    """A clip that could not be read: where, why, and whose fault it is."""

    video: str
    reason: str
    kind: FaultKind


class TrainingClip(NamedTuple):
    """One readable clip: network input and truth without the batch axis, and its name.

    The name of a clip that counts for nothing is empty.
    """

    sample: Sample
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


def read_window(source: VideoStore, frame: int, spec: InputSpec) -> Clip:
    """Read the window whose map is that of `frame`, with its sound, without the batch axis.

    For a network that takes no sound, and of a video without any, the sound is zeros and
    `has_sound` is false.

    Raises:
        StoreError: The store's frames are not of the size that the network takes.
    """
    window = window_of(frame, len(source), spec)
    try:
        frames = sized(source.frames(window), spec)
    except StoreError as error:
        raise StoreError(f"{source.attributes.video}: {error}") from None
    channels_first = torch.from_numpy(frames).permute(3, 0, 1, 2).contiguous()  # t h w c -> c t h w
    if not spec.audio or source.sound.size == 0:
        return Clip(channels_first, torch.zeros(1, spec.samples), torch.tensor(data=False))
    shown = source.times[window]
    sound = excerpt(source.sound, shown, source.attributes.fps, spec.samples)
    return Clip(channels_first, torch.from_numpy(sound)[None], torch.tensor(data=True))


def target(density: NDArray[np.uint8], spec: InputSpec) -> Tensor | None:
    """Return a ground-truth map at network size with maximum 1; None where it is empty.

    Each pixel is the mean of the area that it covers, as a smaller screen would show it.
    """
    if is_empty(density):
        return None
    picture = Image.fromarray(density.astype(np.float32))
    area = np.asarray(picture.resize((spec.width, spec.height), Image.Resampling.BOX))
    return torch.from_numpy(area / area.max())


def fixation_map(points: NDArray[np.integer], size: tuple[int, int], spec: InputSpec) -> Tensor:
    """Return H x W bool: which pixels at network size hold one of the points, k x 2, of `size`."""
    found = torch.zeros(spec.height, spec.width, dtype=torch.bool)
    rows, columns = (points.astype(np.int64) * (spec.height, spec.width) // size).T
    found[torch.from_numpy(rows), torch.from_numpy(columns)] = True
    return found


def window_truth(source: VideoStore, frame: int, spec: InputSpec) -> tuple[Tensor, Tensor]:
    """Return the densities and fixations of all frames of a window, T x H x W each."""
    shown = window_of(frame, len(source), spec).tolist()
    densities = [target(each, spec) for each in source.densities_at(shown)]
    empty = torch.zeros(spec.height, spec.width)
    points = [fixation_map(source.fixations(each), source.truth_size, spec) for each in shown]
    return torch.stack([empty if each is None else each for each in densities]), torch.stack(points)


class Clips(Dataset[TrainingClip | Fault]):
    """The clips of some videos; which ones is up to `choose`, so reading has no state.

    Args:
        sources: The videos.
        spec: The network's input.
        choose: Gives the frames to try as a clip's target.
        every_frame: Whether there is a target for each frame of a window.
        whole_windows: Whether targets whose windows lie within the video go first.
    """

    def __init__(
        self,
        sources: Sequence[VideoStore],
        spec: InputSpec,
        choose: Callable[[str, int, Draw], TargetFrames],
        *,
        every_frame: bool = False,
        whole_windows: bool = False,
    ) -> None:
        self.sources = sources
        self.spec = spec
        self._choose = choose
        self._every_frame = every_frame
        self._whole_windows = whole_windows

    def __getitem__(self, draw: Draw) -> TrainingClip | Fault:
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

    def _read(self, source: VideoStore, name: str, draw: Draw) -> TrainingClip | Fault:
        choice = self._choose(name, len(source), draw)
        for frame in self._candidates(choice.frames, len(source)):
            density = target(source.density(frame), self.spec)
            if density is not None:
                break
        else:
            return Fault(name, "no frame has a target", "no target")
        clip = read_window(source, frame, self.spec)
        fixations = fixation_map(source.fixations(frame), source.truth_size, self.spec)
        if self._every_frame:
            density, fixations = window_truth(source, frame, self.spec)
        if choice.mirrored:
            clip = clip._replace(frames=clip.frames.flip(-1))
            density, fixations = density.flip(-1), fixations.flip(-1)
        full = "" if draw.spare else f"{name}:{frame}"
        return TrainingClip(Sample(clip, density, fixations), full)

    def _candidates(self, frames: Sequence[int], count: int) -> Iterator[int]:
        if not self._whole_windows:
            yield from frames
            return
        inside = partial(lies_inside, count=count, spec=self.spec)
        yield from filter(inside, frames)
        yield from filterfalse(inside, frames)


def blank(spec: InputSpec) -> TrainingClip:
    """Return a black and silent clip that counts for nothing."""
    frames = torch.zeros(3, spec.length, spec.height, spec.width, dtype=torch.uint8)
    clip = Clip(frames, torch.zeros(1, spec.samples), torch.tensor(data=False))
    density = torch.zeros(spec.height, spec.width)
    return TrainingClip(Sample(clip, density, density.bool()), "")


def collate(spec: InputSpec, items: Sequence[TrainingClip | Fault]) -> Batch:
    """Stack the readable clips of a batch and list the others."""
    good = [item for item in items if isinstance(item, TrainingClip)] or [blank(spec)]
    faults = [item for item in items if isinstance(item, Fault)]
    clips, densities, fixations = zip(*(item.sample for item in good), strict=True)
    clip = Clip(*(torch.stack(parts) for parts in zip(*clips, strict=True)))
    sample = Sample(clip, torch.stack(densities), torch.stack(fixations))
    return Batch(sample, [item.name for item in good if item.name], faults)


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
            worker_init_fn=_begin,
        )

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return len(self._batches)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of `epoch` from number `start` on."""
        self._batches.epoch = epoch
        self._batches.start = start
        return iter(self._loader)


def _begin(worker: int) -> None:
    """Read in one thread, and leave signals to the training process, which saves and stops all."""
    use_one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
