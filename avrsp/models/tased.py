"""TASED-Net: S3D, and a decoder that puts features back where max pooling took them from.

Min and Corso, "TASED-Net: Temporally-Aggregating Spatial Encoder-Decoder Network for Video Saliency
Detection", ICCV 2019; here its updated version, whose decoder merges time step by step. Written
from a description of the published network (github.com/MichiganCOG/TASED-Net, commit 0cf47b7, MIT)
and equal to it to rounding; tensors have the published names, but for S3D's (`published_key`).
21,260,693 parameters at width 1.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from avrsp.metrics.moments import EPSILON
from avrsp.models.encoders import s3d_encoder
from avrsp.models.layers.conv import as_clip, as_frames, scaled
from avrsp.models.layers.pixels import Colour, normalised
from avrsp.models.layers.s3d import EPS, S3D
from avrsp.models.layers.s3d_keys import based
from avrsp.models.recipe import GroundTruth, MethodRecipe, ParameterGroup
from avrsp.models.registry import Cost, ModelSpec, PublishedWeights, Variant, WindowSize
from avrsp.types import InputSpec

PUBLISHED: Final = WindowSize(32, 224, 384)
"""T is fixed: the decoder's last layers are for 32 frames only. The authors resize frames with
OpenCV's bilinear filter, which does not average where it shrinks; here one that does is used."""
MULTIPLE: Final = 32
"""H and W must be multiples of it."""
MEAN: Final[Colour] = (0.5, 0.5, 0.5)
STD: Final[Colour] = (0.5, 0.5, 0.5)
"""Of RGB in [0, 1]: the network reads values in [-1, 1]."""
REDUCED: Final = 4
"""T of the decoder: what the places of S3D's finer features are reduced to."""
LAST: Final = 4
"""Channels of the decoder's last layers, at every width."""


