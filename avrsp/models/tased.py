"""TASED-Net: S3D, and a decoder that puts features back where max pooling took them from.

Min and Corso, "TASED-Net: Temporally-Aggregating Spatial Encoder-Decoder Network for Video Saliency
Detection", ICCV 2019; here its updated version, whose decoder merges time step by step. Written
from a description of the published network (github.com/MichiganCOG/TASED-Net, commit 0cf47b7, MIT)
and equal to it to rounding; tensors have the published names, but for S3D's (`published_key`).
21,260,693 parameters at width 1.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from avrsp.metrics import kl
from avrsp.models.checkpoint import Checkpoint
from avrsp.models.layers.blur import blurred
from avrsp.models.layers.conv import scaled
from avrsp.models.layers.pixels import Colour, normalised
from avrsp.models.layers.s3d import EPS, S3D
from avrsp.models.layers.s3d_keys import based
from avrsp.models.layers.unpool import peaks, unpooled

LENGTH: Final = 32
"""Frames of a window, consecutive; the decoder's last layers are for this T only."""
SIZE: Final = (224, 384)
"""H and W that the network was trained at, from OpenCV's bilinear resizing (no antialiasing)."""
MULTIPLE: Final = 32
"""H and W must be multiples of it."""
MEAN: Final[Colour] = (0.5, 0.5, 0.5)
STD: Final[Colour] = (0.5, 0.5, 0.5)
"""Of RGB in [0, 1]: the network reads values in [-1, 1]."""
PREDICTED: Final = "last"
"""Which frame of the window the map is for."""
STEP: Final = 1
"""Frames from one predicted frame to the next."""
MOMENTUM: Final = 0.001
"""Of every batch normalisation."""
REDUCED: Final = 4
"""T of the decoder: what the places of S3D's finer features are reduced to."""
LAST: Final = 4
"""Channels of the decoder's last layers, at every width."""
BLUR: Final = (7.0, 28)
"""Deviation and radius, in pixels of the network's size, of the original's blur of its maps."""


