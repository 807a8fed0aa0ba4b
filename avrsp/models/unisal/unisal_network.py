"""UNISAL: a light recurrent network for videos and images, with parts for each source of data.

Droste, Jiao and Noble, "Unified Image and Video Saliency Modeling", ECCV 2020.
Written from a description of github.com/rdroste/unisal (Apache-2.0), and equal to it to rounding.

MobileNetV2 and learned Gaussian priors describe each frame, a convolutional GRU carries a state
from frame to frame, a decoder with two skip connections gives a log-probability of each pixel.
Normalisations, priors and the last two layers exist once for each domain: DHF1K, Hollywood-2,
UCF-Sports and SALICON (images: no recurrence). 3,714,872 parameters at width 1.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from avrsp.models.layers import gaussians
from avrsp.models.layers.conv import scaled
from avrsp.models.layers.convgru import ConvGRU
from avrsp.models.layers.domainnorm import DomainNorm
from avrsp.models.layers.mobilenet import InvertedResidual, MobileNetV2
from avrsp.models.layers.pixels import IMAGENET_MEAN, IMAGENET_STD, normalised

Domain = Literal["dhf1k", "hollywood", "ucfsports", "salicon"]


class DomainFacts(NamedTuple):
    """How the original treats one of the four sets that it is trained on.

    Attributes:
        key: Its name in the published tensors.
        height: Rows of the network's input; frames are resized with a Lanczos filter.
        width: Columns of the network's input.
        frame_step: Frames from one that is read to the next.
        momentum: Of the running statistics of its batch normalisations.
    """

    key: str
    height: int
    width: int
    frame_step: int
    momentum: float


DOMAINS: Final[dict[Domain, DomainFacts]] = {
    "dhf1k": DomainFacts("DHF1K", 224, 384, 5, 0.01),
    "hollywood": DomainFacts("Hollywood", 224, 416, 4, 0.01),
    "ucfsports": DomainFacts("UCFSports", 256, 384, 4, 0.01),
    "salicon": DomainFacts("SALICON", 288, 384, 1, 0.1),
}
MULTIPLE: Final = 32
"""Height and width are multiples of it: the decoder doubles what the encoder has halved."""
LENGTH: Final = 12
"""Frames of a training clip, `frame_step` apart."""

CHANNELS: Final = 256
PRIOR_SCALE: Final = 6.0
DROPOUT: Final = 0.6
STATE_DROPOUT: Final = 0.2
SMOOTHING: Final = 41
STRIDE: Final = 8
"""The decoder's output has 1 / STRIDE of the input's height and width before the smoothing."""


class Settings(BaseModel):
    """What a user may choose; the defaults are the published network on DHF1K.

    Attributes:
        domain: Whose normalisations, priors, adaptation and smoothing act. Videos of other sets
            were not part of the training; DHF1K is the widest of its sources.
        width: Factor of every number of channels, but for the priors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain: Domain = "dhf1k"
    width: float = Field(default=1.0, gt=0)


