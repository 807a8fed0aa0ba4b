"""A second entry, as small as an entry can be: what a stranger writes to add a network."""

from __future__ import annotations

from typing import Final

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from avrsp.metrics import kl, nss
from avrsp.models.recipe import GroundTruth, MethodRecipe, ParameterGroup
from avrsp.models.registry import ModelSpec, PublishedWeights, Variant, WindowSize, register
from avrsp.types import InputSpec


class Settings(BaseModel):
    """How wide it is, and whether it takes sound."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: int = 4
    audio: bool = True


class Tiny(nn.Module):
    """A convolution over the window's frames, brighter the louder they are."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.encoder = nn.Conv3d(3, settings.channels, 3, padding=1)
        self.head = nn.Conv2d(settings.channels, 1, 1)
        self.gain = nn.Parameter(torch.ones(())) if settings.audio else None

    def forward(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Map B x 3 x T x H x W uint8 to B x H x W in [0, 1]."""
        return torch.sigmoid(self.logits(frames, waveform, has_sound))

    def logits(
        self, frames: Tensor, waveform: Tensor | None = None, has_sound: Tensor | None = None
    ) -> Tensor:
        """Map the same to the logits of the maps."""
        logits: Tensor = self.head(self.encoder(2 * frames / 255 - 1).relu().mean(2))[:, 0]
        if self.gain is not None and waveform is not None:
            level = waveform.square().mean((1, 2))
            counted = level if has_sound is None else torch.where(has_sound, level, 0.0)
            logits = logits * (1 + self.gain * counted[:, None, None])
        return logits


def window(settings: Settings, size: WindowSize | None) -> InputSpec:
    """Return its input: six frames, the map is for the third."""
    height, width = size[1:] if size else (32, 48)
    return InputSpec(6, height, width, settings.audio, predicted="middle", start="repeated")


def loss(logits: Tensor, truth: GroundTruth) -> Tensor:
    """Return KL - 0.1 NSS."""
    maps = logits.sigmoid()
    lift = nss(maps, truth.fixations).nan_to_num(1.0)
    return (kl(maps, truth.density) - 0.1 * lift).mean()


def published_key(key: str) -> str:
    """Return what the authors call a tensor."""
    return key.replace("encoder", "backbone")


ENTRY: Final = ModelSpec(
    name="tiny",
    title="Tiny",
    citation="This test",
    licence="MIT",
    settings=Settings,
    window=window,
    build=Tiny,
    without_sound={"audio": False},
    with_sound={"audio": True},
    recipe=MethodRecipe(
        output="logits",
        loss=loss,
        optimiser="sgd",
        options={"momentum": 0.9},
        groups=(ParameterGroup(pattern=r"^head\.", rate=10.0, weight_decay=0.0),),
        milestones=(0.5,),
        clip_norm=2.0,
        sample={"decay": "steps"},
    ),
    variants={
        "v": Variant({"audio": False}, published_key, lambda: {"classifier.weight": (5,)}),
        "av": Variant({"channels": 2}, published_key, lambda: {"classifier.weight": (5,)}),
    },
    checkpoints=(
        PublishedWeights(file="tiny.pth", learnt_from=("diem",), place="the test", licence="MIT"),
        PublishedWeights(
            file="tiny_av.pth", learnt_from=("avad",), place="here", licence="MIT", variant="av"
        ),
    ),
)

register(ENTRY)
