"""UNISAL: a light recurrent network for videos and images, with parts for each source of data.

Droste, Jiao and Noble, "Unified Image and Video Saliency Modeling", ECCV 2020.
Original: github.com/rdroste/unisal (Apache-2.0), commit 0440df7. Written from a description of it;
tensors have the published names, so that the published weights (Apache-2.0) load as they are.

MobileNetV2 and learned Gaussian priors describe each frame, a convolutional GRU carries a state
from frame to frame, a decoder with two skip connections gives a log-probability of each pixel.
Normalisations, priors and the last two layers exist once for each domain: DHF1K, Hollywood-2,
UCF-Sports and SALICON (images: no recurrence). 3,714,872 parameters at width 1.
"""

from __future__ import annotations

import functools
import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from avrsp.metrics import cc, nss
from avrsp.models.layers.conv import scaled
from avrsp.models.layers.convgru import ConvGRU
from avrsp.models.layers.domainnorm import DomainNorm
from avrsp.models.layers.mobilenet import InvertedResidual, MobileNetV2
from avrsp.models.layers.pixels import IMAGENET_MEAN, IMAGENET_STD, normalised
from avrsp.models.layers.priors import COUNT, first_priors, gaussian, prior_maps
from avrsp.models.layers.smoothing import enlarged_and_smoothed

Domain = Literal["dhf1k", "hollywood", "ucfsports", "salicon"]


class Source(NamedTuple):
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


