"""The metrics against hand-computed cases, an independent transcription, and their identities."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.ndimage import gaussian_filter

from avrsp import metrics

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())

Array = NDArray[np.float64]


def mit_auc(saliency: Array, fixated: NDArray[np.bool_]) -> float:
    """AUC-Judd as the MIT code defines it, a threshold at a time, both rates counted with >=."""
    positives, points = np.count_nonzero(fixated), [(0.0, 0.0)]
    for threshold in sorted(set(saliency[fixated].tolist()), reverse=True):
        above = np.count_nonzero(saliency >= threshold)
        hits = np.count_nonzero(saliency[fixated] >= threshold)
        points.append(((above - hits) / (saliency.size - positives), hits / positives))
    points.append((1.0, 1.0))
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in itertools.pairwise(points))


def scene(kind: str, seed: int = 0) -> tuple[Array, Array, NDArray[np.bool_]]:
    """A prediction, a density and fixations of one of the kinds that break implementations."""
    rng = np.random.default_rng([seed, len(kind)])
    size = (37, 53) if kind == "odd" else (48, 64)
    pred, density = (gaussian_filter(rng.random(size), 3) for _ in range(2))
    density -= density.min()
    if kind == "8-bit":
        pred = np.round(255 * (pred - pred.min()) / np.ptp(pred))
    if kind == "ties":
        pred = np.round(4 * (pred - pred.min()) / np.ptp(pred))
    fixated = np.zeros(size, bool)
    count = 1 if kind == "one fixation" else 25
    fixated[rng.integers(0, size[0], count), rng.integers(0, size[1], count)] = True
    return pred, density, fixated


KINDS = ["smooth", "8-bit", "ties", "one fixation", "odd"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_a_transcription_of_the_definitions(kind: str, dtype: torch.dtype) -> None:
    pred, density, fixated = scene(kind)
    maps = torch.from_numpy(pred).to(dtype)
    pred, truth, where = maps.double().numpy(), torch.from_numpy(density), torch.from_numpy(fixated)
    p, g = pred / pred.sum(), density / density.sum()
    eps = 2.2204e-16
    kl = float(np.sum(g * np.log(eps + g / (p + eps))))
    cc = float(np.corrcoef(pred.ravel(), density.ravel())[0, 1])
    p, g = pred - pred.min(), density - density.min()
    sim = float(np.minimum(p / p.sum(), g / g.sum()).sum())
    nss = float(((pred - pred.mean()) / pred.std(ddof=1))[fixated].mean())
    assert metrics.kl(maps, truth).item() == pytest.approx(kl, rel=1e-6)
    assert metrics.cc(maps, truth).item() == pytest.approx(cc, rel=1e-6)
    assert metrics.sim(maps, truth).item() == pytest.approx(sim, rel=1e-6)
    assert metrics.nss(maps, where).item() == pytest.approx(nss, rel=1e-6)
    assert metrics.auc_judd(maps, where).item() == pytest.approx(mit_auc(pred, fixated), abs=1e-9)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_agrees_with_strangers(case: dict[str, list[list[float]] | float]) -> None:
    pred, density, fixated = (torch.tensor(case[key]) for key in ("pred", "density", "fixated"))
    found = {
        "kl": metrics.kl(pred.double(), density.double()),
        "cc": metrics.cc(pred.double(), density.double()),
        "sim": metrics.sim(pred.double(), density.double()),
        "nss": metrics.nss(pred.double(), fixated.bool()),
    }
    assert case.keys() - found.keys() == {"name", "pred", "density", "fixated"}
    for name, score in found.items():
        assert score.item() == pytest.approx(case[name], rel=1e-6), name


def test_hand_computed_cases() -> None:
    pred = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    density = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    top = torch.tensor([[1, 1, 0]])
    assert metrics.sim(pred, density).item() == pytest.approx(2 / 8 + 4 / 8)
    assert metrics.kl(pred, density).item() == pytest.approx(
        0.5 * np.log(0.5 / (2 / 8)) + 0.5 * np.log(0.5 / (5 / 8))
    )
    assert metrics.cc(pred, density).item() == pytest.approx(3 / np.sqrt(14))
    assert metrics.nss(pred, top).item() == pytest.approx(3 / np.sqrt(14 / 3))
    assert metrics.auc_judd(pred, top).item() == 1.0
    assert metrics.auc_judd(pred, torch.tensor([[1, 0, 0]])).item() == pytest.approx(5 / 6)
    assert metrics.auc_judd(pred, torch.tensor([[0, 0, 0]])).item() == pytest.approx(0.5)
    assert metrics.auc_shuffled(pred, top, torch.tensor([[0, 0, 0], [1, 1, 0]])).item() == 0.75
    uniform = torch.ones(2, 2)
    assert metrics.ig(pred, top, uniform).item() == pytest.approx(np.log2((5 / 8) / (1 / 4)))


def test_a_tie_earns_what_jitter_earns_on_average() -> None:
    pred, _, fixated = scene("ties")
    rng = np.random.default_rng(0)
    jittered = [mit_auc(pred + 1e-7 * rng.random(pred.shape), fixated) for _ in range(200)]
    exact = metrics.auc_judd(torch.from_numpy(pred), torch.from_numpy(fixated)).item()
    mean, error = np.mean(jittered), np.std(jittered) / np.sqrt(200)
    steps = 0.5 / np.count_nonzero(fixated)  # a threshold at each fixation gives away half a step
    assert exact == pytest.approx(mean, abs=steps + 4 * error)


def test_a_constant_prediction_is_chance() -> None:
    _, density, fixated = scene("smooth")
    truth, where = torch.from_numpy(density), torch.from_numpy(fixated)
    for value in (0.0, 0.1, 1000.0):
        pred = torch.full_like(truth, value)
        assert metrics.cc(pred, truth).item() == 0
        assert metrics.nss(pred, where).item() == 0
        assert metrics.auc_judd(pred, where).item() == 0.5
        assert metrics.auc_shuffled(pred, where, where).item() == 0.5
    uniform = torch.full_like(truth, 0.1)
    share = truth / truth.sum()
    assert metrics.sim(uniform, truth).item() == pytest.approx(
        torch.minimum(share, torch.full_like(share, 1 / share.numel())).sum().item()
    )
    assert metrics.sim(torch.zeros_like(truth), truth).item() == 0


def test_without_a_fixation_the_score_is_nan_and_its_neighbours_are_not() -> None:
    pred, _, fixated = scene("smooth")
    maps = torch.from_numpy(np.stack([pred, pred]))
    where = torch.from_numpy(np.stack([np.zeros_like(fixated), fixated]))
    baseline = torch.ones_like(maps)
    for scores in (
        metrics.nss(maps, where),
        metrics.auc_judd(maps, where),
        metrics.auc_shuffled(maps, where, where),
        metrics.ig(maps, where, baseline),
    ):
        assert scores.isnan().tolist() == [True, False]
    assert metrics.auc_judd(maps, torch.zeros_like(where)).isnan().all()


def test_a_perfect_prediction_has_the_best_score() -> None:
    _, density, fixated = scene("smooth")
    truth = torch.from_numpy(density)
    assert metrics.kl(truth, truth).item() == pytest.approx(0, abs=1e-12)
    assert metrics.cc(truth, truth).item() == pytest.approx(1)
    assert metrics.cc(-truth, truth).item() == pytest.approx(-1)
    assert metrics.sim(truth, truth).item() == pytest.approx(1)
    where = torch.from_numpy(fixated)
    assert metrics.auc_judd(where.double(), where).item() == 1


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(KINDS), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 99))
def test_positive_affine_changes_of_the_prediction_change_nothing(
    kind: str, scale: float, shift: float, seed: int
) -> None:
    pred, density, fixated = (torch.from_numpy(each) for each in scene(kind, seed))
    changed = scale * pred + shift
    for score, truth in ((metrics.cc, density), (metrics.sim, density), (metrics.nss, fixated)):
        torch.testing.assert_close(score(changed, truth), score(pred, truth), rtol=1e-6, atol=1e-9)
    if kind in {"8-bit", "ties"} and shift == round(shift):
        torch.testing.assert_close(
            metrics.auc_judd(pred + shift, fixated), metrics.auc_judd(pred, fixated)
        )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_similarity_is_symmetric(seed: int) -> None:
    pred, density, _ = scene("smooth", seed)
    p, g = torch.from_numpy(pred), torch.from_numpy(density)
    assert metrics.sim(p, g).item() == pytest.approx(metrics.sim(g, p).item(), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_shuffled_auc_is_the_statistic_of_mann_and_whitney(kind: str) -> None:
    pred, _, fixated = scene(kind)
    _, _, others = scene(kind, 1)
    expected = stats.mannwhitneyu(pred[fixated], pred[others]).statistic
    found = metrics.auc_shuffled(pred, fixated, others)
    pairs = np.count_nonzero(fixated) * np.count_nonzero(others)
    assert found == pytest.approx(expected / pairs, rel=1e-12)


def test_shuffled_auc_is_what_random_draws_estimate() -> None:
    pred, _, fixated = scene("smooth")
    _, _, others = scene("smooth", 1)
    rng = np.random.default_rng(0)
    pairs = [
        np.mean(rng.choice(pred[fixated], 400) > rng.choice(pred[others], 400)) for _ in range(100)
    ]
    exact = metrics.auc_shuffled(*(torch.from_numpy(each) for each in (pred, fixated, others)))
    assert exact.item() == pytest.approx(np.mean(pairs), abs=0.01)
