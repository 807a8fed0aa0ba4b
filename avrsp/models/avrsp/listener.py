"""The place where sound enters, Fig. 2, middle: SoundNet and a fusion, or nothing (D10)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.models.layers.soundnet import SoundNet


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
        # all sizes are multiples of X0's; ONNX has no adaptive pooling
        shown = torch.cat(
            [F.avg_pool3d(x, (x.shape[2] // T, x.shape[3] // H, x.shape[4] // W)) for x in pyramid],
            dim=1,
        )
        visual = self.visual(self.contrast(shown.flatten(2)).mT)  # b c t h w -> b (t h w) c
        fused: Tensor = self.out(self.fusion(visual, audio, has_sound))
        return x0 + fused.mT.reshape(x0.shape)  # b (t h w) c -> b c t h w


class NoListener(nn.Module):
    """In place of `Listener` in the visual network: X0 goes straight on (D10)."""

    def forward(self, pyramid: list[Tensor], waveform: Tensor, has_sound: Tensor) -> Tensor:
        """Return X0."""
        return pyramid[0]
