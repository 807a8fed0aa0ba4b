"""STAViS: a 3D ResNet-50 with attention at four depths, and SoundNet fused in the middle.

Tsiami, Koutras and Maragos, "STAViS: Spatio-Temporal AudioVisual Saliency Network", CVPR 2020.
Written from a description of the published network (github.com/atsiami/STAViS, commit 71fd51f, MIT,
with parts of 3D-ResNets-PyTorch, MIT) and equal to it to rounding; tensors have the published
names. A batch of one works here. 21,815,398 parameters at width 1, those of SoundNet and of the
fusion, which the variant `v` does not use, among them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from avrsp.metrics import cc, nss
from avrsp.models.checkpoint import Checkpoint
from avrsp.models.layers.blur import blurred
from avrsp.models.layers.conv import MaxPool, scaled
from avrsp.models.layers.pixels import Colour, normalised
from avrsp.models.layers.resnet3d import EXPANSION, STEM, layer, stem
from avrsp.models.layers.soundnet import INPUT_SCALE, LAYERS, STRIDE, SoundNet
from avrsp.types import SOUND_RATE

LENGTH: Final = 16
"""Frames of a window, consecutive; the published weights are for 16."""
SIZE: Final = (112, 112)
"""H and W that the network was trained at.

The original resizes twice: Pillow to 320 x 240 without naming a filter (nearest before Pillow 7.0,
bicubic since), then bilinear to 112 x 112. Stores here are resized once, so that published weights
see slightly other frames.
"""
MULTIPLE: Final = 16
"""H and W must be multiples of it."""
MEAN: Final[Colour] = (114.7748 / 255, 107.7354 / 255, 99.4750 / 255)
STD: Final[Colour] = (1 / 255, 1 / 255, 1 / 255)
"""Of RGB in [0, 1]: the network reads values from 0 to 255 less ActivityNet's mean."""
PREDICTED: Final = "middle"
"""Which frame of the window the map is for: the ninth of 16, number T / 2 from 0."""
STEP: Final = 1
"""Frames from one predicted frame to the next."""
SIDE: Final = 16
"""Channels of each of the four sides, at every width."""
FUSED: Final = (128, 64)
"""Channels into and out of the fusion of sight and sound, at every width."""
ENLARGED: Final = 8
"""How much larger the frames are than the feature that sound is fused with."""
FIRST_BIAS: Final = -6.0
"""What the biases of all logits start at: few pixels are salient."""
BLUR: Final = (2.0, 6)
"""Deviation and radius, in pixels of the network's size, of the original's blur of its maps."""


class Settings(BaseModel):
    """Which STAViS this is; the defaults are the published network without sound.

    Attributes:
        variant: Whether it listens.
        length: T of a window; the sound of one is 2,205 samples a frame.
        width: Multiplier of the channels of the 3D ResNet and of SoundNet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Literal["v", "av"] = "v"
    length: Literal[8, 16] = LENGTH
    width: float = Field(default=1.0, gt=0)


class Side(nn.Module):
    """Looks at one depth of the trunk: what is salient there, in full size, and an attention.

    Args:
        inputs: Channels of the trunk there.
        stride: How much larger the frames are than the trunk there.
    """

    def __init__(self, inputs: int, stride: int) -> None:
        super().__init__()
        self.side_prep = nn.Conv2d(inputs, SIDE, 3, padding=1)
        self.score_dsn = nn.Conv2d(SIDE, 1, 1)
        self.upscale = nn.ConvTranspose2d(SIDE, SIDE, 2 * stride, stride, bias=False)
        self.upscale_ = nn.ConvTranspose2d(1, 1, 2 * stride, stride, bias=False)
        self.margin = stride // 2

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map B x C x T x h x w to 16 channels and logits, both of full size, and what goes on.

        That is `x`, all frames alike, times 1 plus a distribution over the h w positions: the
        softmax of the logits before they are enlarged.
        """
        prepared = self.side_prep(x.mean(2))
        score = self.score_dsn(prepared)
        attention = F.softmax(score.flatten(1), dim=1).view_as(score)
        side, logits = self.upscale(prepared), self.upscale_(score)
        return self._cropped(side), self._cropped(logits)[:, 0], x * (1 + attention[:, :, None])

    def _cropped(self, x: Tensor) -> Tensor:
        return F.pad(x, [-self.margin] * 4)


