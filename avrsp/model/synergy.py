"""Multi-scale feature synergy (MS), section III-C, equations 8 to 12."""

from __future__ import annotations

from torch import Tensor, nn

from avrsp.nn.conv import enlarged, halved, spatial


class Synergy(nn.Module):
    """Enhance the `pairs` finest scales by their neighbours (D6, D7).

    Those scales and the next coarser one go through eq. 9 to 11 at once; coarser ones pass through.
    """

    def __init__(self, channels: int, *, scales: int, pairs: int) -> None:
        super().__init__()
        self.plain = max(0, scales - pairs - 1)
        read = scales - self.plain
        self.first = nn.ModuleList([spatial(channels, channels, bias=True) for _ in range(read)])
        self.second = Exchange(channels, inputs=read, outputs=read)
        self.third = Exchange(channels, inputs=read, outputs=pairs)

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        """Map features B x C x T x H x W, coarse to fine, to as many of the same sizes."""
        x1 = [conv(x) for conv, x in zip(self.first, pyramid[self.plain :], strict=True)]  # eq. 9
        x3 = self.third(self.second(x1))  # eq. 10, 11
        enhanced = len(pyramid) - len(x3)
        residual = [x + own for x, own in zip(x3, pyramid[enhanced:], strict=True)]  # eq. 12
        return [*pyramid[:enhanced], *residual]


class Exchange(nn.Module):
    """U(coarser) + C(same) + D(finer) for the `outputs` finest of `inputs` scales.

    C is a convolution, U and D are a change of scale followed by one. C alone has a bias:
    the three are summed. A neighbour that does not exist contributes nothing (D6).
    """

    def __init__(self, channels: int, *, inputs: int, outputs: int) -> None:
        super().__init__()
        self.start = inputs - outputs
        self.same = nn.ModuleList([spatial(channels, channels, bias=True) for _ in range(outputs)])
        coarser = min(outputs, inputs - 1)
        self.up = nn.ModuleList([spatial(channels, channels) for _ in range(coarser)])
        self.down = nn.ModuleList([spatial(channels, channels) for _ in range(outputs - 1)])

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        """Map `inputs` features, coarse to fine, to the `outputs` finest."""
        mixed = [conv(x) for conv, x in zip(self.same, scales[self.start :], strict=True)]
        first = len(mixed) - len(self.up)
        for i, up in enumerate(self.up, start=first):
            mixed[i] = mixed[i] + up(enlarged(scales[self.start + i - 1]))
        for i, down in enumerate(self.down):
            mixed[i] = mixed[i] + down(halved(scales[self.start + i + 1]))
        return mixed
