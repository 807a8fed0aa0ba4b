from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from avrsp.params import WorldParams
from avrsp.sample.plan import ENCODED, OBJECT_KINDS, PlannedVideo, plan, sheet, video_name

SEED = 7
HEARD = ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe")


@pytest.fixture
def videos(spec: WorldParams) -> list[PlannedVideo]:
    return plan(spec, SEED)


def test_is_a_function_of_parameters_and_seed(
    spec: WorldParams, videos: list[PlannedVideo]
) -> None:
    assert plan(spec, SEED) == videos
    assert [video.frames for video in plan(spec, SEED + 1)] != [video.frames for video in videos]


def test_needs_neither_torch_nor_an_image_library() -> None:
    heavy = "{'torch', 'PIL', 'scipy', 'zarr'} & set(sys.modules)"
    code = f"import sys, avrsp.sample.plan; raise SystemExit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_holds_the_asked_number_of_videos_under_unique_names(
    spec: WorldParams, videos: list[PlannedVideo]
) -> None:
    counts = Counter(video.dataset for video in videos)
    assert counts == spec.videos.model_dump() | {"dhf1k": 14}
    assert len({(video.dataset, video.video) for video in videos}) == len(videos)
    assert all(spec.frames[0] <= video.frames <= spec.frames[1] for video in videos)


@pytest.mark.parametrize("dataset", HEARD)
def test_names_never_repeat_however_many_videos_there_are(dataset: str) -> None:
    assert len({video_name(dataset, position) for position in range(300)}) == 300


def test_uses_the_frame_rates_of_the_real_sets(videos: list[PlannedVideo]) -> None:
    assert {video.fps for video in videos} == set(ENCODED)
    assert all(abs(video.fps / float(video.rate) - 1) < 1.1e-5 for video in videos)
    assert {video.fps for video in videos if video.dataset == "dhf1k"} == {30.0}


@pytest.mark.parametrize("split", ["1", "2", "3"])
def test_tests_a_third_in_each_split_save_diem(videos: list[PlannedVideo], split: str) -> None:
    for dataset in HEARD:
        roles = Counter(video.roles[split] for video in videos if video.dataset == dataset)
        assert roles["test"] in ({4} if dataset == "diem" else {5, 6, 7})
    diem = [video for video in videos if video.dataset == "diem"]
    assert all(len(set(video.roles.values())) == 1 for video in diem)


def test_repeats_the_irregular_folds_of_the_real_lists(videos: list[PlannedVideo]) -> None:
    tested = Counter(
        video.dataset for video in videos if Counter(video.roles.values())["test"] == 2
    )
    absent = [video.dataset for video in videos if "none" in video.roles.values()]
    assert tested == {"avad": 1}
    assert absent == ["summe"]


def test_dhf1k_is_numbered_by_role_and_unheard(videos: list[PlannedVideo]) -> None:
    unheard = [video for video in videos if video.dataset == "dhf1k"]
    first = {video.roles["1"]: video.video for video in reversed(unheard)}
    assert first == {"train": "001", "validation": "601", "test": "701"}
    assert {video.kind for video in unheard} == {"unheard"}


@pytest.mark.parametrize("split", ["1", "2", "3"])
@pytest.mark.parametrize("role", ["train", "test"])
def test_shares_of_the_kinds_hold_in_every_fold(
    videos: list[PlannedVideo], split: str, role: str
) -> None:
    chosen = [video for video in videos if video.roles[split] == role and video.dataset != "dhf1k"]
    shares = {kind: count / len(chosen) for kind, count in Counter(v.kind for v in chosen).items()}
    assert shares == pytest.approx({"sounding": 0.6, "music": 0.2, "silent": 0.2}, abs=0.06)


@pytest.mark.parametrize("kind", ["sounding", "music", "silent"])
def test_every_kind_of_object_leads_equally_often(videos: list[PlannedVideo], kind: str) -> None:
    leads = Counter(video.followed[0] for video in videos if video.kind == kind)
    assert set(leads) == set(OBJECT_KINDS)
    assert max(leads.values()) - min(leads.values()) <= 5


def test_sounding_clips_change_and_each_stretch_is_long_enough(
    spec: WorldParams, videos: list[PlannedVideo]
) -> None:
    sounding = [video for video in videos if video.kind == "sounding"]
    assert {len(video.followed) for video in sounding} == {2, 3}
    assert all(len(v.followed) * spec.sound.stretch <= v.duration for v in sounding)
    assert all(len(set(video.followed)) == len(video.followed) for video in sounding)
    assert all(len(video.followed) == 1 for video in videos if video.kind != "sounding")


def test_every_quirk_occurs(videos: list[PlannedVideo]) -> None:
    quirks = Counter(quirk for video in videos for quirk in video.quirks)
    assert quirks == {
        "empty fixations": 2,
        "missing sound": 1,
        "one frame fewer": 1,
        "stereo 44100": 1,
        "stereo 48000": 1,
    }


def test_both_coutrot_sets_have_a_clip1_and_they_differ(spec: WorldParams) -> None:
    first = [sheet(spec, SEED, dataset)[0] for dataset in ("coutrot1", "coutrot2")]
    assert [row.video for row in first] == ["clip1", "clip1"]
    twins = [video for video in plan(spec, SEED) if video.video == "clip1"]
    draws = [video.stream(SEED, "scene").uniform() for video in twins]
    assert draws[0] != draws[1]