class Settings(BaseModel):
    """Which TASED-Net this is; the defaults are the published network.

    Attributes:
        width: Multiplier of every channel count but `LAST`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: float = Field(default=1.0, gt=0)


class TASED(nn.Module):
    """S3D (`encoder`), then four blocks with unpooling between them; it does not listen."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        # Where two pixels are equal but for rounding, it decides which one pooling finds: in the
        # original's order of memory sums are rounded as there, and its weights find its pixels.
        self.encoder = S3D(
            width=self.settings.width,
            momentum=MOMENTUM,
            memory_format=torch.contiguous_format,
        )
        y3, y2, y1, y0 = self.encoder.channels
        wide = scaled(64, self.settings.width)
        self.convtsp1 = nn.Sequential(
            *_normalised(nn.Conv3d(y0, y0, 1, bias=False)), *_normalised(_spread(y0, y1))
        )
        self.convtsp2 = nn.Sequential(*_normalised(_spread(y1, y2)))
        self.convtsp3 = nn.Sequential(*_normalised(_spread(y2, y3)))
        self.convtsp4 = nn.Sequential(
            *_normalised(_doubled(y3, wide)),
            *_normalised(_merged(wide)),
            *_normalised(nn.ConvTranspose3d(wide, LAST, 1, bias=False)),
            *_normalised(_merged(LAST)),
            _doubled(LAST, LAST),
            nn.Conv3d(LAST, 1, 1),
            nn.Sigmoid(),
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
        dtype = next(self.parameters()).dtype
        return self.from_normalised(normalised(frames, MEAN, STD, dtype))

    def from_normalised(self, frames: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Map frames in [-1, 1], B x 3 x 32 x H x W, to B x H x W in [0, 1]."""
        y3, y2, y1, y0 = self.encoder(frames)
        x = unpooled(self.convtsp1(y0), peaks(_reduced(y1), kernel=2, padding=0))
        x = unpooled(self.convtsp2(x), peaks(_reduced(y2), kernel=3, padding=1))
        x = unpooled(self.convtsp3(x), peaks(_reduced(y3), kernel=3, padding=1))
        saliency: Tensor = self.convtsp4(x)[:, 0, 0]
        return saliency


def _normalised(conv: nn.Conv3d | nn.ConvTranspose3d) -> list[nn.Module]:
    norm = nn.BatchNorm3d(conv.out_channels, eps=EPS, momentum=MOMENTUM)
    return [conv, norm, nn.ReLU(inplace=True)]


def _spread(inputs: int, outputs: int) -> nn.ConvTranspose3d:
    """Return a 3 x 3 transposed convolution that keeps H and W."""
    return nn.ConvTranspose3d(inputs, outputs, (1, 3, 3), 1, (0, 1, 1), bias=False)


def _doubled(inputs: int, outputs: int) -> nn.ConvTranspose3d:
    """Return a 4 x 4 transposed convolution that doubles H and W."""
    return nn.ConvTranspose3d(inputs, outputs, (1, 4, 4), (1, 2, 2), (0, 1, 1), bias=False)


def _merged(channels: int) -> nn.Conv3d:
    """Return a convolution of pairs of moments, which halves T."""
    return nn.Conv3d(channels, channels, (2, 1, 1), (2, 1, 1), bias=False)


@torch.no_grad()
def _reduced(x: Tensor) -> Tensor:
    """Take the largest of the moments that one of `REDUCED` stands for."""
    return torch.unflatten(x, 2, (REDUCED, -1)).amax(3)


def published_key(key: str) -> str:
    """Return the published name of a tensor of this network."""
    return based(key.removeprefix("encoder.")) if key.startswith("encoder.") else key


def window(frame: int, frames: int) -> list[int]:
    """Return which frames of a video the map of `frame` is predicted from, in the order given.

    The last of them is `frame`. Before the first whole window it is the window that starts at
    `frame`, played backwards. The original refuses videos of fewer than 63 frames; here a window
    that would run past the end shows the last frame instead.
    """
    if frame >= LENGTH - 1:
        return list(range(frame - LENGTH + 1, frame + 1))
    return [min(at, frames - 1) for at in range(frame + LENGTH - 1, frame - 1, -1)]


def loss(pred: Tensor, density: Tensor) -> Tensor:
    """Return the divergence of the maps, B x H x W, with the whole batch as one distribution."""
    divergence = kl(pred.flatten(0, 1), density.flatten(0, 1))  # b h w -> (b h) w
    return divergence.to(torch.promote_types(pred.dtype, torch.float32))


def finished(maps: Tensor) -> Tensor:
    """Return maps, B x H x W at the network's size, as the original saves them, before rounding.

    They are rounded down to multiples of 1/255, blurred, and divided by their maximum.
    """
    x = blurred((maps * 255).floor() / 255, *BLUR)
    return x / x.amax((1, 2), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)


class Recipe(NamedTuple):
    """How the original is trained on DHF1K: a random window of a random video, 8 at a time.

    Attributes:
        start: What the encoder starts from.
        lr_decoder: First learning rate of the decoder.
        lr_encoder: Learning rate of the encoder, constant.
        lr_factor: Of the decoder's learning rate after each of the steps in `milestones`.
        milestones: Steps after which it is applied.
        batch: Windows that are one distribution in the loss.
        accumulate: Batches whose gradients are summed for one step.
        steps: In all. Nothing is validated.
        flip: How likely a window is mirrored, with its map.
    """

    start: str = "S3D of Kinetics-400 (s3d-kylemin)"
    optimiser: str = "SGD"
    momentum: float = 0.9
    weight_decay: float = 2e-7
    lr_decoder: float = 0.1
    lr_encoder: float = 0.001
    lr_factor: float = 0.1
    milestones: tuple[int, int] = (750, 950)
    batch: int = 8
    accumulate: int = 5
    steps: int = 1000
    flip: float = 0.5


RECIPE: Final = Recipe()


def parameter_groups(network: TASED) -> list[dict[str, Any]]:
    """Return the groups for `torch.optim.SGD`: the decoder, and the encoder."""
    decoder = [p for name, p in network.named_parameters() if name.startswith("convtsp")]
    return [
        {"params": decoder, "lr": RECIPE.lr_decoder},
        {"params": list(network.encoder.parameters()), "lr": RECIPE.lr_encoder},
    ]


CHECKPOINTS: Final = (
    Checkpoint(
        "DHF1K, from S3D of Kinetics-400",
        "TASED_updated.pt, linked from the README of github.com/MichiganCOG/TASED-Net "
        "(Google Drive 1y4KSTm-e7kP84k0IyVI-rRtmYZkrC-wL)",
        "MIT",
        form="state dict, keys plain or after module.",
    ),
)