class Fusion(nn.Module):
    """Fuses every position of a feature with the sound by a bilinear map."""

    def __init__(self, visual: int, audio: int) -> None:
        super().__init__()
        inner, outputs = FUSED
        self.affine_rgb = nn.Linear(visual, inner)
        self.affine_audio = nn.Linear(audio, inner)
        self.w_a_rgb = nn.Bilinear(inner, inner, outputs)

    def forward(self, x: Tensor, sound: Tensor) -> Tensor:
        """Map B x C x T x h x w, of which two frames count, and B x C' to B x 64 x 8h x 8w."""
        middle = x.shape[2] // 2
        positions = x[:, :, middle - 1 : middle + 1].mean(2).movedim(1, -1)  # b c h w -> b h w c
        visual = F.relu(self.affine_rgb(positions)).contiguous()
        audio = F.relu(self.affine_audio(sound))[:, None, None].expand_as(visual).contiguous()
        fused = self.w_a_rgb(visual, audio).movedim(-1, 1)
        return F.interpolate(fused, scale_factor=ENLARGED, mode="bilinear", align_corners=False)


class STAViS(nn.Module):
    """A 3D ResNet up to its third layer, four sides, and in the variant `av` SoundNet and a fusion.

    In training the variant `v` gives each side a map of its own, `av` does not (`supervised`).
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        first, *planes = (scaled(each, self.settings.width) for each in (STEM, 64, 128, 256))
        channels = [first, *(EXPANSION * each for each in planes)]
        self.conv1 = stem(first)
        self.bn1 = nn.BatchNorm3d(first)
        self.maxpool = MaxPool(time=3, space=3, stride=(2, 2))
        self.layer1 = layer(channels[0], planes[0], blocks=3, stride=1)
        self.layer2 = layer(channels[1], planes[1], blocks=4, stride=2)
        self.layer3 = layer(channels[2], planes[2], blocks=6, stride=2)
        self.score_dsn = nn.ModuleList(
            Side(each, 2**depth) for depth, each in enumerate(channels, start=1)
        )
        sides = len(channels) * SIDE
        self.fuse = nn.Conv2d(sides, 1, 1)
        self.fuseav = nn.Conv2d(sides + FUSED[1], 1, 1)
        source = SoundNet(width=self.settings.width)
        self.fusion3 = Fusion(channels[2], source.channels)
        _initialise(self)
        self.soundnet8 = _published_soundnet(source)

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Predict the map of each window's middle frame.

        Args:
            frames: B x 3 x T x H x W uint8 RGB; T 8 or 16, H and W multiples of 16.
            waveform: B x 1 x 2,205 T in [-1, 1] at 22,050 Hz under a Hann window. `v` ignores it.
            has_sound: B bool. Where false, or without a waveform, the network gets zeros. The
                original leaves out videos without sound, but gives zeros for the last one of each
                list.

        Returns:
            B x H x W in [0, 1].
        """
        dtype = self.conv1.weight.dtype
        if waveform is not None:
            waveform = waveform.to(dtype) * INPUT_SCALE
            if has_sound is not None:
                waveform = torch.where(has_sound[:, None, None], waveform, 0)
        return self.from_normalised(normalised(frames, MEAN, STD, dtype), waveform).sigmoid()

    def from_normalised(self, frames: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Map frames less `MEAN`, and sound in [-256, 256], to logits B x H x W."""
        return self.supervised(frames, waveform)[-1]

    def supervised(self, frames: Tensor, waveform: Tensor | None = None) -> list[Tensor]:
        """Return all logits that the loss is for, each B x H x W: the prediction's are the last.

        Args:
            frames: B x 3 x T x H x W, as `from_normalised` reads them.
            waveform: B x 1 x S, as `from_normalised` reads it.
        """
        x = frames.contiguous(memory_format=torch.channels_last_3d)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        side0, logits0, x = self.score_dsn[0](x)
        side1, logits1, x = self.score_dsn[1](self.layer1(self.maxpool(x)))
        middle = self.layer2(x)
        side2, logits2, x = self.score_dsn[2](middle)
        side3, logits3, _ = self.score_dsn[3](self.layer3(x))
        sides = [side0, side1, side2, side3]
        if self.settings.variant == "v":
            fused = self.fuse(torch.cat(sides, dim=1))[:, 0]
            return [logits0, logits1, logits2, logits3, fused]
        if waveform is None:
            waveform = x.new_zeros(len(x), 1, SOUND_RATE * self.settings.length // 10)
        sound = self.soundnet8(waveform[:, :, None]).flatten(1)
        return [self.fuseav(torch.cat([*sides, self.fusion3(middle, sound)], dim=1))[:, 0]]


def _published_soundnet(source: SoundNet) -> nn.Sequential:
    """Return `source` as one sequence of 1 x k convolutions in two dimensions, and a last pool.

    B x 1 x 1 x S becomes B x C x 1 x 1 where S is 2,205 samples a frame, 8 or 16 frames.
    """
    layers: list[nn.Module] = []
    for each, block in zip(LAYERS, source.layers.children(), strict=True):
        start = block.get_parameter("0.weight").data
        outputs, inputs, kernel = start.shape
        conv = nn.Conv2d(inputs, outputs, (1, kernel), (1, STRIDE), (0, each.padding))
        conv.weight.data = start[:, :, None]
        nn.init.zeros_(conv.get_parameter("bias"))
        layers += [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        if each.pool > 1:
            layers.append(nn.MaxPool2d((1, each.pool)))
    return nn.Sequential(*layers, nn.MaxPool2d((1, 2)))


def _initialise(network: STAViS) -> None:
    """Start as the original does, but for SoundNet, a filter bank until weights are loaded.

    There the original has noise of deviation 0.001, and always loads weights.
    """
    for part in network.modules():
        if isinstance(part, nn.Conv3d | nn.Linear | nn.Bilinear):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=0.001)
        elif isinstance(part, nn.ConvTranspose2d):
            part.weight.data = _interpolation(part.in_channels, part.stride[0])
        if isinstance(part, nn.Conv2d | nn.Linear | nn.Bilinear):
            nn.init.zeros_(part.get_parameter("bias"))
    scores = [network.get_parameter(f"score_dsn.{depth}.score_dsn.bias") for depth in range(4)]
    for bias in (network.fuse.bias, network.fuseav.bias, *scores):
        assert bias is not None
        nn.init.constant_(bias, FIRST_BIAS)


def _interpolation(channels: int, stride: int) -> Tensor:
    """Return a transposed convolution's kernels that enlarge each channel bilinearly."""
    offsets = torch.arange(2 * stride) - (stride - 0.5)
    taps = 1 - offsets.abs() / stride
    return torch.einsum("ij,y,x->ijyx", torch.eye(channels), taps, taps)


def window(frame: int, frames: int, length: int = LENGTH) -> list[int]:
    """Return which frames of a video the map of `frame` is predicted from, in order.

    It is the ninth of 16. Frames that would lie past the end are the window's first ones again, as
    in the original; the first eight frames, which it does not predict, get the ninth's map.
    """
    first = max(0, frame - length // 2)
    shown = min(length, frames - first)
    return [first + at % shown for at in range(length)]


def trained_frame(first: int, length: int = LENGTH) -> int:
    """Return the frame whose map training compares with, of the window that starts at `first`.

    The original rounds the median of numbers from 1 to the even one, so that this is the eighth
    frame of a window that starts at an even place (from 0) and the ninth of one at an odd place.
    """
    return round(first + 1 + (length - 1) / 2) - 1


def loss(
    supervised: Sequence[Tensor], density: Tensor, fixations: Tensor, *, progress: float
) -> Tensor:
    """Return 0.1 BCE - 2 CC - NSS, summed over the items and divided by the recipe's batch.

    Args:
        supervised: What `STAViS.supervised` returns. All but the last are weighted less and less.
        density: Ground truth with maximum 1, B x H x W.
        fixations: Where somebody looked, B x H x W bool.
        progress: Share of the training's epochs that are done.
    """
    weights = [1.0 - progress] * (len(supervised) - 1) + [1.0]
    terms = []
    for weight, logits in zip(weights, supervised, strict=True):
        bce, correlation, lift = loss_terms(logits, density, fixations)
        terms.append(weight * (0.1 * bce + 2 * correlation + lift).sum())
    return torch.stack(terms).sum() / RECIPE.batch


def loss_terms(logits: Tensor, density: Tensor, fixations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cross entropy, summed over pixels, -CC and -NSS of each item.

    NSS divides by the population's deviation and is 0 where nobody looked.
    """
    bce = F.binary_cross_entropy_with_logits(logits, density, reduction="none").sum((1, 2))
    pred, pixels = logits.sigmoid(), density[0].numel()
    lift = torch.nan_to_num(nss(pred, fixations)) * math.sqrt(pixels / (pixels - 1))
    return bce, -cc(pred, density), -lift


def finished(maps: Tensor) -> Tensor:
    """Return maps, B x H x W at the network's size, as the original scores them.

    They are stretched to [0, 1] and blurred; the scorer's code then enlarges them, bicubic. The
    original saves 8-bit JPEG files in between. A constant map becomes zeros.
    """
    x = maps - maps.amin((1, 2), keepdim=True)
    return blurred(x / x.amax((1, 2), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny), *BLUR)


class Rates(NamedTuple):
    """First learning rates of the parts.

    Attributes:
        trunk: Of the 3D ResNet.
        sides: Of the sides' 3 x 3 convolutions; all else of the sides, and `fuse` and `fuseav`,
            have a tenth of it. Biases of either have twice as much.
        sound: Of SoundNet.
        fusion: Of the fusion.
    """

    trunk: float
    sides: float = 1e-4
    sound: float = 1e-3
    fusion: float = 1e-2


class Recipe(NamedTuple):
    """How the original is trained, for each split on the training lists of all six sets joined.

    Attributes:
        start: What the variants start from.
        rates: Learning rates of the variants.
        dampening: Of SGD's momentum.
        weight_decay: Of every parameter, biases and normalisations too.
        lr_factor: Of all learning rates at each of the epochs in `milestones`.
        batch: Windows of a step, accumulated where fewer fit into memory.
        section: Frames of the pieces that every video is cut into, one window drawn from each.
        section_step: Frames from one piece's start to the next one's.
        flip: How likely a window is mirrored, with its map and fixations.
    """

    start: tuple[tuple[str, str], ...] = (
        ("v", "3D ResNet-50 of Kinetics (resnet-50-kinetics.pth)"),
        ("av", "STAViS v of the same split, and SoundNet-8 (soundnet8.pth)"),
    )
    rates: tuple[tuple[str, Rates], ...] = (("v", Rates(trunk=1e-3)), ("av", Rates(trunk=1e-4)))
    optimiser: str = "SGD"
    momentum: float = 0.9
    dampening: float = 0.9
    weight_decay: float = 1e-5
    lr_factor: float = 0.1
    milestones: tuple[int, int] = (30, 45)
    batch: int = 128
    epochs: int = 60
    section: int = 90
    section_step: int = 74
    flip: float = 0.5


RECIPE: Final = Recipe()


def parameter_groups(network: STAViS) -> list[dict[str, Any]]:
    """Return a group for `torch.optim.SGD` of each learning rate, parts as the original's.

    The sides' enlarging kernels, meant to stay fixed, learn there too.
    """
    rates = dict(RECIPE.rates)[network.settings.variant]
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        groups.setdefault(_rate(name, rates), []).append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]


def _rate(name: str, rates: Rates) -> float:
    if name.startswith("soundnet8."):
        return rates.sound
    if name.startswith("fusion3."):
        return rates.fusion
    if not name.startswith(("score_dsn.", "fuse.", "fuseav.")):
        return rates.trunk
    rate = rates.sides if ".side_prep." in name else rates.sides / 10
    return 2 * rate if name.endswith("bias") else rate


def _checkpoints() -> Iterator[Checkpoint]:
    mirror = "pretrained_models.tar.gz of http://cvsp.cs.ntua.gr/research/stavis/data/"
    form = "dictionary with the state dict under state_dict, keys after module."
    for variant, folder in (
        ("visual", "stavis_visual_only"),
        ("audiovisual", "stavis_audiovisual"),
    ):
        for split in (1, 2, 3):
            file = f"{folder}/{variant}_split{split}_save_60.pth"
            yield Checkpoint(f"the six sets, split {split}", f"{file} in {mirror}", "MIT", form)


CHECKPOINTS: Final = tuple(_checkpoints())
