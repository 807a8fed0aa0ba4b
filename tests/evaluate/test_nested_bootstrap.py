"""Intervals over seeds and videos together, against independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from avrsp.evaluate.nested_bootstrap import estimate, nested_means

SEEDS = (5, 12, 30)
"""Videos of each of three seeds."""


def groups_of(
    between: float, within: float, rng: np.random.Generator, sizes: tuple[int, ...] = SEEDS
) -> list[NDArray[np.float64]]:
    """Return differences whose true mean is 0, with deviations between and within seeds."""
    return [rng.normal(rng.normal(0, between), within, size) for size in sizes]


def test_the_spread_of_the_draws_is_the_closed_form() -> None:
    """One draw is a seed of equal chance and the mean of its drawn videos; a mean has S of them."""
    groups = groups_of(0.3, 1.0, np.random.default_rng(1))
    draws = nested_means(groups, 40_000, np.random.default_rng(2))
    means = np.array([each.mean() for each in groups])
    variance = (means.var() + np.mean([each.var() / len(each) for each in groups])) / len(groups)
    assert draws.mean() == pytest.approx(means.mean(), abs=0.01)
    assert draws.var() == pytest.approx(variance, rel=0.03)


def test_with_one_seed_it_is_the_ordinary_bootstrap() -> None:
    scores = np.random.default_rng(3).gamma(2.0, size=25)
    found = estimate([scores], 20_000, seed=4)
    reference = stats.bootstrap(
        (scores,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(5)
    ).confidence_interval
    assert found.value == pytest.approx(scores.mean())
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=0.02)
    assert (found.seeds, found.videos) == (1, 25)


def test_a_seed_counts_as_much_as_another_whatever_its_number_of_videos() -> None:
    found = estimate([np.full(2, 1.0), np.full(40, 0.0)], 2_000, seed=1)
    assert found.value == 0.5
    assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize(("between", "least"), [(0.0, 0.95), (0.2, 0.88), (1.0, 0.7)])
def test_how_often_the_interval_holds_the_truth(between: float, least: float) -> None:
    """With three seeds it does so more often than it says if seeds are alike, and else less."""
    rng, trials = np.random.default_rng(6), 300
    held = 0
    for trial in range(trials):
        found = estimate(groups_of(between, 0.8, rng, (18, 18, 18)), 400, seed=trial)
        held += found.low <= 0 <= found.high
    assert held / trials >= least


def test_p_is_small_exactly_where_the_interval_leaves_out_0() -> None:
    rng = np.random.default_rng(7)
    for shift in (0.0, 0.2, 0.4, 0.6, 0.8, 1.5):
        found = estimate([each + shift for each in groups_of(0.1, 1.0, rng)], 4_000, seed=8)
        if not 0.04 < found.p < 0.06:  # percentiles are interpolated
            assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
    assert estimate([np.full(9, 1.0)] * 3, 999, seed=1).p == pytest.approx(0.002)


def test_what_is_not_defined_is_passed_over() -> None:
    found = estimate([np.array([np.nan, 1.0, 3.0]), np.array([np.nan])], 200, seed=1)
    assert (found.value, found.seeds, found.videos) == (2.0, 1, 2)
    assert np.isnan(estimate([np.array([np.nan])], 200, seed=1).value)
    assert np.isnan(estimate([np.array([1.0])], 200, seed=1).low)
