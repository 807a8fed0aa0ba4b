from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from avrsp.params import WorldParams
from avrsp.sample.plan import Stretch
from avrsp.sample.viewers import CENTRE, Fixation, density, looked_at, points, simulate

SCHEDULE = [Stretch(0.0, 20.0, "motor"), Stretch(20.0, 40.0, "bird")]
WIDTH = 320


@pytest.fixture
def fixations(spec: WorldParams) -> list[Fixation]:
    return simulate(SCHEDULE, spec.viewers, WIDTH, np.random.default_rng(3))


def of_viewers(fixations: list[Fixation]) -> list[list[Fixation]]:
    return [[f for f in fixations if f.viewer == viewer] for viewer in range(16)]


def test_fixations_last_200_to_400_ms_and_saccades_lie_between(fixations: list[Fixation]) -> None:
    durations = np.array([each.end - each.start for each in fixations])
    assert durations.min() >= 0.2 - 1e-9
    assert durations.max() <= 0.4 + 1e-9
    assert durations.mean() == pytest.approx(0.3, abs=0.01)
    for one in of_viewers(fixations):
        gaps = np.array([b.start - a.end for a, b in itertools.pairwise(one)])
        assert (gaps >= 0.03 - 1e-9).all()
        assert (gaps <= 0.06 + 1e-9).all()


def test_everyone_first_looks_at_the_centre_and_never_again(fixations: list[Fixation]) -> None:
    for one in of_viewers(fixations):
        assert [each.target == CENTRE for each in one] == [True] + [False] * (len(one) - 1)


def test_jitter_is_a_share_of_the_width(fixations: list[Fixation]) -> None:
    offsets = np.array([each.offset for each in fixations if each.target != CENTRE])
    assert offsets.std(axis=0) == pytest.approx([8.0, 8.0], rel=0.1)
    assert offsets.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.8)


def test_lapses_go_to_the_other_objects_alike(fixations: list[Fixation]) -> None:
    early = [each.target for each in fixations if each.target != CENTRE and each.end < 20]
    shares = np.bincount(early, minlength=3) / len(early)
    assert shares == pytest.approx([0.88, 0.06, 0.06], abs=0.03)


def test_a_change_is_answered_200_to_400_ms_later(spec: WorldParams) -> None:
    steady = spec.viewers.model_copy(update={"lapse": 1e-9})
    left = [
        max(each.end for each in one if each.target == 0) - 20.0
        for seed in range(6)
        for one in of_viewers(simulate(SCHEDULE, steady, WIDTH, np.random.default_rng(seed)))
    ]
    assert min(left) >= 0.2 - 1e-9
    assert np.quantile(left, 0.99) <= 0.46
    assert np.median(left) == pytest.approx(0.3, abs=0.03)


def test_points_follow_the_object_and_skip_saccades() -> None:
    centres = np.array([[[10.0, 20.0]], [[12.0, 24.0]], [[14.0, 28.0]]])
    fixations = [
        Fixation(0, 0.0, 0.15, 0, (1.0, -1.0)),
        Fixation(0, 0.25, 0.30, CENTRE, (0.0, 0.0)),
        Fixation(1, 0.0, 0.30, 0, (0.0, 500.0)),
    ]
    found = points(fixations, centres, dt=0.1, frame=(41, 61))
    assert [each.tolist() for each in found] == [[[11, 19]], [], [[20, 30]]]


def test_two_viewers_on_one_pixel_leave_one_point() -> None:
    twice = [Fixation(viewer, 0.0, 1.0, 0, (0.0, 0.0)) for viewer in range(2)]
    assert points(twice, np.array([[[3.0, 4.0]]]), 0.1, (9, 9))[0].tolist() == [[3, 4]]


def test_density_is_the_blurred_fixation_map() -> None:
    pixels = np.array([[30, 40], [60, 20], [31, 44]])
    fixated = np.zeros((90, 120))
    fixated[tuple(pixels.T)] = 1
    blurred = gaussian_filter(fixated, 5.0, mode="constant", truncate=8)
    expected = np.rint(255 * blurred / blurred.max())
    assert np.abs(density(pixels, (90, 120), 5.0) - expected).max() <= 1


def test_density_of_nothing_is_zero() -> None:
    assert not density(np.empty((0, 2), dtype=np.int64), (9, 9), 5.0).any()


def test_looked_at_is_the_majority_without_the_centre(fixations: list[Fixation]) -> None:
    times = np.array([0.1, 10.0, 30.0])
    assert looked_at(fixations, times) == [None, 0, 1]
