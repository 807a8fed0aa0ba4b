"""STAViS: a 3D ResNet-50 with attention at four depths, and SoundNet fused in the middle.

Tsiami, Koutras and Maragos, "STAViS: Spatio-Temporal AudioVisual Saliency Network", CVPR 2020.
Written from a description of the published network (github.com/atsiami/STAViS, commit 71fd51f,
MIT, with parts of 3D-ResNets-PyTorch, MIT) and equal to it to rounding; tensors have the published
names, but for SoundNet's; those that a variant does not use are left out. A batch of one works.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from avrsp.metrics import cc, nss
from avrsp.models.encoders import resnet3d_encoder, soundnet_encoder
from avrsp.models.layers.pixels import Colour, normalised
from avrsp.models.layers.resnet3d import ResNet3D
from avrsp.models.layers.soundnet import INPUT_SCALE, SoundNet, scaled_sound
from avrsp.models.recipe import Follows, GroundTruth, MethodRecipe, ParameterGroup
from avrsp.models.registry import Cost, ModelSpec, PublishedWeights, Variant, WindowSize
from avrsp.models.weights import sequential
from avrsp.types import InputSpec, sound_samples

PUBLISHED: Final = WindowSize(16, 112, 112)
"""The original resizes twice: Pillow to 320 x 240 without naming a filter (nearest before Pillow
7.0, bicubic since), then bilinear to 112 x 112. Here frames are resized once, bilinear, so that
published weights see slightly other frames."""
SHORT: Final = 8
"""Frames of the windows of phases that would like fewer than 16."""
MULTIPLE: Final = 16
"""H and W must be multiples of it."""
MEAN: Final[Colour] = (114.7748 / 255, 107.7354 / 255, 99.4750 / 255)
STD: Final[Colour] = (1 / 255, 1 / 255, 1 / 255)
"""Of RGB in [0, 1]: the network reads values from 0 to 255 less ActivityNet's mean."""
SIDE: Final = 16
"""Channels of each of the four sides, at every width."""
FUSED: Final = (128, 64)
"""Channels into and out of the fusion of sight and sound, at every width."""
ENLARGED: Final = 8
"""How much larger the frames are than the feature that sound is fused with."""
SOUNDING: Final = ("soundnet8.", "fusion3.", "fuseav.")
"""Parts that only the variant with sound uses."""
FIRST_BIAS: Final = -6.0
"""What the biases of all logits start at: few pixels are salient."""


class Settings(BaseModel):
    """Which STAViS this is; the defaults are the published network without sound.

    Attributes:
        variant: Without sound (v) or with it (av).
        width: Multiplier of the channels of the 3D ResNet and of SoundNet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Literal["v", "av"] = "v"
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
        visual = F.relu(self.affine_rgb(positions))
        audio = F.relu(self.affine_audio(sound))
        # All positions hear the same sound, which makes the bilinear map a linear one of each clip.
        heard = torch.einsum("oij,bj->boi", self.w_a_rgb.weight, audio)
        fused = torch.einsum("bhwi,boi->bohw", visual, heard) + self.w_a_rgb.bias[:, None, None]
        return F.interpolate(fused, scale_factor=ENLARGED, mode="bilinear", align_corners=False)


class STAViS(nn.Module):
    """A 3D ResNet up to its third layer, four sides, and in the variant `av` SoundNet and a fusion.

    In training the variant `v` gives each side a map of its own, `av` does not (`supervised`).
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.trunk = ResNet3D(width=self.settings.width)
        channels = self.trunk.channels
        self.score_dsn = nn.ModuleList(
            Side(each, 2**depth) for depth, each in enumerate(channels, start=1)
        )
        sides = len(channels) * SIDE
        if self.settings.variant == "v":
            self.fuse = nn.Conv2d(sides, 1, 1)
            _initialise(self)
        else:
            soundnet = SoundNet(width=self.settings.width)
            self.fuseav = nn.Conv2d(sides + FUSED[1], 1, 1)
            self.fusion3 = Fusion(channels[2], soundnet.channels)
            _initialise(self)
            self.soundnet8 = soundnet
            # No loss reaches what makes the sides' own maps alone, and the last one's attention.
            for side in ("0.upscale_", "1.upscale_", "2.upscale_", "3.upscale_", "3.score_dsn"):
                self.score_dsn.get_submodule(side).requires_grad_(False)

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
        return self.supervised(frames, waveform, has_sound)[-1].float().sigmoid()

    def supervised(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> list[Tensor]:
        """Return, from what `forward` takes, all logits B x H x W of the loss, the map's last."""
        pictures = normalised(frames, MEAN, STD, self.trunk.conv1.weight.dtype)
        return self.all_logits(pictures, scaled_sound(waveform, has_sound))

    def from_normalised(self, frames: Tensor, waveform: Tensor | None = None) -> Tensor:
        """Map frames less `MEAN`, and sound in [-256, 256], to logits B x H x W."""
        return self.all_logits(frames, waveform)[-1]

    def all_logits(self, frames: Tensor, waveform: Tensor | None = None) -> list[Tensor]:
        """Return what `supervised` does, from what `from_normalised` takes."""
        trunk = self.trunk
        x = trunk.start(frames.contiguous(memory_format=torch.channels_last_3d))
        side0, logits0, x = self.score_dsn[0](x)
        side1, logits1, x = self.score_dsn[1](trunk.layer1(trunk.maxpool(x)))
        middle = trunk.layer2(x)
        side2, logits2, x = self.score_dsn[2](middle)
        side3, logits3, _ = self.score_dsn[3](trunk.layer3(x))
        sides = [side0, side1, side2, side3]
        if self.settings.variant == "v":
            fused = self.fuse(torch.cat(sides, dim=1))[:, 0]
            return [logits0, logits1, logits2, logits3, fused]
        if waveform is None:
            waveform = frames.new_zeros(len(frames), 1, sound_samples(frames.shape[2]))
        # SoundNet scales by itself; the scale is a power of two, so nothing is lost.
        sound = F.max_pool1d(self.soundnet8(waveform / INPUT_SCALE), 2).flatten(1)
        return [self.fuseav(torch.cat([*sides, self.fusion3(middle, sound)], dim=1))[:, 0]]


def _initialise(network: STAViS) -> None:
    """Start as the original does; it always loads weights of SoundNet, which is left out here."""
    for part in network.modules():
        if isinstance(part, nn.Conv3d | nn.Linear | nn.Bilinear):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=0.001)
        elif isinstance(part, nn.ConvTranspose2d):
            part.weight.data = _interpolation(part.in_channels, part.stride[0])
        if isinstance(part, nn.Conv2d | nn.Linear | nn.Bilinear):
            nn.init.zeros_(part.get_parameter("bias"))
    for name, parameter in network.named_parameters():
        if name.endswith((".score_dsn.bias", "fuse.bias", "fuseav.bias")):
            nn.init.constant_(parameter, FIRST_BIAS)


