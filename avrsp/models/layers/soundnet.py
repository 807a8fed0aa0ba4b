"""SoundNet-8 without its classifiers, the audio encoder.

Aytar, Vondrick and Torralba, "SoundNet: Learning Sound Representations from Unlabeled Video",
NIPS 2016. Layers, strides and paddings follow the published Torch model (MIT).
2,874,320 parameters at width 1.

Where no trained weights are imported it starts as a filter bank (D19): the first layer is band-pass
filters, as trained ones become, and each later one mixes channels and averages time. What then
sounds alike comes out alike; independent random taps bury it under the phase of every wave, and
whatever is to learn from this network's output waits until that has been unlearnt.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.models.layers.conv import scaled
from avrsp.types import SOUND_RATE

INPUT_SCALE: Final = 256.0
"""SoundNet was trained on sound in [-256, 256] (D13)."""


class Layer(NamedTuple):
    """One convolution in time: channels at width 1, kernel, padding, max pooling (1 = none)."""

    channels: int
    kernel: int
    padding: int
    pool: int


LAYERS: Final = (
    Layer(16, 64, 32, 8),
    Layer(32, 32, 16, 8),
    Layer(64, 16, 8, 1),
    Layer(128, 8, 4, 1),
    Layer(256, 4, 2, 4),
    Layer(512, 4, 2, 1),
    Layer(1024, 4, 2, 1),
)
STRIDE: Final = 2
LOWEST, HIGHEST = 60.0, 7500.0
"""Centres of the first and the last band that an untrained network starts with, Hz."""


def scaled_sound(waveform: Tensor | None, has_sound: Tensor | None) -> Tensor | None:
    """Return sound in [-1, 1], B x 1 x S, on SoundNet's scale, with zeros where there is none."""
    if waveform is None:
        return None
    waveform = waveform * INPUT_SCALE
    return waveform if has_sound is None else torch.where(has_sound[:, None, None], waveform, 0)


class SoundNet(nn.Module):
    """Seven strided convolutions over the raw waveform.

    Attributes:
        channels: Channels of the output.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        inputs = 1
        for number, layer in enumerate(LAYERS):
            outputs = scaled(layer.channels, width)
            start = (
                mixtures(outputs, inputs, layer.kernel, paired=number > 1)
                if number
                else band_passes(outputs, layer.kernel)
            )
            self.layers.append(_block(start, layer))
            inputs = outputs
        self.channels = inputs

    def forward(self, waveform: Tensor) -> Tensor:
        """Map B x 1 x S sound in [-1, 1] to B x C x M, M = 3 steps for 70,560 samples."""
        x = waveform * INPUT_SCALE
        for layer in self.layers:
            x = layer(x)
        return x


def _block(start: Tensor, layer: Layer) -> nn.Sequential:
    outputs, inputs, taps = start.shape
    conv = nn.Conv1d(inputs, outputs, taps, STRIDE, layer.padding)  # biased: D18
    conv.weight.data = start
    nn.init.zeros_(conv.get_parameter("bias"))
    block = nn.Sequential(conv, nn.BatchNorm1d(outputs), nn.ReLU(inplace=True))
    return block if layer.pool == 1 else block.append(nn.MaxPool1d(layer.pool))


def band_passes(filters: int, taps: int) -> Tensor:
    """Return Gabor filters, filters x 1 x taps, evenly spaced over the logarithm of frequency.

    Each is as wide as the distance between its neighbours, as far as its taps allow.
    """
    centres = torch.logspace(math.log10(LOWEST), math.log10(HIGHEST), filters)[:, None]
    step = centres[1] / centres[0]
    seconds = (torch.arange(taps) - (taps - 1) / 2) / SOUND_RATE
    spread = math.pi * centres * (step - 1 / step) / 2 * seconds
    envelope = torch.exp(-0.5 * (spread / 1.2) ** 2) * _hann(taps)
    quarter = math.pi / 2 * (torch.arange(filters) % 2)[:, None]
    waves = envelope * torch.cos(2 * math.pi * centres * seconds + quarter)
    return math.sqrt(2) * F.normalize(waves, dim=1)[:, None]


def mixtures(outputs: int, inputs: int, taps: int, *, paired: bool) -> Tensor:
    """Return filters, outputs x inputs x taps, that mix signals and take averages over time.

    Each mixture comes with its negative, so that ReLU takes nothing away: a signal is the
    difference of its two channels, and the next layer, whose inputs are `paired`, reads it so
    ("looks-linear", Balduzzi et al. 2017). Independent random layers lose it one after another.
    """
    mixed = nn.init.orthogonal_(torch.empty(outputs // 2, inputs // 2 if paired else inputs))
    both = torch.cat([mixed, -mixed])
    if paired:
        both = torch.cat([both, -both], dim=1)
    return math.sqrt(2) * both[:, :, None] * F.normalize(_hann(taps), dim=0)


def _hann(taps: int) -> Tensor:
    return torch.hann_window(taps + 2, periodic=False)[1:-1]
