"""AViNet: ViNet with SoundNet, whose output is fused with the coarsest feature.

The audio-visual networks of "ViNet: Pushing the limits of Visual Modality for Audio-Visual Saliency
Prediction" (Jain et al., IROS 2021), written from a description of the published ones
(github.com/samyak0210/ViNet, MIT) and equal to them to rounding. Tensors that the original stores
and never reads (`UNUSED`) are left out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from avrsp.errors import ParamsError
from avrsp.models.layers.conv import scaled
from avrsp.models.layers.soundnet import INPUT_SCALE, LAYERS, STRIDE, SoundNet
from avrsp.models.vinet.visual import Settings, VariantName, ViNet, visual_key
from avrsp.models.weights import lettered
from avrsp.types import sound_samples

COARSEST: Final = 32
"""Pixels of one position of S3D's coarsest feature; it has one for every 8 frames."""
REDUCED: Final = 32
"""Channels that attend to one another after the bilinear fusion."""
TOKEN: Final = 512
"""Channels of a token, a position or a piece of sound, where both are concatenated."""
BLOCKS: Final = 3
HEADS: Final = 4
DROPOUT: Final = 0.1

Shapes = dict[str, tuple[int, ...]]

CLASSIFIERS: Final[Shapes] = {
    "audionet.conv8_objs.weight": (1000, 1024, 8, 1),
    "audionet.conv8_objs.bias": (1000,),
    "audionet.conv8_scns.weight": (401, 1024, 8, 1),
    "audionet.conv8_scns.bias": (401,),
}
"""SoundNet's, which the original stores and never reads."""
SPARE: Final[Shapes] = {"bilinear.weight": (336, 42, 3), "bilinear.bias": (336,)}
"""The fusion of the other variants, which the concatenating one stores and never reads."""
UNUSED: Final[dict[VariantName, Shapes]] = {
    "av-bilinear": CLASSIFIERS,
    "av-bilinear-transformer": CLASSIFIERS,
    "av-concat-transformer": {**CLASSIFIERS, **SPARE},
}
"""Names and shapes of the published tensors that no output depends on."""


def audio_visual_key(key: str) -> str:
    """Return the published name of a tensor; SoundNet's kernels have a last axis of 1 there."""
    root, _, rest = key.partition(".")
    if root == "audionet":
        return f"audionet.{lettered(rest)}"
    return f"visual_model.{visual_key(key)}" if root in ("backbone", "decoder") else key


def sounded(samples: int) -> int:
    """Return how many steps SoundNet makes of S samples: 3 of 70,560."""
    for layer in LAYERS:
        samples = (samples + 2 * layer.padding - layer.kernel) // STRIDE + 1
        samples //= layer.pool
    return samples


def build(settings: Settings) -> ViNet:
    """Build the variant that `settings` name.

    Raises:
        ParamsError: The fusion cannot be built at this width or size.
    """
    variants: dict[VariantName, type[ViNet]] = {
        "v": ViNet,
        "av-bilinear": BilinearSound,
        "av-bilinear-transformer": BilinearTransformer,
        "av-concat-transformer": ConcatTransformer,
    }
    return variants[settings.variant](settings)