DOMAINS: Final[dict[Domain, Source]] = {
    "dhf1k": Source("DHF1K", 224, 384, 5, 0.01),
    "hollywood": Source("Hollywood", 224, 416, 4, 0.01),
    "ucfsports": Source("UCFSports", 256, 384, 4, 0.01),
    "salicon": Source("SALICON", 288, 384, 1, 0.1),
}
MULTIPLE: Final = 32
"""Height and width are multiples of it: the decoder doubles what the encoder has halved."""
LENGTH: Final = 12
"""Frames of a training clip, `frame_step` apart."""
CHUNK: Final = 6
"""Frames that the original predicts at a time; all of them get a map, and the state is carried."""

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
    """The network; `select` changes the domain that `Settings` names.

    It is given no sound: `waveform` and `has_sound` are ignored.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        settings = settings or Settings()
        self.domain: Domain = settings.domain
        momenta = {source.key: source.momentum for source in DOMAINS.values()}
        norm = functools.partial(DomainNorm, momenta=momenta, domain=DOMAINS[settings.domain].key)
        self.cnn = MobileNetV2(width=settings.width)
        coarse, middle, fine = self.cnn.channels
        state, skip_2x, skip_4x = (scaled(each, settings.width) for each in (CHANNELS, 128, 64))
        plain = functools.partial(nn.BatchNorm2d, momentum=momenta[DOMAINS["dhf1k"].key])
        self.post_cnn = _named(
            inv_res=InvertedResidual(coarse + COUNT, state, expansion=1, norm=plain)
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
        for domain in DOMAINS:
            self.register_parameter(f"coarse_gaussians_{domain}", nn.Parameter(first_priors()))
            self.add_module(f"adaptation_{domain}", nn.Sequential(nn.Conv2d(skip_4x, 1, 1)))
            smoothing = nn.Conv2d(1, 1, SMOOTHING, bias=False)
            smoothing.weight = nn.Parameter(_first_smoothing())
            self.add_module(f"smoothing_{domain}", smoothing)

    def select(self, domain: Domain) -> None:
        """Let the parts of another domain act."""
        self.domain = domain
        for part in self.modules():
            if isinstance(part, DomainNorm):
                part.domain = DOMAINS[domain].key

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
        del waveform, has_sound
        features, _ = self._features(self.normalised(frames), None, recurrent=self._moves(frames))
        last = tuple(each[:, -1:] for each in features)
        return saliency(self._decoded(*last)[:, 0])

    def from_normalised(self, frames: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Map normalised frames B x 3 x T x H x W to log-probabilities B x T x H x W.

        A single frame, and any in the domain `salicon`, is an image: the GRU is bypassed.
        """
        del waveform
        features, _ = self._features(frames, None, recurrent=self._moves(frames))
        return self._decoded(*features)

    def step(self, frames: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Continue a sequence: log-probabilities B x T x H x W, and the state to go on with.

        Args:
            frames: The sequence's next frames, normalised, B x 3 x T x H x W; T may be 1.
            state: What the last call returned; None at a sequence's start.

        However a sequence is cut, the maps are those of the whole. `salicon` carries no state.
        """
        features, state = self._features(frames, state, recurrent=self.domain != "salicon")
        return self._decoded(*features), state

    def normalised(self, frames: Tensor) -> Tensor:
        """Map frames B x 3 x T x H x W uint8 RGB to the network's input, of the same shape."""
        dtype = self.get_parameter(f"coarse_gaussians_{self.domain}").dtype
        return normalised(frames, IMAGENET_MEAN, IMAGENET_STD, dtype)

    def _moves(self, frames: Tensor) -> bool:
        return frames.shape[2] > 1 and self.domain != "salicon"

    def _features(
        self, frames: Tensor, state: Tensor | None, *, recurrent: bool
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor | None]:
        """Return features B x T x C x h x w at 1/32, 1/16 and 1/8 of H and W, and the state."""
        coarse, middle, fine = self._by_frame(self._encoded, frames.transpose(1, 2))
        if recurrent:
            (projected,) = self._by_frame(lambda x: (self.rnn.cell.project(x),), coarse)
            states, state = self.rnn(projected, state)
            (added,) = self._by_frame(lambda x: (self.post_rnn(x),), states)
            coarse = coarse + added
        return (coarse, middle, fine), state

    def _encoded(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        coarse, middle, fine = self.cnn(images.contiguous(memory_format=torch.channels_last))
        parameters = self.get_parameter(f"coarse_gaussians_{self.domain}")
        priors = PRIOR_SCALE * prior_maps(parameters, *coarse.shape[-2:])
        described = torch.cat([coarse, priors.expand(len(coarse), -1, -1, -1)], dim=1)
        return self.post_cnn(described), middle, fine

    def _decoded(self, coarse: Tensor, middle: Tensor, fine: Tensor) -> Tensor:
        (logits,) = self._by_frame(self._decode, coarse, middle, fine)
        return F.log_softmax(logits.flatten(-2), dim=-1).view_as(logits)

    def _decode(self, coarse: Tensor, middle: Tensor, fine: Tensor) -> tuple[Tensor]:
        """Map features B x C x h x w of the three resolutions to logits B x H x W."""
        x = self.upsampling_2(torch.cat([_doubled(coarse), self.skip_2x(middle)], dim=1))
        x = self.post_upsampling_2(torch.cat([_doubled(x), self.skip_4x(fine)], dim=1))
        x = self.get_submodule(f"adaptation_{self.domain}")(x)
        kernel = self.get_submodule(f"smoothing_{self.domain}").get_parameter("weight")
        return (enlarged_and_smoothed(x, kernel, STRIDE)[:, 0],)

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


def subsequences(frames: int, frame_step: int) -> list[list[range]]:
    """Return the original's order of work on a video: interleaved sequences, cut into chunks.

    Sequence k has frames k, k + frame_step, ...; together they hold every frame once, so that each
    frame is predicted and none is interpolated. The state starts with a sequence and is carried
    from chunk to chunk.
    """
    whole = (range(first, frames, frame_step) for first in range(min(frame_step, frames)))
    return [[each[at : at + CHUNK] for at in range(0, len(each), CHUNK)] for each in whole]


def predict_video(network: Unisal, frames: Iterable[Tensor]) -> Iterator[Tensor]:
    """Predict every frame of a video, 3 x H x W uint8 RGB, in order: maps H x W in [0, 1].

    The interleaved sequences advance side by side, as a batch of `frame_step` with one state each:
    `frame_step` frames are held at a time. The maps are those of `subsequences`. A sequence of a
    single frame (a very short video) goes through the GRU like any other.
    """
    remaining = iter(frames)
    state: Tensor | None = None
    frame_step = DOMAINS[network.domain].frame_step
    while block := list(itertools.islice(remaining, frame_step)):
        clips = torch.stack(block)[:, :, None]
        before = None if state is None else state[: len(block)]
        with torch.inference_mode():
            logs, state = network.step(network.normalised(clips), before)
        yield from saliency(logs[:, 0])


def loss(log_probabilities: Tensor, density: Tensor, fixations: Tensor) -> Tensor:
    """Return KL - 0.1 NSS - 0.1 CC, averaged over clips and frames.

    Args:
        log_probabilities: What `from_normalised` returns, B x T x H x W.
        density: Ground truth of any scale and size, B x T x h x w.
        fixations: Where somebody looked, B x T x h x w bool. A frame without any has NSS 1.
    """
    kl, lift, correlation = loss_terms(log_probabilities, density, fixations)
    return (kl - 0.1 * lift - 0.1 * correlation).mean()


def loss_terms(
    log_probabilities: Tensor, density: Tensor, fixations: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the divergence of the density from the prediction, NSS and CC of each frame, B x T."""
    # Normalised again, enlarged log-probabilities are those of the enlarged logits.
    enlarged = F.interpolate(log_probabilities, density.shape[-2:], mode="bilinear")
    logs = F.log_softmax(enlarged.flatten(-2), dim=-1).view_as(enlarged)
    distribution = density / density.sum((-2, -1), keepdim=True)
    kl = F.kl_div(logs, distribution, reduction="none").sum((-2, -1))
    pred = logs.exp()
    lift = torch.nan_to_num(nss(pred, fixations), nan=1.0)
    return kl, lift, cc(pred, density)


class Recipe(NamedTuple):
    """How the original is trained: SGD, one pass over batches of the four sets, shuffled.

    A clip starts at random and all its frames have targets, which are resized to `target_sizes`.
    No augmentation is known. Parameters that a batch does not use, such as those of another domain,
    are left alone: they do not decay either.

    Attributes:
        start: What the encoder starts from; the rest starts as `Unisal` initialises it.
        lr: Learning rate of all but the encoder in the first epoch.
        momentum: Of SGD.
        weight_decay: Of all but the encoder.
        encoder_factor: Of the encoder's learning rate and of its weight decay.
        encoder_frozen: First epochs in which the encoder does not learn; its batch normalisations
            keep ImageNet's statistics throughout.
        lr_decay: Of the learning rate from one epoch to the next.
        epochs: In all.
        clip_norm: Largest norm of the gradient.
        batch_videos: Clips of a batch of videos.
        batch_images: Images of a batch of SALICON.
        target_sizes: Height and width of the ground truth of DHF1K and of SALICON.
    """

    start: str = "MobileNetV2 of ImageNet (mobilenet_v2.pth.tar of the original's repository)"
    lr: float = 0.04
    momentum: float = 0.9
    weight_decay: float = 1e-4
    encoder_factor: float = 0.1
    encoder_frozen: int = 2
    lr_decay: float = 0.8
    epochs: int = 16
    clip_norm: float = 2.0
    batch_videos: int = 4
    batch_images: int = 32
    target_sizes: tuple[tuple[int, int], tuple[int, int]] = ((360, 640), (480, 640))


RECIPE: Final = Recipe()


def parameter_groups(network: Unisal) -> list[dict[str, Any]]:
    """Return the groups for `torch.optim.SGD`: the encoder, and all others."""
    encoder = list(network.cnn.parameters())
    others = [each for name, each in network.named_parameters() if not name.startswith("cnn.")]
    lr, decay, factor = RECIPE.lr, RECIPE.weight_decay, RECIPE.encoder_factor
    return [
        {"params": encoder, "lr": lr * factor, "weight_decay": decay * factor},
        {"params": others, "lr": lr, "weight_decay": decay},
    ]


class Checkpoint(NamedTuple):
    """Published weights: what they were trained on, where they are found, under which terms."""

    trained_on: str
    source: str
    licence: str
    form: str = "state dict, plain keys"
    sha256: str | None = None


CHECKPOINTS: Final = (
    Checkpoint(
        "DHF1K, Hollywood-2, UCF-Sports and SALICON, from ImageNet",
        "https://github.com/rdroste/unisal/raw/0440df77f6fb4c93bb6f5ba1aa8cf543061ffc56/"
        "training_runs/pretrained_unisal/weights_best.pth (also in the wheel pyautoflip 0.2.1)",
        "Apache-2.0",
        sha256="4a9157411f1741d588b15670d15295e998805648b8b6348599fe447298338481",
    ),
)


def _named(**parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(parts))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _first_smoothing() -> Tensor:
    """Return a centred Gaussian of deviation exp(-2) of the kernel's size, with sum 1."""
    row = gaussian(SMOOTHING, torch.tensor(0.5), torch.tensor(-2.0))
    kernel = row[:, None] * row
    return (kernel / kernel.sum())[None, None]