class Settings(BaseModel):
    """Which TASED-Net this is; the defaults are the published network.

    Attributes:
        width: Multiplier of every channel count but `LAST`.
        momentum: Of every batch normalisation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: float = Field(default=1.0, gt=0)
    momentum: float = Field(default=0.001, gt=0, lt=1)


class TASED(nn.Module):
    """S3D (`encoder`), then four blocks with unpooling between them; it takes no sound."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        # Where two pixels are equal but for rounding, it decides which one pooling finds: in the
        # original's order of memory sums are rounded as there, and its weights find its pixels.
        self.encoder = S3D(
            width=self.settings.width,
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
        for part in self.modules():
            if isinstance(part, nn.BatchNorm3d):
                part.momentum = self.settings.momentum

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
    return [conv, nn.BatchNorm3d(conv.out_channels, eps=EPS), nn.ReLU(inplace=True)]


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


def peaks(x: Tensor, *, kernel: int, padding: int) -> Tensor:
    """Return where kernel x kernel pooling with stride 2 finds its maxima, pixels of each frame.

    B x C x T x H x W gives B x C x T x H/2 x W/2 indices into the H W pixels, row by row.
    """
    _, found = F.max_pool2d(as_frames(x), kernel, 2, padding, return_indices=True)
    return as_clip(found, x.shape[2])


def unpooled(x: Tensor, places: Tensor) -> Tensor:
    """Enlarge B x C x T x h x w to 2h x 2w: each value at its place of `peaks`, zeros elsewhere.

    Windows of a pooling that overlap may have found the same pixel. `nn.MaxUnpool3d` then writes it
    more than once, and which value stays depends on the order of threads. Here it is the value of
    the last window, row by row, as with one thread.
    """
    pixels = x.flatten(3), places.flatten(3)  # b c t h w -> b c t (h w)
    flat: Tensor = _Unpool.apply(*pixels)  # type: ignore[no-untyped-call]
    return torch.unflatten(flat, 3, (2 * x.shape[3], 2 * x.shape[4]))


class _Unpool(torch.autograd.Function):
    """B x C x T x n values to 4n pixels; every value has its pixel's gradient, overwritten or not.

    That gradient is the one of `nn.MaxUnpool3d`, which published networks were trained with.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, places: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(places)
        shape = (*values.shape[:3], 4 * values.shape[3])
        windows = torch.arange(values.shape[3], device=values.device).expand_as(places)
        last = torch.full(shape, -1, device=values.device)
        last = last.scatter_reduce(3, places, windows, "amax")  # no sum: its order cannot matter
        return torch.where(last < 0, 0, values.gather(3, last.clamp_min(0)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (places,) = ctx.saved_tensors
        return grad.gather(3, places), None


def published_key(key: str) -> str:
    """Return the published name of a tensor of this network."""
    return based(key.removeprefix("encoder.")) if key.startswith("encoder.") else key


def window(settings: Settings, size: WindowSize | None) -> InputSpec:
    """Return the input: 32 frames, of which the map is for the last.

    Before the first whole window it is the window that starts at its frame, played backwards; where
    a short video ends, windows turn round (the original refuses videos of fewer than 63 frames).

    Raises:
        ParamsError: The height or the width is no multiple of 32.
    """
    _, height, width = (size or PUBLISHED).checked("tased", MULTIPLE)
    return InputSpec(PUBLISHED.length, height, width, audio=False, resize="bilinear")


def loss(maps: Tensor, truth: GroundTruth) -> Tensor:
    """Return the divergence of the maps, B x H x W, with the whole batch as one distribution.

    Of several processes each returns what its own clips add to that of all clips.
    """
    pred, density = maps.double(), truth.density.double()
    predicted, looked = truth.summed(torch.stack([pred.sum(), density.sum()]))
    p, g = pred / predicted, density / looked
    terms: Tensor = g * (EPSILON + g / (EPSILON + p)).log()
    return terms.sum().to(torch.promote_types(maps.dtype, torch.float32))


PAPER: Final = {
    "epochs": 67,  # about 1,000 steps of 40 windows, one of each of DHF1K's 600 videos an epoch
    "clips_per_video": 1,
    "batch": 8,
    "accumulate": 5,
    "lr": 0.1,
    "decay": "steps",
    "flip": True,
}

SHORTER: Final = {
    "epochs": 12,
    "validation_clips": 1,
    "batch": 4,
    "accumulate": 1,
    "lr": 0.5,  # five times the authors', who add up the gradients of five batches
}

ENTRY: Final = ModelSpec(
    name="tased",
    title="TASED-Net",
    citation="Min, Corso: TASED-Net: Temporally-Aggregating Spatial Encoder-Decoder Network for "
    "Video Saliency Detection, ICCV 2019",
    licence="MIT",
    weights_licence="MIT",
    settings=Settings,
    window=window,
    build=TASED,
    recipe=MethodRecipe(
        loss=loss,
        optimiser="sgd",
        options={"momentum": 0.9},
        weight_decay=2e-7,
        groups=(ParameterGroup(pattern=r"^encoder\.", rate=0.01, scheduled=False),),
        milestones=(0.75, 0.95),
        summed=True,
        whole_windows=True,
        whole_batch=True,
        paper={"pretrain": PAPER, "finetune": PAPER},
        sample={**PAPER, **SHORTER},
        start="S3D of Kinetics-400; the authors train on DHF1K only",
    ),
    variants={
        "v": Variant(
            published_key=published_key, cost=Cost(21_260_693, 78_456_225_792, 78_456_225_792)
        )
    },
    checkpoints=(
        PublishedWeights(
            file="TASED_updated.pt",
            learnt_from=("dhf1k",),
            place="the README of github.com/MichiganCOG/TASED-Net (Google Drive "
            "1y4KSTm-e7kP84k0IyVI-rRtmYZkrC-wL)",
            licence="MIT",
        ),
    ),
    encoders=(s3d_encoder("encoder"),),
    rounding="TASED-Net puts values back where pooling found the largest ones; of two that are "
    "equal but for rounding, another program may find the other",
    tiny={"width": 0.05},
)
