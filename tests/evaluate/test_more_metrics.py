"""Shuffled AUC, information gain, and the protocols that take a frame as others' code does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from avrsp import metrics
from avrsp.evaluate import msu_scores, references, shuffle
from avrsp.evaluate.averages import summarise
from avrsp.evaluate.run import evaluate_run
from avrsp.evaluate.scores import ScoringContext, score_video
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import VideoStore

Write = Callable[..., Verdict]
Predict = Callable[[int], list[NDArray[np.float32]]]


@pytest.fixture
def store(write_truth: Write, tmp_path: Path) -> VideoStore:
    write_truth("avad", "video", 12, empty=(3,))
    write_truth("avad", "other", 30)
    return VideoStore(tmp_path / "store" / "avad" / "video.zarr.zip")


def large(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).random((count, 48, 64), dtype=np.float32)


def test_the_others_of_stavis_are_the_same_videos_pixels_without_the_frames_own(
    store: VideoStore,
) -> None:
    rows = score_video([large(12)], store, ("stavis",))
    everywhere = {tuple(point) for frame in range(12) for point in store.fixations(frame).tolist()}
    own = store.fixations(5)
    others = np.array(sorted(everywhere - {tuple(point) for point in own.tolist()}))
    found = shuffle.without(shuffle.of_same_video(store), own, 64)
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, others.tolist()))
    assert rows["auc_shuffled"].notna().tolist() == [frame != 3 for frame in range(12)]
    assert rows["auc_shuffled"].mean() == pytest.approx(0.5, abs=0.1)


def test_the_others_of_dhf1k_are_ten_frames_of_the_dataset_and_never_the_frame(
    store: VideoStore,
) -> None:
    paths = [(name, store.path.with_name(f"{name}.zarr.zip")) for name in ("video", "other")]
    drawn = shuffle.draw(paths, 7)
    assert len(drawn.frames) == 42
    again, different = shuffle.draw(paths, 7), shuffle.draw(paths, 8)
    for frame in range(12):
        found = drawn.of_other_frames("video", frame, (48, 64))
        np.testing.assert_array_equal(found, again.of_other_frames("video", frame, (48, 64)))
    assert len(found) > 50
    assert (
        found.shape != different.of_other_frames("video", 11, (48, 64)).shape
        or (found != different.of_other_frames("video", 11, (48, 64))).any()
    )
    alone = shuffle.draw(paths[:1], 7).of_other_frames("video", 5, (48, 64))
    points = np.concatenate([store.fixations(frame) for frame in range(12) if frame != 5])
    assert {*map(tuple, alone.tolist())} <= {*map(tuple, points.tolist())}
    doubled = drawn.of_other_frames("video", 2, (96, 128))
    np.testing.assert_array_equal(doubled // 2, drawn.of_other_frames("video", 2, (48, 64)))


def test_information_gain_is_over_the_centre_prior(store: VideoStore) -> None:
    prior = references.centre_prior([store.path.with_name("other.zarr.zip")])
    context = ScoringContext(prior=prior)
    maps = large(12)
    found = score_video([maps], store, ("avrsp",), context)["ig"].to_numpy()
    for frame in (0, 7):
        expected = metrics.ig(maps[frame], store.fixations(frame).astype(np.int64), prior)
        assert found[frame] == pytest.approx(expected.item(), rel=1e-9)
    of_prior = score_video(references.constant(prior, 12), store, ("avrsp",), context)["ig"]
    np.testing.assert_allclose(of_prior.dropna(), 0, atol=1e-9)
    assert score_video([maps], store, ("avrsp",))["ig"].isna().all()


def test_msu_protocols_score_each_frame_by_their_own_code(store: VideoStore) -> None:
    maps = large(12)
    rows = score_video([maps], store, ("msu2024", "crowdsal")).set_index(["protocol", "frame"])
    for name, score in (("msu2024", msu_scores.challenges), ("crowdsal", msu_scores.crowdsal)):
        expected = score(maps[4], store.density(4), store.fixations(4))
        np.testing.assert_array_equal(rows.loc[(name, 4), [*msu_scores.NAMES]], expected)
    assert rows["kl"].isna().all()
    small, said = large(12)[:, ::2, ::2], list[str]()
    refused = score_video([small], store, ("msu2024", "crowdsal"), refusals=said)
    by = refused.groupby("protocol")["cc"].count()
    assert (by["msu2024"], by["crowdsal"]) == (12, 0)
    assert said == [
        "left out of protocol crowdsal, which takes maps of the ground truth's size alone; "
        "resize them to be scored by it"
    ]


def test_a_run_of_the_chain_has_all_columns(
    tmp_path: Path, three_videos: list[Verdict], write_truth: Write
) -> None:
    training = [write_truth("avad", "d", 20)]
    out = tmp_path / "rows.parquet"
    evaluate_run(
        tmp_path / "maps",
        tmp_path / "store",
        three_videos,
        training,
        method="av",
        split=1,
        out=out,
        names=("avrsp", "dhf1k"),
    )
    rows = pd.read_parquet(out)
    assert rows["auc_shuffled"].notna().all()
    mean = summarise(rows, "avrsp", 50, 0).mean
    assert mean.frames == 61
    assert {"auc_shuffled", "ig", "kl"} <= mean.metrics.keys()
    assert "ig" not in summarise(rows, "dhf1k", 50, 0).mean.metrics
