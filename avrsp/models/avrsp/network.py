"""AVRSP, Fig. 2: encoders, neck, fusion, synergy, gates, decoder.

"Relevance-guided Audio Visual Fusion for Video Saliency Prediction", section III.
The paper has no public code; what it leaves open is decided in docs/decisions.md, D1 to D19.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from avrsp.errors import ParamsError
from avrsp.models.avrsp.decoder import Decoder, Regulator, Synergy
from avrsp.models.avrsp.fusions import FUSIONS
from avrsp.models.layers.aspp import ASPP, LIP
from avrsp.models.layers.conv import as_clip, as_frames, scaled
from avrsp.models.layers.pixels import IMAGENET_MEAN, IMAGENET_STD, normalised
from avrsp.models.layers.s3d import S3D
from avrsp.models.layers.soundnet import SoundNet
from avrsp.params import FusionName
from avrsp.types import sound_samples

PYRAMID_CHANNELS: Final = 80
"""Common width C of the pyramid, chosen under the budget (D1)."""
TOKEN: Final = 256
"""Token size d_model of the fusion."""
SCALES: Final = 4
WINDOWS: Final = (1, 2, 4, 4)
"""T of each scale, coarse to fine, over that of X0: what LIP pools (D2)."""
DILATIONS: Final = (1, 3)
"""ASPP's dilations at X0; twice as large at each finer scale (D1)."""
LENGTHS: Final = (8, 16, 32)
COARSEST: Final = 32
FRAMES_A_STEP: Final = 8
"""Pixels and frames of one position of X0."""


class Settings(BaseModel):
    """Which network this is: every row of Tables III to V is one setting away.

    Attributes:
        audio: Whether it takes sound; without, `fusion` has no effect.
        fusion: How sound joins the picture; `visual` is the network without sound.
        synergy: Whether MS enhances the skips.
        gate: Whether MRG gates the fused feature.
        pairs: How many of the finest scales MS and MRG cover (D7).
        blocks: N, blocks of the fusions that have blocks.
        width: Multiplier of every channel count (D14).
        heads: Attention heads.
        momentum: Of S3D's batch normalisation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    audio: bool = True
    fusion: FusionName = "ravf"
    synergy: bool = True
    gate: bool = True
    pairs: int = Field(default=3, ge=0, le=SCALES)
    blocks: int = Field(default=2, ge=1)
    width: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    heads: int = Field(default=8, ge=1)
    momentum: float = Field(default=0.1, gt=0, lt=1)

    @property
    def listens(self) -> bool:
        """Whether the network takes sound."""
        return self.audio and self.fusion != "visual"

    @model_validator(mode="after")
    def _heads_divide_the_token(self) -> Settings:
        token = scaled(TOKEN, self.width)
        if token % self.heads:
            raise ValueError(
                f"heads {self.heads}: expected one of the divisors of {token}, the token size at "
                f"width {self.width}"
            )
        return self


class AVRSP(nn.Module):
    """The network of Fig. 2; a part that is off has no parameters."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        channels = scaled(PYRAMID_CHANNELS, settings.width)
        synergy = settings.pairs if settings.synergy else 0
        gates = settings.pairs if settings.gate else 0
        self.settings = settings
        self.encoder = S3D(width=settings.width, momentum=settings.momentum)
        self.neck = nn.ModuleList(
            _neck(inputs, channels, scale)
            for scale, inputs in enumerate(reversed(self.encoder.channels))
        )
        self.listen = _listener(channels, settings) if settings.listens else NoListener()
        self.synergy = Synergy(channels, scales=SCALES, pairs=synergy) if synergy else nn.Identity()
        self.gate = Regulator(channels, scales=SCALES, pairs=gates)
        self.decoder = Decoder(channels, scales=SCALES)

    @property
    def stages(self) -> nn.ModuleList:
        """S3D's stages, from the picture on."""
        return self.encoder.stages

    @property
    def necks(self) -> list[nn.Module]:
        """The neck of each of S3D's stages, in their order."""
        return [*self.neck][::-1]

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Predict the map of each window's last frame.

        Args:
            frames: B x 3 x T x H x W uint8 RGB; T 8, 16 or 32, H and W multiples of 32.
            waveform: B x 1 x S in [-1, 1], or None: every clip is silent.
            has_sound: B bool; None: every clip sounds. Where false, `waveform` is not read (D12).

        Returns:
            B x H x W in [0, 1].
        """
        _check(frames)
        return self.from_normalised(self.normalised(frames), waveform, has_sound)

    def normalised(self, frames: Tensor) -> Tensor:
        """Return uint8 frames on ImageNet's scale (D13), at the precision of the map's layers."""
        return normalised(frames, IMAGENET_MEAN, IMAGENET_STD, self.decoder.score.weight.dtype)

    def from_normalised(
        self,
        frames: Tensor,
        waveform: Tensor | None = None,
        has_sound: Tensor | None = None,
    ) -> Tensor:
        """Predict from frames on ImageNet's scale."""
        return self.from_pyramid(self._pyramid(self.encoder(frames)), waveform, has_sound)

    def encode(self, frames: Tensor) -> list[Tensor]:
        """Return the neck's four features of uint8 frames, coarse to fine: sound changes none."""
        return self._pyramid(self.encoder(self.normalised(frames)))

    def _pyramid(self, features: list[Tensor]) -> list[Tensor]:
        coarse_first = zip(self.neck, reversed(features), strict=True)
        return [neck(feature) for neck, feature in coarse_first]

    def from_pyramid(
        self,
        pyramid: list[Tensor],
        waveform: Tensor | None = None,
        has_sound: Tensor | None = None,
    ) -> Tensor:
        """Predict from the neck's four features, coarse to fine, of one length in time."""
        fused = self.listen(pyramid, *_sound(pyramid[0], waveform, has_sound))
        skips = self.synergy(pyramid)  # eq. 8 to 12
        logits: Tensor = self.decoder(self.gate(fused, skips), skips)  # eq. 13 to 15
        return torch.sigmoid(logits.to(torch.promote_types(logits.dtype, torch.float32)))

    from_features = from_pyramid
    """What `encode` returns, with a sound (`types.EncodesOnce`)."""


