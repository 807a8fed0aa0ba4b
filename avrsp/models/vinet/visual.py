"""ViNet: S3D, and a decoder that joins its four features along time.

Jain, Yarlagadda, Jyoti, Karthik, Subramanian and Gandhi, "ViNet: Pushing the limits of Visual
Modality for Audio-Visual Saliency Prediction", IROS 2021. Written from a description of the
published network (github.com/samyak0210/ViNet, MIT) and equal to it to rounding; tensors have the
published names, but for S3D's. 31,099,585 parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from avrsp.metrics import kl
from avrsp.models.layers.conv import as_clip, as_frames, scaled
from avrsp.models.layers.pixels import IMAGENET_MEAN, IMAGENET_STD, normalised
from avrsp.models.layers.s3d import S3D
from avrsp.models.layers.s3d_keys import based
from avrsp.models.layers.soundnet import scaled_sound
from avrsp.models.recipe import GroundTruth

LENGTH: Final = 32
"""Frames of a window, consecutive; the published weights are for 32."""
SIZE: Final = (224, 384)
"""H and W that the network was trained at."""
MULTIPLE: Final = 32
"""H and W must be multiples of it."""
TAIL: Final = (64, 32)
"""The decoder's last channels."""

VariantName = Literal["v", "av-bilinear", "av-bilinear-transformer", "av-concat-transformer"]


class Settings(BaseModel):
    """Which ViNet this is; the defaults are the published network without sound.

    Attributes:
        variant: How it fuses sound, if it takes sound (`audiovisual`).
        length: T of a window.
        skips: How many of S3D's three finer features the decoder joins; fewer only with T 32.
        width: Multiplier of every channel count.
        momentum: Of batch normalisation in S3D.
        size: H and W of the frames, for which the fusions with sound are built.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: VariantName = "v"
    length: Literal[8, 16, 32] = LENGTH
    skips: Literal[0, 1, 2, 3] = 3
    width: float = Field(default=1.0, gt=0)
    momentum: float = Field(default=0.001, gt=0, lt=1)
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


class ViNetDecoder(nn.Module):
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
        coarsest: Channels of what replaces the coarsest feature in a network with sound; None: as
            many as S3D has.
    """

    def __init__(self, settings: Settings, *, coarsest: int | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.backbone = S3D(width=settings.width, momentum=settings.momentum)
        *finer, last = self.backbone.channels
        self.decoder = ViNetDecoder(
            [*finer, coarsest or last],
            length=settings.length,
            skips=settings.skips,
            width=settings.width,
        )

    @property
    def stages(self) -> nn.ModuleList:
        """S3D's stages, from the picture on."""
        return self.backbone.stages

    @property
    def necks(self) -> list[None]:
        """Nothing follows S3D's stages before the decoder."""
        return [None] * len(self.stages)

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Predict the map of each window's last frame.

        Args:
            frames: B x 3 x T x H x W uint8 RGB; H and W multiples of 32.
            waveform: B x 1 x S in [-1, 1], or None: every clip is silent. Variant v ignores it.
            has_sound: B bool; None: every clip has sound. Where false, zeros take its place.

        Returns:
            B x H x W in [0, 1].
        """
        return self.from_features(self.encode(frames), waveform, has_sound)

    def normalised(self, frames: Tensor) -> Tensor:
        """Return uint8 frames on ImageNet's scale."""
        return imagenet(frames, self)

    def from_normalised(self, frames: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Map frames on ImageNet's scale, and sound in [-256, 256], to B x H x W in [0, 1]."""
        return self.decode(self.backbone(frames), waveform)

    def encode(self, frames: Tensor) -> list[Tensor]:
        """Return S3D's four features of uint8 frames, fine to coarse."""
        features: list[Tensor] = self.backbone(self.normalised(frames))
        return features

    def from_features(
        self,
        features: list[Tensor],
        waveform: Tensor | None = None,
        has_sound: Tensor | None = None,
    ) -> Tensor:
        """Predict from S3D's four features, fine to coarse, and sound in [-1, 1]."""
        maps = self.decode(features, scaled_sound(waveform, has_sound))
        return maps.to(torch.promote_types(maps.dtype, torch.float32))

    def from_pyramid(
        self,
        pyramid: list[Tensor],
        waveform: Tensor | None = None,
        has_sound: Tensor | None = None,
    ) -> Tensor:
        """Predict from S3D's four features, coarse to fine, and sound in [-1, 1]."""
        return self.from_features(pyramid[::-1], waveform, has_sound)

    def decode(self, features: Sequence[Tensor], waveform: Tensor | None = None) -> Tensor:
        """Map S3D's features, fine to coarse, to B x H x W in [0, 1]; sound is not read."""
        decoded: Tensor = self.decoder(features)
        return decoded


def imagenet(frames: Tensor, network: nn.Module) -> Tensor:
    """Normalise uint8 frames by ImageNet's mean and deviation, at the weights' precision at least.

    Weights of half precision are those of single layers that are run so.
    """
    dtype = torch.promote_types(next(network.parameters()).dtype, torch.float32)
    return normalised(frames, IMAGENET_MEAN, IMAGENET_STD, dtype)


def visual_key(key: str) -> str:
    """Return the published name of a tensor of ViNet without sound, and of ViNet-S."""
    before, root, rest = key.partition("backbone.")
    return f"{before}{root}{based(rest)}" if root else key


def loss(maps: Tensor, truth: GroundTruth) -> Tensor:
    """Return the batch's mean Kullback-Leibler divergence of the maps, B x H x W, as distributions.

    The published settings; CC, SIM and L1 are options of the original that are off.
    """
    return kl(maps, truth.density).mean().to(torch.promote_types(maps.dtype, torch.float32))
