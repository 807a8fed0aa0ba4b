"""SoundNet-8 without its classifiers, the audio encoder.

Aytar, Vondrick and Torralba, "SoundNet: Learning Sound Representations from Unlabeled Video",
NIPS 2016. Layers, strides and paddings follow the published Torch model (MIT).
2,874,320 parameters at width 1.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from torch import Tensor, nn

from avrsp.nn.conv import scaled

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


class SoundNet(nn.Module):
    """Seven strided convolutions over the raw waveform.

    Attributes:
        channels: Channels of the output.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        inputs = 1
        for layer in LAYERS:
            outputs = scaled(layer.channels, width)
            self.layers.append(_block(inputs, outputs, layer))
            inputs = outputs
        self.channels = inputs

    def forward(self, waveform: Tensor) -> Tensor:
        """Map B x 1 x S sound in [-1, 1] to B x C x M, M = 3 steps for 70,560 samples."""
        x = waveform * INPUT_SCALE
        for layer in self.layers:
            x = layer(x)
        return x


def _block(inputs: int, outputs: int, layer: Layer) -> nn.Sequential:
    conv = nn.Conv1d(inputs, outputs, layer.kernel, STRIDE, layer.padding)  # biased: D18
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    block = nn.Sequential(conv, nn.BatchNorm1d(outputs), nn.ReLU(inplace=True))
    return block if layer.pool == 1 else block.append(nn.MaxPool1d(layer.pool))
