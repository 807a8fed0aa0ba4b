from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from avrsp.models.avrsp.network import Listener

SIZES = ((2, 3), (4, 6), (8, 12), (16, 24))


class Tokens(nn.Module):
    """A fusion that keeps the visual tokens it is given, and returns them."""

    def forward(self, visual: Tensor, audio: Tensor, has_sound: Tensor) -> Tensor:
        self.visual = visual.detach()
        return visual


@pytest.fixture
def pyramid() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(1, 8, 2, *size) for size in SIZES]


def tokens(listener: Listener, pyramid: list[Tensor]) -> Tensor:
    """Return the visual tokens as T x H x W x D of X0."""
    listener(pyramid, torch.zeros(1, 1, 35_280), torch.tensor([True]))
    fusion = listener.fusion
    assert isinstance(fusion, Tokens)
    return fusion.visual.reshape(2, *SIZES[0], -1)


@pytest.mark.parametrize("scale", range(4))
def test_a_token_knows_what_every_scale_shows_in_its_cell_and_nowhere_else(
    pyramid: list[Tensor], scale: int
) -> None:
    torch.manual_seed(1)
    listener = Listener(8, Tokens(), scales=4, token=16, width=0.25).eval()
    before = tokens(listener, pyramid)
    rows = SIZES[scale][0]
    pyramid[scale][:, :, 1, rows - 1, 0] += 5.0  # bottom left, second step

    changed = (tokens(listener, pyramid) - before).abs().amax(dim=-1) > 1e-6

    expected = torch.zeros(2, *SIZES[0], dtype=torch.bool)
    expected[1, 1, 0] = True
    assert torch.equal(changed, expected)
