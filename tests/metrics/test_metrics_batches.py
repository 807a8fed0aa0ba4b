"""Batches: each map's score is its own, however it is computed and whatever its neighbours hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avrsp import metrics
from avrsp.metrics import definitions
from tests.metrics.test_metrics import KINDS, scene

SHARED = ("cc", "sim", "nss", "auc_judd")


def test_leading_dimensions_and_both_forms_of_fixations_agree() -> None:
    scenes = [scene("smooth", seed) for seed in range(6)]
    pred, density, fixated = (
        torch.from_numpy(np.stack([each[part] for each in scenes])) for part in range(3)
    )
    frame, row, col = fixated.nonzero().unbind(-1)
    listed = torch.stack([row, col, frame], -1).flip(0)
    twice = torch.cat([listed, listed[:7]]).to(torch.int32)
    shape = (2, 3, 48, 64)
    for score in (metrics.nss, metrics.auc_judd):
        alone = torch.stack([score(p, f) for p, f in zip(pred, fixated, strict=True)])
        batch = score(pred.reshape(shape), fixated.reshape(shape))
        torch.testing.assert_close(batch, alone.reshape(2, 3), rtol=1e-12, atol=0)
        torch.testing.assert_close(score(pred, twice), alone, rtol=1e-12, atol=0)
    for compare in (metrics.kl, metrics.cc, metrics.sim):
        alone = torch.stack([compare(p, g) for p, g in zip(pred, density, strict=True)])
        batch = compare(pred.reshape(shape), density.reshape(shape))
        torch.testing.assert_close(batch, alone.reshape(2, 3), rtol=1e-12, atol=0)


@pytest.mark.parametrize("piece", [1, 1 << 13, 1 << 18])
def test_all_at_once_is_each_alone(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "PIECE", piece)
    scenes = [scene(kind) for kind in KINDS if kind != "odd"]
    pred, density, fixated = (
        torch.from_numpy(np.stack([each[part] for each in scenes])) for part in range(3)
    )
    pred[1], density[2], fixated[0] = 0.3, 0, False  # constant, empty, without a fixation
    found = definitions.together(pred.float(), density, fixated)
    assert tuple(found) == SHARED
    for name, scores in found.items():
        truth = density if name in {"cc", "sim"} else fixated
        alone = [getattr(metrics, name)(p.float(), t) for p, t in zip(pred, truth, strict=True)]
        torch.testing.assert_close(scores, torch.stack(alone), rtol=1e-12, atol=0, equal_nan=True)
    assert found["nss"].isnan().tolist() == [True, False, False, False]


def test_nan_in_a_map_is_nan_in_its_score_alone() -> None:
    pred, density, fixated = (torch.from_numpy(each).repeat(2, 1, 1) for each in scene("smooth"))
    pred[0, 3, 4] = torch.nan
    found = definitions.together(pred, density, fixated)
    found |= {
        "kl": metrics.kl(pred, density),
        "ig": metrics.ig(pred, fixated, density),
        "auc_shuffled": metrics.auc_shuffled(pred, fixated, fixated.flip(-1)),
    }
    for name, scores in found.items():
        assert scores.isnan().tolist() == [True, False], name


def test_a_map_far_from_zero_loses_no_digits() -> None:
    _, density, fixated = scene("smooth")
    pred = 1 + 1e-6 * np.random.default_rng(0).random(density.shape)
    pred[0, 0] = 0  # next to which all other differences are small
    cc = np.corrcoef(pred.ravel(), density.ravel())[0, 1]
    nss = ((pred - pred.mean()) / pred.std(ddof=1))[fixated].mean()
    maps = torch.from_numpy(pred)
    assert metrics.cc(maps, torch.from_numpy(density)).item() == pytest.approx(cc, rel=1e-6)
    assert metrics.nss(maps, torch.from_numpy(fixated)).item() == pytest.approx(nss, rel=1e-6)


def test_no_map_has_no_score() -> None:
    maps, mask = torch.zeros(0, 4, 6), torch.zeros(0, 4, 6, dtype=torch.bool)
    for score in (metrics.kl, metrics.cc, metrics.sim):
        assert score(maps, maps).shape == (0,)
    for rated in (metrics.nss, metrics.auc_judd):
        assert rated(maps, mask).shape == (0,)
    assert metrics.auc_shuffled(maps, mask, mask).shape == (0,)
    assert metrics.ig(maps, mask, maps).shape == (0,)