class AViNet(ViNet, ABC):
    """ViNet, and SoundNet as `audionet`; `fuse` is what the variants differ in.

    A clip without sound gets zeros, as from the original's loader.

    Attributes:
        grid: T, H and W of the coarsest feature.
        samples: S of the sound buffer, 70,560 for 32 frames.
    """

    def __init__(self, settings: Settings, *, coarsest: int | None = None) -> None:
        super().__init__(settings, coarsest=coarsest)
        height, width = settings.size
        self.grid = (settings.length // 8, height // COARSEST, width // COARSEST)
        self.samples = sound_samples(settings.length)
        self.audionet = SoundNet(width=settings.width)

    def decode(self, features: Sequence[Tensor], waveform: Tensor | None = None) -> Tensor:
        """Map S3D's features, fine to coarse, and sound in [-256, 256] to B x H x W in [0, 1]."""
        *finer, coarsest = features
        if waveform is None:
            waveform = coarsest.new_zeros(len(coarsest), 1, self.samples)
        # SoundNet scales by itself; the scale is a power of two, so nothing is lost.
        sound = self.audionet(waveform / INPUT_SCALE)
        return super().decode([*finer, self.fuse(coarsest, sound)])

    @abstractmethod
    def fuse(self, coarsest: Tensor, sound: Tensor) -> Tensor:
        """Return what replaces the coarsest feature, B x C x T x H x W; `sound` is B x C x M."""


class BilinearSound(AViNet):
    """Each channel is a bilinear form of its own picture and its own sound; weights are shared."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        visual, audio = self.backbone.channels[-1], self.audionet.channels
        if visual != audio:
            raise ParamsError(
                f"vinet: found {visual} channels of the picture and {audio} of sound at width "
                f"{settings.width}; expected as many, which a width of 1, 1/2, 1/4 or 1/8 has"
            )
        time, height, width = self.grid
        self.bilinear = nn.Bilinear(
            height * math.ceil(width / 2), sounded(self.samples), time * height * width
        )

    def fuse(self, coarsest: Tensor, sound: Tensor) -> Tensor:
        """Combine the largest value over time at every second column with the steps of sound."""
        picture = coarsest.amax(2)[..., ::2].flatten(2)  # a pooling whose stride leaves columns out
        dtype = self.bilinear.weight.dtype  # on a CPU, autocasting does not know of bilinear maps
        fused: Tensor = self.bilinear(picture.to(dtype), sound.to(dtype))
        return fused.view(coarsest.shape)


class BilinearTransformer(BilinearSound):
    """The bilinear fusion, whose channels, reduced to 32, then attend to one another."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        channels, reduced = self.audionet.channels, scaled(REDUCED, settings.width)
        positions = math.prod(self.grid)
        if positions % HEADS:
            raise ParamsError(
                f"vinet: found {positions} positions at size {settings.size} and length "
                f"{settings.length}; expected a multiple of the {HEADS} attention heads"
            )
        self.conv_in_1x1 = nn.Conv3d(channels, reduced, 1)
        self.conv_out_1x1 = nn.Conv3d(reduced, channels, 1)
        self.transformer = TokenTransformer(tokens=reduced, channels=positions)

    def fuse(self, coarsest: Tensor, sound: Tensor) -> Tensor:
        """Fuse, then let channels, as tokens of all positions, attend to one another."""
        reduced = self.conv_in_1x1(super().fuse(coarsest, sound))
        attended = self.transformer(reduced.flatten(2)).view(reduced.shape)
        widened: Tensor = self.conv_out_1x1(attended)
        return widened


class ConcatTransformer(AViNet):
    """Positions and steps of sound, tokens of one sequence, attend to one another."""

    def __init__(self, settings: Settings) -> None:
        token = scaled(TOKEN, settings.width)
        super().__init__(settings, coarsest=2 * token)
        self.conv_in_1x1 = nn.Conv3d(self.backbone.channels[-1], token, 1)
        self.audio_conv_1x1 = nn.Conv2d(self.audionet.channels, token, 1)
        steps = sounded(self.samples)
        self.transformer = TokenTransformer(tokens=math.prod(self.grid) + steps, channels=token)

    def fuse(self, coarsest: Tensor, sound: Tensor) -> Tensor:
        """Return the positions' tokens beside the mean of the sound's."""
        picture = self.conv_in_1x1(coarsest)
        audio = self.audio_conv_1x1(sound[..., None]).flatten(2)
        positions = picture[0, 0].numel()
        both = torch.cat([picture.flatten(2), audio], dim=2).transpose(1, 2)  # b c n -> b n c
        attended = self.transformer(both).transpose(1, 2)
        visual = attended[..., :positions].reshape(picture.shape)
        average = attended[..., positions:].mean(2)
        return torch.cat([visual, average[..., None, None, None].expand_as(visual)], dim=1)


class TokenTransformer(nn.Module):
    """Three encoder layers, normalised after each residual, over tokens with fixed positions."""

    def __init__(self, *, tokens: int, channels: int) -> None:
        super().__init__()
        self.pos_encoder = Positions(tokens, channels)
        layer = nn.TransformerEncoderLayer(channels, HEADS, channels, DROPOUT)
        self.transformer_encoder = nn.TransformerEncoder(layer, BLOCKS, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map B x N x C tokens to B x N x C."""
        encoded: Tensor = self.transformer_encoder(self.pos_encoder(x.transpose(0, 1)))
        return encoded.transpose(0, 1)


class Positions(nn.Module):
    """Adds sines and cosines of each token's number ("Attention Is All You Need", section 3.5)."""

    pe: Tensor

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        rates = torch.exp(torch.arange(0, channels, 2) * (-math.log(10_000) / channels))
        angles = torch.arange(tokens)[:, None] * rates
        waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
        self.register_buffer("pe", waves[:, None])  # stored, because the original stores it

    def forward(self, x: Tensor) -> Tensor:
        """Map N x B x C tokens to the same with their positions added."""
        return x + self.pe
