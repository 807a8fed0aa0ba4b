"""Intervals cover what they claim, and the paired test is the exact one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from avrsp.evaluate.averages import summarise
from avrsp.evaluate.intervals import interval, paired, resample
from avrsp.evaluate.summary import METRICS


def rows(scores: dict[str, float], *, frames: int = 3, dataset: str = "diem") -> pd.DataFrame:
    found = [
        {"dataset": dataset, "video": video, "split": 1, "frame": frame, "protocol": "avrsp"}
        | {"predicted": True, "empty": False, "fixations": 9}
        | dict.fromkeys(METRICS, score)
        for video, score in scores.items()
        for frame in range(frames)
    ]
    return pd.DataFrame(found)


def test_the_interval_of_a_mean_is_scipys() -> None:
    values = np.random.default_rng(0).normal(size=(40, 1))
    draws = resample(values, np.ones_like(values), 20_000, np.random.default_rng(1))
    expected = stats.bootstrap(
        (values[:, 0],), np.mean, n_resamples=20_000, method="percentile", rng=2
    ).confidence_interval
    assert interval(draws[:, 0], 40) == pytest.approx(tuple(expected), abs=0.02)


def test_weights_make_a_pooled_mean() -> None:
    total, weight = np.array([[10.0], [0.0]]), np.array([[10.0], [1.0]])
    draws = resample(total, weight, 1000, np.random.default_rng(0))[:, 0]
    assert set(np.round(draws, 6)) == {0.0, 1.0, round(10 / 11, 6)}


def test_a_draw_of_videos_without_a_score_is_left_out() -> None:
    total, weight = np.array([[0.7], [0.0]]), np.array([[1.0], [0.0]])
    draws = resample(total, weight, 100, np.random.default_rng(0))[:, 0]
    assert np.isnan(draws).any()
    assert interval(draws, 2) == pytest.approx((0.7, 0.7))


def test_one_video_has_no_interval() -> None:
    assert np.isnan(interval(np.full(10, 0.5), 1)).all()


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = rng.normal(size=(25, 1))
        low, high = interval(resample(values, np.ones_like(values), 500, rng)[:, 0], 25)
        covered += low <= 0 <= high
    assert 0.88 <= covered / 200 <= 0.98


def test_paired_by_hand() -> None:
    better = rows({"a": 0.5, "b": 0.7, "c": 0.9, "only here": 0.1})
    worse = rows({"a": 0.4, "b": 0.5, "c": 0.6})
    found = paired(better, worse, "cc", resamples=1000, seed=0)
    assert found.videos == 3
    assert found.difference == pytest.approx(0.2)
    assert found.p == pytest.approx(2 / 2**3)  # all eight sign patterns, two as extreme
    assert (found.low, found.high) == pytest.approx((0.1, 0.3))
    back = paired(worse, better, "cc", resamples=1000, seed=0)
    assert back.difference == pytest.approx(-0.2)
    assert back.p == found.p


def test_long_videos_count_as_much_as_short_ones() -> None:
    first = pd.concat([rows({"a": 0.6}, frames=50), rows({"b": 0.2})])
    second = pd.concat([rows({"a": 0.4}, frames=50), rows({"b": 0.1})])
    assert paired(first, second, "nss", resamples=100, seed=0).difference == pytest.approx(0.15)


def test_equal_names_in_two_datasets_are_two_videos() -> None:
    first = pd.concat([rows({"clip1": 0.6}), rows({"clip1": 0.2}, dataset="coutrot1")])
    assert paired(first, first, "cc", resamples=100, seed=0).videos == 2


def test_nothing_in_common() -> None:
    found = paired(rows({"a": 0.5}), rows({"b": 0.5}), "cc", resamples=100, seed=0)
    assert found.videos == 0
    assert np.isnan(found.p)


def test_one_video_has_a_difference_and_nothing_more() -> None:
    found = paired(rows({"a": 0.5}), rows({"a": 0.3}), "cc", resamples=100, seed=0)
    assert found.difference == pytest.approx(0.2)
    assert np.isnan([found.low, found.high, found.p]).all()


def test_an_interval_does_not_depend_on_which_other_datasets_are_scored() -> None:
    scores = {"a": 0.1, "b": 0.5, "c": 0.7, "d": 0.2}
    diem, avad = rows(scores), rows(scores, dataset="avad")
    both, one = (summarise(each, "avrsp", 50, 3) for each in (pd.concat([avad, diem]), diem))
    diem_cc, avad_cc = (both.datasets[name].metrics["cc"] for name in ("diem", "avad"))
    assert diem_cc == one.datasets["diem"].metrics["cc"]
    assert (avad_cc.low, avad_cc.high) != (diem_cc.low, diem_cc.high)
