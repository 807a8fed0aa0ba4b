"""What travels between the floors: clips, the network's input, and the model's one signature.

Axes: B clips, T frames of a window, H rows, W columns, S sound samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the converting half reads SOUND_RATE and starts without torch
    from torch import Tensor

SOUND_RATE = 22_050
"""Samples a second of every stored waveform, SoundNet's training rate."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@runtime_checkable
class Samples(Protocol):
    """Anything that yields float32 samples by slice: an array, or a store's lazy sound."""

    @property
    def size(self) -> int:
        """Number of samples."""
        ...

    def __getitem__(self, span: slice, /) -> NDArray[np.float32]:
        """Return the samples of `span`."""
        ...


class Clip(NamedTuple):
    """A batch of windows with their sound.

    Attributes:
        frames: B x 3 x T x H x W float, RGB normalised by ImageNet's mean and deviation (D13).
        waveform: B x 1 x S float in [-1, 1] at 22,050 Hz under a Hann window, zero around it.
        has_sound: B bool; where false, whatever stands in `waveform` is ignored (D12).
    """

    frames: Tensor
    waveform: Tensor
    has_sound: Tensor


class Sample(NamedTuple):
    """A batch of windows with what is to be predicted for the last frame of each.

    Attributes:
        clip: The network's input.
        density: B x H x W float, ground-truth density at network size, maximum 1.
    """

    clip: Clip
    density: Tensor


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The input that a model was built for: T, H, W and whether it listens."""

    length: int
    height: int
    width: int
    audio: bool

    @property
    def samples(self) -> int:
        """Length S of the sound buffer: int(22050 / 10 * T), as STAViS and ViNet have it."""
        return SOUND_RATE * self.length // 10


class SaliencyModel(Protocol):
    """Anything that predicts a map for the last frame of each window."""

    def __call__(
        self,
        frames: Tensor,
        waveform: Tensor | None = None,
        has_sound: Tensor | None = None,
    ) -> Tensor:
        """Return B x H x W saliency in [0, 1]."""
        ...
