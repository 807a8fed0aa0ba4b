"""What the folders of the package share: clips, a network's input, and the signature of networks.

Axes: B clips, T frames of a window, H rows, W columns, S sound samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the converting half reads SOUND_RATE and starts without torch
    from collections.abc import Sequence

    from torch import Tensor, nn

SOUND_RATE = 22_050
"""Samples a second of every stored waveform, SoundNet's training rate."""

PredictedFrame = Literal["last", "middle"]
Start = Literal["reversed", "repeated"]
WindowRule = Callable[[int, int], NDArray[np.int64]]
"""From a frame, and how many a video has, to the frames of the window that its map is for."""
Resampling = Literal["nearest", "bilinear", "bicubic", "lanczos"]


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
        frames: B x 3 x T x H x W uint8 RGB; each network normalises them itself.
        waveform: B x 1 x S float in [-1, 1] at 22,050 Hz under a Hann window, zero around it.
        has_sound: B bool; where false, whatever stands in `waveform` is ignored (D12).
    """

    frames: Tensor
    waveform: Tensor
    has_sound: Tensor


class Sample(NamedTuple):
    """A batch of windows with what is to be predicted for one frame of each.

    Attributes:
        clip: The network's input.
        density: B x H x W float, ground-truth density at network size, maximum 1; where a recipe
            learns from every frame, B x T x H x W, and zeros for a frame that nobody looked at.
        fixations: Likewise, bool: the pixels at network size that somebody fixated.
    """

    clip: Clip
    density: Tensor
    fixations: Tensor


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The input of a network, and which frame of a window its map is for.

    Attributes:
        length: T, frames of a window.
        height: H, rows of a frame.
        width: W, columns of a frame.
        audio: Whether it takes sound.
        predicted: The frame that the map is for; `middle` is number T // 2 from 0.
        start: What stands in for frames before a video's first one: windows that run backwards from
            the future (paper, IV-B), or the frame at that end again.
        step: Frames of the video from one frame of the window to the next.
        rule: A method's own rule (a module's function or a `partial` of one) in place of the three
            before; a window reaches `step` (T - 1) frames back from its frame at most.
        resize: The filter by which stored frames of another size are brought to H x W; None: such
            frames are refused, because the store was made for this size.
    """

    length: int
    height: int
    width: int
    audio: bool
    predicted: PredictedFrame = "last"
    start: Start = "reversed"
    step: int = 1
    rule: WindowRule | None = None
    resize: Resampling | None = None

    @property
    def samples(self) -> int:
        """Length S of the sound buffer: int(22050 / 10 * T), as STAViS and ViNet have it."""
        return sound_samples(self.length)

    @property
    def position(self) -> int:
        """Place in the window, from 0, of the frame that the map is for."""
        return self.length - 1 if self.predicted == "last" else self.length // 2


def sound_samples(length: int) -> int:
    """Return the samples of the sound buffer that belongs to a window of `length` frames."""
    return SOUND_RATE * length // 10


class SaliencyModel(Protocol):
    """Anything that predicts one map for each window."""

    def __call__(
        self,
        frames: Tensor,
        waveform: Tensor | None = None,
        has_sound: Tensor | None = None,
    ) -> Tensor:
        """Map B x 3 x T x H x W uint8 RGB, and B x 1 x S sound, to B x H x W saliency >= 0."""
        ...


@runtime_checkable
class SharesWindows(Protocol):
    """A network of S3D's stages, a neck for each, and a head: overlapping windows share work."""

    @property
    def stages(self) -> nn.ModuleList:
        """S3D's four stages, from the picture on."""
        ...

    @property
    def necks(self) -> Sequence[nn.Module | None]:
        """What follows each stage, window by window: ASPP and LIP in a row, or nothing."""
        ...

    def normalised(self, frames: Tensor) -> Tensor:
        """Map N x 3 x T x H x W uint8 RGB to the first stage's input."""
        ...

    def from_pyramid(
        self,
        pyramid: list[Tensor],
        waveform: Tensor | None = None,
        has_sound: Tensor | None = None,
    ) -> Tensor:
        """Map the necks' features, coarse to fine, and sound to B x H x W saliency."""
        ...


@runtime_checkable
class Recurrent(Protocol):
    """A network that goes from one frame to the next with a state."""

    def advance(self, frames: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map the next frame of B sequences and their state to saliency and the state after it.

        Args:
            frames: B x 3 x H x W uint8 RGB.
            state: B x ...; None at the start of all sequences.

        Returns:
            B x H x W, and the state.
        """
        ...


@runtime_checkable
class EncodesOnce(Protocol):
    """A network whose picture is encoded apart from its sound."""

    def encode(self, frames: Tensor) -> list[Tensor]:
        """Map B x 3 x T x H x W uint8 RGB to features."""
        ...

    def from_features(
        self,
        features: list[Tensor],
        waveform: Tensor | None = None,
        has_sound: Tensor | None = None,
    ) -> Tensor:
        """Map features and sound to B x H x W saliency."""
        ...
