from __future__ import annotations

import pytest
import torch

from avrsp.models import registry


@pytest.mark.parametrize("audio", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_whole_network_exports_and_agrees(audio: bool) -> None:
    torch.manual_seed(0)
    model = registry.build("avrsp", audio=audio, width=0.05).eval()
    frames = torch.randint(0, 256, (2, 3, 8, 64, 64), dtype=torch.uint8)
    sound = torch.rand(2, 1, 17_640) * 2 - 1
    sounding = torch.tensor([True, False])
    given = (frames, sound, sounding) if audio else (frames,)
    exported = torch.export.export(model, given).module()
    other = (frames.flip(0), sound.flip(0), ~sounding)[: len(given)]
    with torch.no_grad():
        for clips in (given, other):
            torch.testing.assert_close(exported(*clips), model(*clips), rtol=0, atol=1e-4)
