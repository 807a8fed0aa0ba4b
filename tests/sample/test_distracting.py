"""Clips that are heard with the sound of an object which nobody follows, and late gaze."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avrsp.params import WorldKinds, WorldParams
from avrsp.sample import synthesis, viewers
from avrsp.sample.plan import OBJECT_KINDS, PlannedVideo, Stretch, plan
from avrsp.sample.scene import compose, frame_size
from avrsp.sample.writers import write_dataset
from tests.sample.test_sound import BANDS, share_in
from tests.sample.test_writers import truth

SEED = 7
KINDS = WorldKinds(sounding=0.4, music=0.2, silent=0.1, distracting=0.3)
DEFAULT = "ef247ae5d12130fa53e595bf06ac3139"
"""Digest of what is written of the tiny world as it was before there were distracting clips."""


@pytest.fixture
def distracting(spec: WorldParams) -> WorldParams:
    return spec.model_copy(update={"kinds": KINDS})


@pytest.fixture
def clips(distracting: WorldParams) -> list[PlannedVideo]:
    return [video for video in plan(distracting, SEED) if video.kind == "distracting"]


def test_without_them_the_world_is_what_it_was(raw: Path) -> None:
    """Truth, gaze included, and lists: pictures and sound depend on ffmpeg's version."""
    found = hashlib.sha256()
    for path in sorted((*raw.glob("world/*.json"), *raw.glob("mirror/fold_lists/*.txt"))):
        found.update(path.read_bytes())
    assert found.hexdigest()[: len(DEFAULT)] == DEFAULT


def test_they_have_the_asked_share_and_half_of_them_hide_the_object(
    distracting: WorldParams, clips: list[PlannedVideo]
) -> None:
    heard = [video for video in plan(distracting, SEED) if video.kind != "unheard"]
    assert len(clips) / len(heard) == pytest.approx(0.3, abs=0.06)
    assert np.mean([video.hidden for video in clips]) == pytest.approx(0.5, abs=0.1)
    for video in clips:
        assert len(video.followed) == 1
        assert video.distractor not in {None, *video.followed}
    others = [video for video in plan(distracting, SEED) if video.kind != "distracting"]
    assert not any(video.hidden or video.distractor for video in others)


def test_what_is_heard_is_the_distractor(
    distracting: WorldParams, clips: list[PlannedVideo]
) -> None:
    for video in clips[:9]:
        wave = synthesis.track(video, distracting.sound, SEED)
        assert wave is not None
        assert video.distractor is not None
        rate, _ = synthesis.sound_format(video)
        assert share_in(BANDS[video.distractor], wave.mean(axis=1), rate) > 0.95


def test_a_hidden_object_is_not_drawn_and_all_others_are(
    distracting: WorldParams, clips: list[PlannedVideo]
) -> None:
    for video in clips[:6]:
        scene = compose(video, distracting, SEED)
        size = frame_size(video, distracting)
        shown = next(scene.frames(*size)).astype(int)
        for number in range(len(OBJECT_KINDS)):
            without = next(replace(scene, hidden=scene.hidden | {number}).frames(*size))
            drawn = bool((shown != without).any())
            gone = video.hidden and OBJECT_KINDS[number] == video.distractor
            assert drawn != gone


def test_viewers_follow_the_conspicuous_object_and_never_see_a_hidden_one(
    distracting: WorldParams, clips: list[PlannedVideo]
) -> None:
    for video in clips[:12]:
        scene = compose(video, distracting, SEED)
        followed = OBJECT_KINDS.index(video.followed[0])
        assert scene.radii.argmax() == followed
        assert video.distractor is not None
        heard = OBJECT_KINDS.index(video.distractor)
        found = viewers.simulate(
            [Stretch(0.0, 60.0, video.followed[0])],
            distracting.viewers,
            distracting.width,
            np.random.default_rng(1),
            scene.hidden,
        )
        targets = np.array([each.target for each in found if each.target != viewers.CENTRE])
        assert (targets == followed).mean() == pytest.approx(0.88, abs=0.03)
        lapsed = (targets == heard).mean()
        assert lapsed == 0 if video.hidden else lapsed > 0.03


def test_the_truth_says_what_distracts(tmp_path: Path, tiny: WorldParams) -> None:
    world = tiny.model_copy(update={"kinds": KINDS})
    write_dataset("avad", tmp_path, world, SEED)
    planned = {v.video: v for v in plan(world, SEED) if v.dataset == "avad"}
    written = truth(tmp_path, "avad")
    assert any(video.kind == "distracting" for video in planned.values())
    for name, facts in written.items():
        video = planned[name]
        assert facts["kind"] == video.kind
        assert ("distractor" in facts) == (video.kind == "distracting")
        if video.distractor:
            assert OBJECT_KINDS[facts["distractor"]] == video.distractor
            assert facts["hidden"] == video.hidden
            assert set(facts["sounding"]) == {None}


@pytest.mark.parametrize("delay", [0.3, 1.1])
def test_gaze_follows_sound_by_the_latency(spec: WorldParams, delay: float) -> None:
    """`latency` is the delay between sound and gaze, however long it is."""
    late = spec.viewers.model_copy(update={"latency": (delay, delay + 0.1), "lapse": 1e-9})
    schedule = [Stretch(0.0, 10.0, "motor"), Stretch(10.0, 20.0, "bird")]
    times = np.arange(0, 20, 0.01)
    found = viewers.simulate(schedule, late, spec.width, np.random.default_rng(3))
    followed = viewers.looked_at(found, times)
    first = times[followed.index(OBJECT_KINDS.index("bird"))]
    assert delay < first - 10.0 < delay + 0.25
