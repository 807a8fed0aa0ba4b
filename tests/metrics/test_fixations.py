"""Counting against thresholds: the quick way against the definition."""

from __future__ import annotations

import pytest
import torch

from avrsp.metrics import fixations


def rows(kind: str) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(3, 5000, generator=generator)
    return {
        "noise": noise,
        "peaked": noise**20,
        "ties": (noise * 6).floor(),
        "constant": torch.full_like(noise, 0.3),
        "negative": -1e4 * noise,
        "outlier": torch.where(noise == noise.max(), 1e30, noise),
        "infinite": torch.where(noise == noise.max(), torch.inf, noise),
        "denormal": 1e-41 * noise,
        "zeros of both signs": torch.where(noise < 0.5, 0.0, -0.0),
        "tiny range": 1 + 1e-7 * noise,
        "float64": noise.double() + 1e-12 * noise.double().flip(-1),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("noise", "peaked", "ties", "constant", "negative", "tiny range", "float64", "outlier"),
        *("infinite", "denormal", "zeros of both signs"),
    ],
)
def test_what_is_at_or_above_is_counted_exactly(kind: str) -> None:
    values = rows(kind)
    limits = torch.cat([values[:, :40], values.amax(-1, keepdim=True)], -1).sort(-1).values
    limits[0, 0], limits[0, -1] = values[0].min() - 1, values[0].max() + 1  # no value of the map's
    limits[1, -5:] = torch.inf  # a map with fewer fixations
    counted = fixations.at_or_above(values, limits, values.amin(-1), values.amax(-1))
    assert counted.equal(fixations.by_comparison(values, limits))
    assert counted.equal((values.unsqueeze(1) >= limits.unsqueeze(-1)).sum(-1))


def test_a_fixation_outside_the_map_is_named() -> None:
    maps = torch.zeros(2, 4, 6)
    for point in ([4, 0, 0], [0, 6, 0], [0, 0, 2], [-1, 0, 0]):
        with pytest.raises(ValueError, match=r"lies outside \(2, 4, 6\)"):
            fixations.locate(maps, torch.tensor([[1, 1, 1], point]))
