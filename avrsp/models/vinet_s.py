"""ViNet-S: ViNet with grouped convolutions in its decoder.

Girmaji, Jain, Beri, Bansal and Gandhi, "Minimalistic Video Saliency Prediction via Efficient
Decoder & Spatio Temporal Action Cues", ICASSP 2025. Written from a description of the published
network (github.com/ViNet-Saliency/vinet_v2) and equal to it to rounding; tensors have the
published names, but for S3D's (`avrsp.models.vinet.published_key`). 9,500,737 parameters.
The original's code and weights are CC BY-NC-SA 4.0: imported weights are for non-commercial use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from avrsp.metrics import cc, kl
from avrsp.models.layers.s3d import S3D
from avrsp.models.vinet import LENGTH, MOMENTUM, Checkpoint, Decoder, Recipe, imagenet

GROUPS: Final = 32
"""Of the decoder's first convolution: 32, 16, 8, 4, 2, 1, 1."""
START: Final = "first frame repeated"
"""Frames before the first whole window are predicted from windows that begin with copies of the
first frame. Window, size, step and predicted frame are ViNet's; maps are not post-processed."""


class Settings(BaseModel):
    """Which ViNet-S this is; the defaults are the published network.

    Attributes:
        width: Multiplier of every channel count.
        aligned: Whether up-sampling aligns corners. The released training script does and both
            inference scripts do not; which way the published weights were trained is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: float = Field(default=1.0, gt=0)
    aligned: bool = False


class ViNetS(nn.Module):
    """ViNet-S: `backbone`, S3D, then `decoder`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.backbone = S3D(width=settings.width, momentum=MOMENTUM)
        self.decoder = Decoder(
            self.backbone.channels,
            length=LENGTH,
            width=settings.width,
            groups=GROUPS,
            aligned=settings.aligned,
        )

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Predict the map of each window's last frame; sound is not read.

        Args:
            frames: B x 3 x 32 x H x W uint8 RGB; H and W multiples of 32.
            waveform: Ignored.
            has_sound: Ignored.

        Returns:
            B x H x W in [0, 1].
        """
        return self.from_normalised(imagenet(frames, self))

    def from_normalised(self, frames: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Map ImageNet-normalised frames, B x 3 x 32 x H x W, to B x H x W in [0, 1]."""
        return self.decode(self.backbone(frames))

    def decode(self, features: Sequence[Tensor], waveform: Tensor | None = None) -> Tensor:
        """Map S3D's features, fine to coarse, to B x H x W in [0, 1]."""
        decoded: Tensor = self.decoder(features)
        return decoded


def loss(pred: Tensor, density: Tensor) -> Tensor:
    """Return the batch's mean Kullback-Leibler divergence less its mean linear correlation."""
    terms = kl(pred, density) - cc(pred, density)
    return terms.mean().to(torch.promote_types(pred.dtype, torch.float32))


RECIPE: Final = Recipe(
    start=("S3D of Kinetics-400 (s3d-kylemin)", "ViNet-S of DHF1K, for each set on its own"),
    lr=1e-4,
    batch=(8, 2),
    epochs=120,
    joined=False,
)

CHECKPOINTS: Final = (
    Checkpoint(
        "DHF1K, or one audio-visual set after it, as <set>_vinet_s_rootgrouped_32_bs8_kld_cc.pt",
        "Google Drive folder 12UeAsdiD2xPLmoLRDcE_HjAUjxFdmw5N, from the page of "
        "github.com/ViNet-Saliency/vinet_v2",
        "CC BY-NC-SA 4.0, non-commercial",
    ),
)
