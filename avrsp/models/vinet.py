"""ViNet: S3D, and a decoder that joins its four features along time.

Jain, Yarlagadda, Jyoti, Karthik, Subramanian and Gandhi, "ViNet: Pushing the limits of Visual
Modality for Audio-Visual Saliency Prediction", IROS 2021. Written from a description of the
published network (github.com/samyak0210/ViNet, MIT) and equal to it to rounding; tensors have the
published names, but for S3D's (`published_key`). 31,099,585 parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Self

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from avrsp.metrics import kl
from avrsp.models.layers.conv import as_clip, as_frames, scaled
from avrsp.models.layers.pixels import IMAGENET_MEAN, IMAGENET_STD, normalised
from avrsp.models.layers.s3d import S3D
from avrsp.models.layers.s3d_keys import based

LENGTH: Final = 32
"""Frames of a window, consecutive; the published weights are for 32."""
SIZE: Final = (224, 384)
"""H and W that the network was trained at; both must be multiples of `MULTIPLE`."""
MULTIPLE: Final = 32
PREDICTED: Final = "last"
"""Which frame of the window the map is for."""
STEP: Final = 1
"""Frames from one predicted frame to the next."""
START: Final = "reversed"
"""Frames before the first whole window are predicted from the window that starts there, played
backwards (its sound too). The original skips videos of fewer than 63 frames."""
MOMENTUM: Final = 0.001
"""Of batch normalisation in S3D."""
TAIL: Final = (64, 32)
"""The decoder's last channels."""
BLUR: Final = 11
"""Side of the Gaussian that the original's test code blurs maps with; deviation 2 pixels."""

Variant = Literal["v", "av-bilinear", "av-bilinear-transformer", "av-concat-transformer"]


class Settings(BaseModel):
    """Which ViNet this is; the defaults are the published network without sound.

    Attributes:
        variant: What it listens with, if at all (`avrsp.models.avinet`).
        length: T of a window.
        skips: How many of S3D's three finer features the decoder joins; fewer only with T 32.
        width: Multiplier of every channel count.
        size: H and W of the frames, which AV fusions are built for; without sound any size runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Variant = "v"
    length: Literal[8, 16, 32] = LENGTH
    skips: Literal[0, 1, 2, 3] = 3
    width: float = Field(default=1.0, gt=0)
    size: tuple[int, int] = SIZE

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.skips < 3 and (self.length != LENGTH or self.variant != "v"):  # noqa: PLR2004
            raise ValueError(
                f"found skips {self.skips} with length {self.length} and variant {self.variant}; "
                f"fewer than 3 skips go with length {LENGTH} and variant v only"
            )
        if any(side < MULTIPLE or side % MULTIPLE for side in self.size):
            raise ValueError(f"found size {self.size}; expected multiples of {MULTIPLE}")
        return self


class Enlarge(nn.Module):
    """Double H and W of every frame, bilinear; `aligned` keeps the corners where they are."""

    def __init__(self, *, aligned: bool) -> None:
        super().__init__()
        self.aligned = aligned

    def forward(self, x: Tensor) -> Tensor:
        """Map B x C x T x H x W to B x C x T x 2H x 2W."""
        larger = F.interpolate(
            as_frames(x), scale_factor=2, mode="bilinear", align_corners=self.aligned
        )
        return as_clip(larger, x.shape[2])


class Decoder(nn.Module):
    """From S3D's features to a map, coarse to fine.

    A feature has as many channels as the decoder has there; they are joined along time, and a
    convolution as long as the joined clip is folded over brings T back. No normalisation, and no
    bias but the last one.

    Args:
        channels: Of S3D's features, fine to coarse.
        length: T of a window.
        skips: How many of the three finer features are joined.
        width: Multiplier of `TAIL`.
        groups: Of the first convolution; each later one has half as many, and at least one.
        aligned: Whether up-sampling aligns corners.
    """

    def __init__(
        self,
        channels: Sequence[int],
        *,
        length: int = LENGTH,
        skips: int = 3,
        width: float = 1.0,
        groups: int = 1,
        aligned: bool = False,
    ) -> None:
        super().__init__()
        y3, y2, y1, y0 = channels
        wide, narrow = (scaled(each, width) for each in TAIL)
        self.skips = skips
        clip = length // 8  # T of S3D's coarsest feature
        folds = [fold if skips > number else 1 for number, fold in enumerate((3, 5, 5))]

        def block(inputs: int, outputs: int, time: int, divided: int) -> list[nn.Module]:
            conv = _fold(inputs, outputs, time, max(1, groups // divided))
            return [conv, nn.ReLU(inplace=True), Enlarge(aligned=aligned)]

        self.convtsp1 = nn.Sequential(*block(y0, y1, 1, 1))
        self.convtsp2 = nn.Sequential(*block(y1, y2, folds[0], 2))
        self.convtsp3 = nn.Sequential(*block(y2, y3, folds[1], 4))
        halved = [
            nn.Conv3d(narrow, narrow, (2, 1, 1), (2, 1, 1), bias=False),
            nn.ReLU(inplace=True),
        ]
        self.convtsp4 = nn.Sequential(
            *block(y3, wide, folds[2], 8),
            *block(wide, narrow, min(clip, 2), 16),
            *(halved if clip == 4 else ()),  # noqa: PLR2004 - the last T of 2 becomes 1
            nn.Conv3d(narrow, 1, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map S3D's features, fine to coarse, to B x H x W in [0, 1]."""
        *finer, x = features
        x = self.convtsp1(x)
        for number, block in enumerate((self.convtsp2, self.convtsp3, self.convtsp4), start=1):
            if number <= self.skips:
                x = torch.cat([x, finer[-number]], dim=2)
            x = block(x)
        saliency: Tensor = x[:, 0, 0]
        return saliency