class Skip(nn.Module):
    """A feature of the encoder on its way to the decoder: twice as wide inside, with dropout."""

    def __init__(self, inputs: int, outputs: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        middle = 2 * inputs
        self.expansion = nn.Sequential(
            nn.Conv2d(inputs, middle, 1, bias=False), norm(middle), nn.ReLU6(inplace=True)
        )
        self.dropout = nn.Dropout2d(DROPOUT)
        self.reduction = nn.Sequential(nn.Conv2d(middle, outputs, 1), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map B x inputs x H x W to B x outputs x H x W."""
        reduced: Tensor = self.reduction(self.dropout(self.expansion(x)))
        return reduced


class Unisal(nn.Module):
    """The network; the parts of the domain that `Settings` names act and learn.

    It takes no sound: `waveform` and `has_sound` are ignored.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        settings = settings or Settings()
        self.settings = settings
        momenta = {source.key: source.momentum for source in DOMAINS.values()}
        norm = functools.partial(DomainNorm, momenta=momenta, domain=DOMAINS[settings.domain].key)
        self.cnn = MobileNetV2(width=settings.width)
        coarse, middle, fine = self.cnn.channels
        state, skip_2x, skip_4x = (scaled(each, settings.width) for each in (CHANNELS, 128, 64))
        plain = functools.partial(nn.BatchNorm2d, momentum=momenta[DOMAINS["dhf1k"].key])
        self.post_cnn = _named(
            inv_res=InvertedResidual(coarse + gaussians.COUNT, state, expansion=1, norm=plain)
        )
        self.rnn = ConvGRU(state, norm, dropout=STATE_DROPOUT)
        self.post_rnn = nn.Sequential(
            nn.Conv2d(state, state, 1, bias=False), norm(state), nn.ReLU6(inplace=True)
        )
        self.skip_2x = Skip(middle, skip_2x, norm)
        self.skip_4x = Skip(fine, skip_4x, norm)
        self.upsampling_2 = _named(
            inv_res=InvertedResidual(state + skip_2x, skip_2x, expansion=2, norm=norm)
        )
        self.post_upsampling_2 = _named(
            inv_res=InvertedResidual(skip_2x + skip_4x, skip_4x, expansion=2, norm=norm)
        )
        for part in self.modules():
            if isinstance(part, nn.Conv2d):  # the encoder's normalisations would not even it out
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        priors = {each: gaussians.first_priors() for each in DOMAINS}
        self.coarse_gaussians = nn.ParameterDict(priors)
        self.adaptation = nn.ModuleDict({each: nn.Conv2d(skip_4x, 1, 1) for each in DOMAINS})
        self.smoothing = nn.ModuleDict({each: _first_smoothing() for each in DOMAINS})
        for name, parameter in self.named_parameters():
            parameter.requires_grad = _acts(name, settings.domain)

    def train(self, mode: bool = True) -> Unisal:
        """Set the mode, but leave the encoder's normalisations at their running statistics."""
        super().train(mode)
        for part in self.cnn.modules():
            if isinstance(part, _BatchNorm):
                part.eval()
        return self

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Map frames B x 3 x T x H x W uint8 RGB to the last one's saliency B x H x W in [0, 1]."""
        features, _ = self._features(self.normalised(frames), None, recurrent=self._moves(frames))
        last = tuple(each[:, -1:] for each in features)
        return saliency(self._decoded(*last)[:, 0].float())

    def log_probabilities(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Return all frames' log-probabilities B x T x H x W; it takes what `forward` does."""
        return self.from_normalised(self.normalised(frames)).float()

    def from_normalised(self, frames: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Map normalised frames B x 3 x T x H x W to log-probabilities B x T x H x W.

        A single frame, and any in the domain `salicon`, is an image: the GRU is bypassed.
        """
        features, _ = self._features(frames, None, recurrent=self._moves(frames))
        return self._decoded(*features)

    def step(self, frames: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Continue a sequence: log-probabilities B x T x H x W, and the state to go on with.

        Args:
            frames: The sequence's next frames, normalised, B x 3 x T x H x W; T may be 1.
            state: What the last call returned; None at a sequence's start.

        However a sequence is cut, the maps are those of the whole. `salicon` carries no state.
        """
        features, state = self._features(frames, state, recurrent=self.settings.domain != "salicon")
        return self._decoded(*features), state

    def advance(self, frames: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map each sequence's next frame, B x 3 x H x W uint8 RGB, to saliency in [0, 1].

        A sequence of a single frame goes through the GRU like any other.
        """
        logs, state = self.step(self.normalised(frames[:, :, None]), state)
        return saliency(logs[:, 0]), state

    def normalised(self, frames: Tensor) -> Tensor:
        """Map frames B x 3 x T x H x W uint8 RGB to the network's input, of the same shape."""
        dtype = self.coarse_gaussians[self.settings.domain].dtype
        return normalised(frames, IMAGENET_MEAN, IMAGENET_STD, dtype)

    def _moves(self, frames: Tensor) -> bool:
        return frames.shape[2] > 1 and self.settings.domain != "salicon"

    def _features(
        self, frames: Tensor, state: Tensor | None, *, recurrent: bool
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor | None]:
        """Return features B x T x C x h x w at 1/32, 1/16 and 1/8 of H and W, and the state."""
        encoded, middle, fine = self._encoded(frames.transpose(1, 2))
        (coarse,) = self._by_frame(self._described, encoded)
        if recurrent:
            (projected,) = self._by_frame(lambda x: (self.rnn.cell.project(x),), coarse)
            states, state = self.rnn(projected, state)
            (added,) = self._by_frame(lambda x: (self.post_rnn(x),), states)
            coarse = coarse + added
        return (coarse, middle, fine), state

    def _encoded(self, frames: Tensor) -> Sequence[Tensor]:
        """Map B x T x 3 x H x W to the encoder's features at 1/32, 1/16 and 1/8.

        All frames at once, in training too: `train` leaves its normalisations as they are.
        """
        images = frames.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return [each.unflatten(0, frames.shape[:2]) for each in self.cnn(images)]

    def _described(self, encoded: Tensor) -> tuple[Tensor]:
        parameters = self.coarse_gaussians[self.settings.domain]
        priors = PRIOR_SCALE * gaussians.prior_maps(parameters, *encoded.shape[-2:])
        described = torch.cat([encoded, priors.expand(len(encoded), -1, -1, -1)], dim=1)
        return (self.post_cnn(described),)

    def _decoded(self, coarse: Tensor, middle: Tensor, fine: Tensor) -> Tensor:
        (small,) = self._by_frame(self._decode, coarse, middle, fine)
        kernel = self.smoothing[self.settings.domain].get_parameter("weight")
        logits = gaussians.enlarged_and_smoothed(small.flatten(0, 1), kernel, STRIDE)
        logs = F.log_softmax(logits.flatten(1), dim=-1)
        return logs.view(*small.shape[:2], *logits.shape[-2:])

    def _decode(self, coarse: Tensor, middle: Tensor, fine: Tensor) -> tuple[Tensor]:
        """Map features B x C x h x w of the three resolutions to B x 1 x H/8 x W/8."""
        x = self.upsampling_2(torch.cat([_doubled(coarse), self.skip_2x(middle)], dim=1))
        x = self.post_upsampling_2(torch.cat([_doubled(x), self.skip_4x(fine)], dim=1))
        return (self.adaptation[self.settings.domain](x),)

    def _by_frame(
        self, part: Callable[..., tuple[Tensor, ...]], *sequences: Tensor
    ) -> tuple[Tensor, ...]:
        """Apply `part` to the frames of sequences B x T x ..., together or one after the other.

        In training a batch normalisation's statistics are those of one moment of all clips.
        """
        if self.training:
            moments = zip(*(each.unbind(1) for each in sequences), strict=True)
            outputs = zip(*(part(*moment) for moment in moments), strict=True)
            return tuple(torch.stack(each, dim=1) for each in outputs)
        length = sequences[0].shape[1]
        flat = part(*(each.flatten(0, 1) for each in sequences))
        return tuple(torch.unflatten(each, 0, (-1, length)) for each in flat)


def saliency(log_probabilities: Tensor) -> Tensor:
    """Map log-probabilities ... x H x W to maps with maximum 1."""
    return (log_probabilities - log_probabilities.amax((-2, -1), keepdim=True)).exp()


def _acts(name: str, domain: Domain) -> bool:
    """Say whether a parameter acts in the domain: no other one's name is in its own."""
    others = [each for each in DOMAINS if each != domain]
    return not any(f"bn_{DOMAINS[each].key}." in name or f".{each}" in name for each in others)


def _named(**parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(parts))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _first_smoothing() -> nn.Conv2d:
    """Return a convolution with a centred Gaussian of deviation exp(-2) of its size, with sum 1."""
    row = gaussians.gaussian(SMOOTHING, torch.tensor(0.5), torch.tensor(-2.0))
    kernel = row[:, None] * row
    smoothing = nn.Conv2d(1, 1, SMOOTHING, bias=False)
    smoothing.weight = nn.Parameter((kernel / kernel.sum())[None, None])
    return smoothing
