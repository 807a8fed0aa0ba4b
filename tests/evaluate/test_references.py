"""Reference rows: chance where nothing is known, and more where the truth is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from avrsp.errors import StoreError
from avrsp.evaluate import references
from avrsp.evaluate.run import evaluate_references
from avrsp.evaluate.scores import score_video
from avrsp.evaluate.summary import METRICS
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import VideoStore

Write = Callable[..., Verdict]


def test_a_uniform_map_is_chance(write_truth: Write, tmp_path: Path) -> None:
    write_truth("avad", "video", 20)
    store = VideoStore(tmp_path / "store" / "avad" / "video.zarr.zip")
    found = score_video(references.uniform(store), store)
    assert (found[["cc", "nss"]] == 0).all(axis=None)
    assert (found["auc_judd"] == 0.5).all()
    assert len(found) == 20


def test_the_centre_prior_is_the_mean_of_videos(write_truth: Write, tmp_path: Path) -> None:
    counts = {"long": 70, "short": 4, "blind": 2}
    for video, count in counts.items():
        write_truth("avad", video, count, empty=tuple(range(2)) if video == "blind" else ())
    paths = [tmp_path / "store" / "avad" / f"{video}.zarr.zip" for video in counts]
    prior = references.centre_prior(paths)
    means = []
    for path in paths[:2]:
        store = VideoStore(path)
        frames = np.unique(np.linspace(0, len(store) - 1, min(len(store), 50)).astype(int))
        truth = store.densities(0, len(store))[frames].astype(float)
        means.append((truth / truth.sum((1, 2), keepdims=True)).mean(0))
    np.testing.assert_allclose(prior, np.mean(means, 0), rtol=1e-5)
    with pytest.raises(StoreError, match="no training video has a fixated frame"):
        references.centre_prior(paths[2:])


def test_the_other_frame_is_never_the_frame_itself(write_truth: Write, tmp_path: Path) -> None:
    write_truth("avad", "video", 40)
    store = VideoStore(tmp_path / "store" / "avad" / "video.zarr.zip")
    truth = store.densities(0, 40).astype(np.float32)
    others = np.concatenate(list(references.other_frame(store, 1)))
    drawn = [int(np.flatnonzero((truth == each).all((1, 2)))[0]) for each in others]
    assert all(frame != other for frame, other in enumerate(drawn))
    assert len(set(drawn)) > 15
    again = np.concatenate(list(references.other_frame(store, 1)))
    assert (again == others).all()
    assert (np.concatenate(list(references.other_frame(store, 2))) != others).any()


def test_a_video_of_one_frame_has_no_other(write_truth: Write, tmp_path: Path) -> None:
    write_truth("avad", "video", 1)
    store = VideoStore(tmp_path / "store" / "avad" / "video.zarr.zip")
    found = score_video(references.other_frame(store, 1), store)
    assert not found["predicted"].any()


def test_rows_of_all_references(write_truth: Write, tmp_path: Path) -> None:
    videos = [write_truth("avad", name, 12) for name in ("a", "b")]
    training = [write_truth("diem", "c", 20)]
    out = tmp_path / "references.parquet"
    done = evaluate_references(tmp_path / "store", videos, training, split=1, out=out, seed=0)
    assert done == ([], [])
    rows = pd.read_parquet(out)
    assert set(rows["method"]) == set(references.REFERENCES)
    assert len(rows) == 3 * 2 * 12
    means = rows.groupby("method")["nss"].mean()
    assert means["uniform"] == 0
    assert (means[["centre prior", "other frame"]] > 0.5).all()
    assert rows[list(METRICS)].notna().all(axis=None)