def _interpolation(channels: int, stride: int) -> Tensor:
    """Return a transposed convolution's kernels that enlarge each channel bilinearly."""
    offsets = torch.arange(2 * stride) - (stride - 0.5)
    taps = 1 - offsets.abs() / stride
    return torch.einsum("ij,y,x->ijyx", torch.eye(channels), taps, taps)


def published_key(key: str) -> str:
    """Return the published name of a tensor; SoundNet's kernels have a third axis of 1 there."""
    root, _, rest = key.partition(".")
    return sequential(rest) if root == "soundnet8" else key.removeprefix("trunk.")


def unused_without_sound() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of what the files without sound hold of the network with it."""
    with torch.device("meta"):
        tensors = STAViS(Settings(variant="av")).state_dict()
    left_out = {key: tensors[key] for key in tensors if key.startswith(SOUNDING)}
    return {published_key(key): tuple(each.shape) for key, each in left_out.items()}


def window_rule(frame: int, count: int, *, length: int) -> NDArray[np.int64]:
    """Return the frame indices of the window whose map is that of `frame`, of `count` frames.

    It is the ninth of 16. Frames that would lie past the end are the window's first ones again, as
    in the original; the first eight frames, which it does not predict, get the ninth's map.
    """
    first = max(0, frame - length // 2)
    shown = min(length, count - first)
    return first + np.arange(length, dtype=np.int64) % shown


RULES: Final = {each: partial(window_rule, length=each) for each in (SHORT, PUBLISHED.length)}


def window(settings: Settings, size: WindowSize | None) -> InputSpec:
    """Return the input: 16 frames of 112 x 112, or less where a phase would like less.

    Raises:
        ParamsError: The height or the width is no multiple of 16.
    """
    wanted = (size or PUBLISHED).checked("stavis", MULTIPLE)
    length = PUBLISHED.length if wanted.length >= PUBLISHED.length else SHORT
    return InputSpec(
        length,
        min(wanted.height, PUBLISHED.height),
        min(wanted.width, PUBLISHED.width),
        audio=settings.variant == "av",
        predicted="middle",
        rule=RULES[length],
        resize="bilinear",
    )


def loss(supervised: Sequence[Tensor], truth: GroundTruth) -> Tensor:
    """Return 0.1 BCE - 2 CC - NSS, the mean over the items.

    The original sums over 128 items and divides by 128. All of what `STAViS.supervised` returns
    but the last counts less and less as training goes on.
    """
    weights = [1.0 - truth.progress] * (len(supervised) - 1) + [1.0]
    terms = []
    for weight, logits in zip(weights, supervised, strict=True):
        bce, correlation, lift = loss_terms(logits, truth.density, truth.fixations)
        terms.append(weight * (0.1 * bce + 2 * correlation + lift).mean())
    return torch.stack(terms).sum()


def loss_terms(logits: Tensor, density: Tensor, fixations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cross entropy, summed over pixels, -CC and -NSS of each item.

    NSS divides by the population's deviation and is 0 where nobody looked.
    """
    bce = F.binary_cross_entropy_with_logits(logits, density, reduction="none").sum((1, 2))
    pred, pixels = logits.sigmoid(), density[0].numel()
    lift = torch.nan_to_num(nss(pred, fixations)) * math.sqrt(pixels / (pixels - 1))
    return bce, -cc(pred, density), -lift