def _fold(inputs: int, outputs: int, time: int, groups: int) -> nn.Conv3d:
    """Return a convolution that keeps H and W and divides T by its own length in time."""
    shared = math.gcd(groups, inputs, outputs)  # `groups` itself at width 1
    kernel, stride, margin = (time, 3, 3), (time, 1, 1), (0, 1, 1)
    return nn.Conv3d(inputs, outputs, kernel, stride, margin, groups=shared, bias=False)


class ViNet(nn.Module):
    """ViNet without sound: `backbone`, S3D, then `decoder`.

    Args:
        settings: Its variant is not read.
        coarsest: Channels of what replaces the coarsest feature in a network that listens; None:
            as many as S3D has.
    """

    def __init__(self, settings: Settings, *, coarsest: int | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.backbone = S3D(width=settings.width, momentum=MOMENTUM)
        *finer, last = self.backbone.channels
        self.decoder = Decoder(
            [*finer, coarsest or last],
            length=settings.length,
            skips=settings.skips,
            width=settings.width,
        )

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Predict the map of each window's last frame; sound is not read.

        Args:
            frames: B x 3 x T x H x W uint8 RGB; H and W multiples of 32.
            waveform: Ignored.
            has_sound: Ignored.

        Returns:
            B x H x W in [0, 1].
        """
        return self.from_normalised(imagenet(frames, self))

    def from_normalised(self, frames: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Map ImageNet-normalised frames, B x 3 x T x H x W, to B x H x W in [0, 1]."""
        return self.decode(self.backbone(frames))

    def decode(self, features: Sequence[Tensor], waveform: Tensor | None = None) -> Tensor:
        """Map S3D's features, fine to coarse, to B x H x W in [0, 1]."""
        decoded: Tensor = self.decoder(features)
        return decoded


def imagenet(frames: Tensor, network: nn.Module) -> Tensor:
    """Normalise uint8 frames by ImageNet's mean and deviation, in the type of the weights."""
    return normalised(frames, IMAGENET_MEAN, IMAGENET_STD, next(network.parameters()).dtype)


def published_key(key: str) -> str:
    """Return the published name of a tensor of this network."""
    before, root, rest = key.partition("backbone.")
    return f"{before}{root}{based(rest)}" if root else key


def loss(pred: Tensor, density: Tensor) -> Tensor:
    """Return the batch's mean Kullback-Leibler divergence of the maps, B x H x W, as distributions.

    The published settings; CC, SIM and L1 are options of the original that are off.
    """
    return kl(pred, density).mean().to(torch.promote_types(pred.dtype, torch.float32))


def finished(maps: Tensor, height: int, width: int) -> Tensor:
    """Return maps as the original's test code saves them, before rounding to 8 bits.

    B x H x W are enlarged to the video's size, bilinear, blurred by a Gaussian of `BLUR` x `BLUR`
    with mirrored borders, and stretched to [0, 1]; a constant map becomes zeros.
    """
    side, deviation = BLUR // 2, 0.3 * (BLUR // 2 - 1) + 0.8
    taps = torch.exp(-0.5 * (torch.arange(-side, side + 1, device=maps.device) / deviation) ** 2)
    taps = (taps / taps.sum()).to(maps.dtype)
    x = F.interpolate(maps[:, None], size=(height, width), mode="bilinear", align_corners=False)
    x = F.pad(x, (side, side, side, side), mode="reflect")
    x = F.conv2d(F.conv2d(x, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))[:, 0]
    constant = maps.amin((1, 2), keepdim=True) == maps.amax((1, 2), keepdim=True)
    x = torch.where(constant, 0, x - x.amin((1, 2), keepdim=True))
    return x / x.amax((1, 2), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)


class Recipe(NamedTuple):
    """How the original is trained.

    Attributes:
        start: What the first training starts from, then what training on the AV sets starts from.
        lr: Learning rate of all parameters.
        batch: Windows of a step on DHF1K, then on the AV sets.
        epochs: How many, each of `clips_per_video` random windows of every video; one whose map is
            empty is drawn again.
        joined: Whether the AV sets are trained on together.
        flip: Whether windows are mirrored at random; nothing else is varied.
        selection: Which epoch's weights are kept.
        validation_step: Frames between the validation windows on DHF1K, then on the AV sets.
    """

    start: tuple[str, str]
    lr: float
    batch: tuple[int, int]
    epochs: int
    joined: bool
    optimiser: str = "Adam"
    weight_decay: float = 0.0
    schedule: str = "constant"
    accumulate: int = 1
    clips_per_video: int = 1
    flip: bool = False
    selection: str = "lowest validation loss"
    validation_step: tuple[int, int] = (128, 64)


RECIPE: Final = Recipe(
    start=("S3D of Kinetics-400 (s3d-kylemin)", "ViNet of DHF1K and SoundNet-8"),
    lr=1e-4,
    batch=(8, 8),
    epochs=40,
    joined=True,
)


class Checkpoint(NamedTuple):
    """Published weights: what they were trained on, where a person finds them, and their terms."""

    trained_on: str
    source: str
    licence: str
    form: str = "state dict, plain keys"
    sha256: str | None = None


CHECKPOINTS: Final = (
    Checkpoint(
        "DHF1K",
        "links of github.com/samyak0210/ViNet (dead since 2022); a user's copy, mega.nz file "
        "B1pFWKxT, in its issue 41",
        "MIT",
    ),
    Checkpoint(
        "a split of AVE that is not STAViS's",
        "ViNet_Dave.pt and AViNet_Dave.pt of the GASP project (University of Hamburg)",
        "not stated for the files; the code of GASP and of ViNet is MIT",
    ),
)
