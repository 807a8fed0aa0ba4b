"""The rule of the experiment: pictures alone do not tell which object sounds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from avrsp.params import WorldParams
from avrsp.sample.plan import OBJECT_KINDS, PlannedVideo, followed_at, plan, stretches
from avrsp.sample.scene import compose

Floats = NDArray[np.float64]
SEED = 11
LATER = 2
PATCH = 14
FOLDS = 4
WEIGHT_DECAY = 0.05


@pytest.fixture(scope="module")
def small(tiny: WorldParams) -> WorldParams:
    """Many clips of small frames; at 120 x 160 an object is some 28 pixels across."""
    counts = dict.fromkeys(type(tiny.videos).model_fields, 21)
    content = tiny.model_dump() | {"height": 120, "width": 160, "frames": (80, 80)}
    sound = {"rms": (0.1, 0.25), "stretch": 1.2}
    return WorldParams.model_validate(content | {"videos": counts, "sound": sound})


def features(video: PlannedVideo, spec: WorldParams, index: int) -> Floats:
    """Return 3 x F: what a viewer could see of each object about frame `index`."""
    scene = compose(video, spec, SEED)
    part = slice(index, index + LATER)
    shown = replace(
        scene,
        centres=scene.centres[part],
        angles=scene.angles[part],
        boosts=scene.boosts[part],
        drift=scene.drift[part],
    )
    first, *_, last = shown.frames(spec.height, spec.width)
    rows = []
    for number in range(len(OBJECT_KINDS)):
        place = shown.centres[[0, -1], number]
        looks = [patch(frame, centre) for frame, centre in zip((first, last), place, strict=True)]
        geometry = np.concatenate([place[0] / spec.height, np.abs(place[0] / spec.height - 0.5)])
        speed = np.linalg.norm(place[1] - place[0]) / spec.height
        change = np.abs(looks[1] - looks[0]).mean()
        kind = np.eye(len(OBJECT_KINDS))[number]
        rows.append(np.concatenate([*looks, geometry, kind, [speed * 20, change]]))
    return np.array(rows)


def patch(frame: NDArray[np.uint8], centre: Floats) -> Floats:
    """Return the colours around `centre` on a grid of 5 x 5, and their means, from -1 to 1."""
    steps = np.linspace(-PATCH, PATCH, 5)
    rows, cols = (
        np.clip(np.rint(steps + at), 0, limit - 1).astype(int)
        for at, limit in zip(centre, frame.shape, strict=False)
    )
    grid = frame[np.ix_(rows, cols)].astype(float) / 128 - 1
    return np.concatenate([grid.ravel(), 5 * grid.mean(axis=(0, 1))])


def fitted(seen: Floats, answers: NDArray[np.int64]) -> Floats:
    """Return the weights of a conditional logit model, which chooses one object of three."""

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = seen @ weights
        chosen = np.eye(3)[answers]
        slope = np.einsum("nk,nkf->f", softmax(scores, axis=1) - chosen, seen) / len(seen)
        value = -(log_softmax(scores, axis=1) * chosen).sum() / len(seen)
        return value + WEIGHT_DECAY * weights @ weights, slope + 2 * WEIGHT_DECAY * weights

    result = minimize(loss, np.zeros(seen.shape[2]), jac=True, method="L-BFGS-B")
    return np.asarray(result.x)


def right(videos: Sequence[PlannedVideo], spec: WorldParams) -> NDArray[np.bool_]:
    """Return, clip by clip, whether a probe trained on other clips names the followed object."""
    rng = np.random.default_rng(SEED)  # so that no pattern in the list of videos helps
    frames = rng.integers(0, spec.frames[0] - LATER, len(videos)).tolist()
    group = rng.permutation(len(videos)) % FOLDS
    seen = np.array([features(v, spec, f) for v, f in zip(videos, frames, strict=True)])
    answers = np.array([answer(v, spec, f) for v, f in zip(videos, frames, strict=True)])
    verdict = np.zeros(len(videos), dtype=bool)
    for fold in range(FOLDS):
        held = group == fold
        weights = fitted(seen[~held], answers[~held])
        verdict[held] = (seen[held] @ weights).argmax(axis=1) == answers[held]
    return verdict


def answer(video: PlannedVideo, spec: WorldParams, frame: int) -> int:
    schedule = stretches(video, spec.sound.stretch, SEED)
    return OBJECT_KINDS.index(followed_at(frame / float(video.rate), schedule))


def test_pictures_tell_what_is_followed_only_without_a_sounding_object(small: WorldParams) -> None:
    by_kind: dict[str, list[PlannedVideo]] = {}
    for video in plan(small, SEED):
        by_kind.setdefault(video.kind, []).append(video)
    sounding, other = by_kind["sounding"], by_kind["music"]
    chance = right(sounding, small)
    spread = np.sqrt((1 / 3) * (2 / 3) / len(chance))
    assert abs(chance.mean() - 1 / 3) < 3 * spread
    assert right(other, small).mean() > 0.9


def test_followed_kinds_are_balanced_over_time(small: WorldParams) -> None:
    heard = dict.fromkeys(OBJECT_KINDS, 0.0)
    for video in plan(small, SEED):
        if video.kind == "sounding":
            for part in stretches(video, small.sound.stretch, SEED):
                heard[part.kind] += part.end - part.start
    total = sum(heard.values())
    assert [heard[kind] / total for kind in OBJECT_KINDS] == pytest.approx([1 / 3] * 3, abs=0.04)


def test_orders_of_following_use_every_pair(small: WorldParams) -> None:
    pairs = {
        pair
        for video in plan(small, SEED)
        if video.kind == "sounding"
        for pair in itertools.pairwise(video.followed)
    }
    assert pairs == set(itertools.permutations(OBJECT_KINDS, 2))