class Listener(nn.Module):
    """SoundNet and a fusion of its output into X0 (Fig. 2, middle).

    A visual token is a position of X0 and the mean of what each finer scale shows there (D3): an
    encoder that was not trained to tell things apart has no trace of what they are in X0 alone, and
    sound would have nothing to be relevant to. Each channel is normalised over all positions, or
    else what all positions share would outweigh what makes them differ.

    The fused tokens are added to X0, so that a network which starts from visual training (as the
    paper's does) still sees what it saw, and a fusion has only to learn what sound changes.
    """

    def __init__(
        self, channels: int, fusion: nn.Module, *, scales: int, token: int, width: float
    ) -> None:
        super().__init__()
        self.soundnet = SoundNet(width=width)
        self.contrast = nn.BatchNorm1d(scales * channels)
        self.visual = nn.Sequential(nn.Linear(scales * channels, token), nn.LayerNorm(token))
        self.audio = nn.Sequential(nn.Linear(self.soundnet.channels, token), nn.LayerNorm(token))
        self.fusion = fusion
        self.out = nn.Linear(token, channels)

    def forward(self, pyramid: list[Tensor], waveform: Tensor, has_sound: Tensor) -> Tensor:
        """Map features B x C x T x H x W, X0 first, and B x 1 x S sound to F_av of X0's size."""
        # Whatever stands in a silent clip's buffer, NaN included, must not reach the others.
        waveform = torch.where(has_sound[:, None, None], waveform, 0.0)
        audio = self.audio(self.soundnet(waveform).mT)  # b c m -> b m c
        x0 = pyramid[0]
        T, H, W = x0.shape[2:]
        # each scale's H and W are multiples of X0's; ONNX has no pooling to a given size
        sizes = [(x.shape[3] // H, x.shape[4] // W) for x in pyramid]
        scales = [
            as_clip(F.avg_pool2d(as_frames(x), size), T)
            for x, size in zip(pyramid, sizes, strict=True)
        ]
        shown = torch.cat(scales, dim=1)
        visual = self.visual(self.contrast(shown.flatten(2)).mT)  # b c t h w -> b (t h w) c
        fused: Tensor = self.out(self.fusion(visual, audio, has_sound))
        return x0 + fused.mT.reshape(x0.shape)  # b (t h w) c -> b c t h w


class NoListener(nn.Module):
    """In place of `Listener` in the visual network: X0 goes straight on (D10)."""

    def forward(self, pyramid: list[Tensor], waveform: Tensor, has_sound: Tensor) -> Tensor:
        """Return X0."""
        return pyramid[0]


def _neck(inputs: int, channels: int, scale: int) -> nn.Sequential:
    near, far = DILATIONS
    aspp = ASPP(inputs, channels, (near * 2**scale, far * 2**scale))
    window = WINDOWS[scale]
    return nn.Sequential(aspp, LIP(channels, window) if window > 1 else nn.Identity())


def _listener(channels: int, settings: Settings) -> Listener:
    token = scaled(TOKEN, settings.width)
    fusion = FUSIONS[settings.fusion](token, settings.heads, settings.blocks)
    return Listener(channels, fusion, scales=SCALES, token=token, width=settings.width)


def _check(frames: Tensor) -> None:
    length, height, width = frames.shape[2:]
    if length not in LENGTHS or height % COARSEST or width % COARSEST:
        raise ParamsError(
            f"frames: found {length} x {height} x {width}, expected T in {LENGTHS} "
            f"and H, W multiples of {COARSEST}; resize the clip"
        )


def _sound(x0: Tensor, waveform: Tensor | None, has_sound: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return a waveform and a flag for each clip, whichever of them was given."""
    batch, length = x0.shape[0], FRAMES_A_STEP * x0.shape[2]
    if waveform is None:
        silence = x0.new_zeros((batch, 1, sound_samples(length)))
        return silence, x0.new_zeros(batch, dtype=torch.bool)
    if has_sound is None:
        return waveform, x0.new_ones(batch, dtype=torch.bool)
    return waveform, has_sound
