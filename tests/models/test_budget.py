from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from avrsp.models import registry


def test_full_width_keeps_its_budget() -> None:
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = registry.build("avrsp").eval()
        model(torch.empty(1, 3, 32, 224, 384, dtype=torch.uint8), torch.empty(1, 1, 70_560))
    flops = {name: sum(counts.values()) for name, counts in counter.get_flop_counts().items()}
    total, encoder = (flops[name] / 2 / 1e9 for name in ("Global", "AVRSP.encoder"))
    assert abs(encoder - 61.6) < 0.1  # the published S3D
    assert total <= 92
    assert total - encoder <= 30
    assert sum(p.numel() for p in model.parameters()) <= 45e6