PAPER: Final[dict[str, Any]] = {
    "epochs": 60,
    "clips_per_video": 12,  # the authors draw one of each 74 frames of a video
    "batch": 16,
    "accumulate": 8,  # 128 windows a step
    "decay": "steps",
    "flip": True,
}
SHORTER: Final = {"epochs": 10, "clips_per_video": 2, "batch": 8, "accumulate": 1}
SAMPLE: Final = {**PAPER, **SHORTER, "validation_clips": 2}
"""Fewer epochs and windows, and 8 windows a step; the schedule is the authors'."""
SIDES: Final = 1e-4
"""Learning rate of the sides' 3 x 3 convolutions; all else of the sides, and `fuse` and `fuseav`,
have a tenth of it, the enlarging kernels too, and biases have twice as much."""


def groups(trunk: float) -> tuple[ParameterGroup, ...]:
    """Return the parts' learning rates as multiples of the trunk's, which is the phase's."""
    sides = SIDES / trunk
    return (
        ParameterGroup(pattern=r"^soundnet8\.", rate=1e-3 / trunk),
        ParameterGroup(pattern=r"^fusion3\.", rate=1e-2 / trunk),
        ParameterGroup(pattern=r"\.side_prep\.bias$", rate=2 * sides),
        ParameterGroup(pattern=r"\.side_prep\.weight$", rate=sides),
        ParameterGroup(pattern=r"^(score_dsn|fuse|fuseav)\..*bias$", rate=2 * sides / 10),
        ParameterGroup(pattern=r"^(score_dsn|fuse|fuseav)\.", rate=sides / 10),
    )


def recipe(trunk: float, *, sample: float, follows: Follows, start: str) -> MethodRecipe:
    """Return how the network is trained whose trunk has these learning rates."""
    return MethodRecipe(
        output="supervised",
        loss=loss,
        whole_windows=True,
        optimiser="sgd",
        options={"momentum": 0.9, "dampening": 0.9},
        weight_decay=1e-5,
        groups=groups(trunk),
        milestones=(0.5, 0.75),
        paper={"pretrain": {**PAPER, "lr": trunk}, "finetune": {**PAPER, "lr": trunk}},
        sample={**SAMPLE, "lr": sample},
        follows=follows,
        start=start,
    )


def checkpoints() -> Iterator[PublishedWeights]:
    """Yield what the authors' own data mirror holds: for each split both networks."""
    for variant, name in (("v", "visual"), ("av", "audiovisual")):
        folder = "stavis_visual_only" if variant == "v" else "stavis_audiovisual"
        for split in (1, 2, 3):
            yield PublishedWeights(
                file=f"{name}_split{split}_save_60.pth",
                learnt_from=("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe"),
                place=f"folder {folder} of pretrained_models.tar.gz at "
                "http://cvsp.cs.ntua.gr/research/stavis/data/",
                licence="MIT",
                variant=variant,
            )


ENTRY: Final = ModelSpec(
    name="stavis",
    title="STAViS",
    citation="Tsiami, Koutras, Maragos: STAViS: Spatio-Temporal AudioVisual Saliency Network, "
    "CVPR 2020",
    licence="MIT",
    weights_licence="MIT",
    settings=Settings,
    window=window,
    build=STAViS,
    without_sound={"variant": "v"},
    with_sound={"variant": "av"},
    recipe=recipe(
        trunk=1e-3,
        sample=1e-3,
        follows="pretrain",
        start="3D ResNet-50 of Kinetics; the authors do not train on DHF1K before",
    ),
    sound_recipe=recipe(
        trunk=1e-4,
        sample=1e-4 * 8 / 128,  # as windows a step: at 1e-4 the loss grows without bound
        follows="v",
        start="the network without sound, of the same split, and SoundNet-8",
    ),
    visual_only=("fuse",),
    variants={
        "v": Variant(
            {"variant": "v"},
            published_key,
            unused_without_sound,
            Cost(17_695_445, 9_691_862_096, 9_691_862_096),
        ),
        "av": Variant(
            {"variant": "av"},
            published_key,
            lambda: {"fuse.weight": (1, 64, 1, 1), "fuse.bias": (1,)},
            Cost(21_815_333, 9_757_112_400, 9_757_112_400),
        ),
    },
    checkpoints=tuple(checkpoints()),
    encoders=(resnet3d_encoder("trunk"), soundnet_encoder("soundnet8")),
    tiny={"width": 0.05},
)
