from __future__ import annotations

import itertools

import numpy as np
import pytest

from avrsp.params import WorldParams
from avrsp.sample.plan import OBJECT_KINDS, ObjectKind, PlannedVideo, plan
from avrsp.sample.scene import CHROMA, CONTRAST, LUMA, Scene, Sprite, compose, frame_size

SEED = 7
LUMA_OF_RGB = np.array([0.299, 0.587, 0.114])


def scenes_of(spec: WorldParams, *kinds: str) -> list[tuple[PlannedVideo, Scene]]:
    chosen = [video for video in plan(spec, SEED) if video.kind in kinds][:12]
    return [(video, compose(video, spec, SEED)) for video in chosen]


def speeds(scene: Scene, video: PlannedVideo) -> np.ndarray:
    steps = np.linalg.norm(np.diff(scene.centres, axis=0), axis=2)
    return np.asarray(np.median(steps, axis=0) * float(video.rate))


def test_objects_of_a_sounding_clip_are_alike_in_all_but_kind(spec: WorldParams) -> None:
    for video, scene in scenes_of(spec, "sounding"):
        assert np.ptp(scene.radii) == 0
        assert not scene.boosts.any()
        assert speeds(scene, video) == pytest.approx([72.0] * 3, rel=1e-6)


def test_without_a_sounding_object_the_followed_one_is_conspicuous(spec: WorldParams) -> None:
    for video, scene in scenes_of(spec, "music", "silent", "unheard"):
        followed = OBJECT_KINDS.index(video.followed[0])
        others = [number for number in range(3) if number != followed]
        assert scene.radii[followed] == pytest.approx(1.3 * scene.radii[others])
        assert speeds(scene, video)[followed] > 1.6 * speeds(scene, video)[others].max()
        assert np.ptp(scene.boosts[:, followed]) > 70
        assert not scene.boosts[:, others].any()


def test_objects_stay_in_the_picture_and_seldom_cover_each_other(spec: WorldParams) -> None:
    covered = []
    for video, scene in scenes_of(spec, "sounding") + scenes_of(spec, "unheard"):
        low, high = scene.centres - scene.radii[:, None], scene.centres + scene.radii[:, None]
        assert low.min() > -1e-9
        assert (high <= np.array(frame_size(video, spec)) + 1e-9).all()
        for a, b in itertools.combinations(range(3), 2):
            gaps = np.linalg.norm(scene.centres[:, a] - scene.centres[:, b], axis=1)
            covered.append(gaps < scene.radii[a] + scene.radii[b])
    assert np.concatenate(covered).mean() < 0.03


def test_paths_are_smooth(spec: WorldParams) -> None:
    for _, scene in scenes_of(spec, "sounding"):
        steps = np.diff(scene.centres, axis=0)
        steps /= np.linalg.norm(steps, axis=2, keepdims=True)
        turns = np.arccos(np.clip((steps[1:] * steps[:-1]).sum(axis=2), -1, 1))
        assert np.quantile(turns, 0.9) < 0.5


@pytest.mark.parametrize("kind", OBJECT_KINDS)
def test_kinds_have_equal_area_brightness_contrast_and_saturation(kind: ObjectKind) -> None:
    canvas = np.full((121, 121, 3), 40.0, dtype=np.float32)
    Sprite(kind, 40.0).draw(canvas, np.array([60.3, 59.8]), angle=0.4)
    inside = np.abs(canvas - 40).max(axis=2) > 12
    luma = canvas[inside] @ LUMA_OF_RGB
    blue, red = (canvas[inside][:, 2] - luma) / 1.772, (canvas[inside][:, 0] - luma) / 1.402
    assert inside.sum() == pytest.approx(np.pi * 40**2, rel=0.03)
    assert luma.mean() == pytest.approx(LUMA, abs=3)
    assert luma.std() == pytest.approx(CONTRAST, abs=4)
    assert np.hypot(blue, red).mean() == pytest.approx(CHROMA, abs=3)


def test_a_sprite_partly_outside_the_picture_is_cut(spec: WorldParams) -> None:
    canvas = np.zeros((40, 40, 3), dtype=np.float32)
    Sprite("bird", 12.0).draw(canvas, np.array([0.0, 39.0]), angle=0.0)
    Sprite("bird", 12.0).draw(canvas, np.array([-90.0, 300.0]), angle=0.0)
    assert canvas[:10, 30:].any()
    assert not canvas[20:].any()


def test_frames_show_each_object_where_the_scene_says(spec: WorldParams) -> None:
    video, scene = scenes_of(spec, "sounding")[0]
    frames = list(itertools.islice(scene.frames(*frame_size(video, spec)), 3))
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {((240, 320, 3), "uint8")}
    background = np.median(frames[0] @ LUMA_OF_RGB)
    for frame, centres in zip(frames, scene.centres, strict=False):
        for row, col in np.rint(centres).astype(int):
            patch = frame[row - 12 : row + 13, col - 12 : col + 13] @ LUMA_OF_RGB
            assert patch.mean() > background + 40


def test_the_background_drifts(spec: WorldParams) -> None:
    video, scene = scenes_of(spec, "sounding")[0]
    first, *_, last = itertools.islice(scene.frames(*frame_size(video, spec)), 10)
    free = np.ones(first.shape[:2], dtype=bool)
    for row, col in np.rint(scene.centres[:10].reshape(-1, 2)).astype(int):
        free[max(row - 45, 0) : row + 45, max(col - 45, 0) : col + 45] = False
    assert np.abs(first[free].astype(float) - last[free]).mean() > 0.5
