"""Reference rows: chance where nothing is known, and a ceiling well above it on real gaze."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter

from avrsp import metrics
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


def test_observers_who_agree_and_observers_who_do_not() -> None:
    agree = pd.DataFrame({"frame": 0, "observer": range(4), "row": 20, "col": 30})
    spread = agree.assign(frame=1, row=[2, 2, 40, 40], col=[2, 60, 2, 60])
    alone = agree[:1].assign(frame=2)
    found = references.between_observers(pd.concat([agree, spread, alone]), (48, 64), 3.0)
    assert found["observers"].tolist() == [4, 4, 1]
    nss = found["nss"].to_numpy()
    assert nss[0] > 8
    assert found["auc_judd"].to_numpy()[0] == pytest.approx(1)
    assert nss[1] < 0
    assert np.isnan(nss[2])


def test_halves_who_agree_and_halves_who_do_not() -> None:
    agree = pd.DataFrame({"frame": 0, "observer": range(4), "row": 20, "col": 30})
    alone = agree[:1].assign(frame=2)
    spread = agree.assign(frame=1, row=[2, 2, 40, 40], col=[2, 60, 2, 60])
    gaze = pd.concat([agree, spread, alone], ignore_index=True)
    found = references.split_half(gaze, (48, 64), 3.0, seed=1)
    assert found["observers"].tolist() == [4, 4, 1]
    scores = {name: found[name].to_numpy(float) for name in references.HALVES}
    assert [scores[name][0] for name in ("cc", "sim", "auc_judd")] == pytest.approx([1, 1, 1])
    expected = references.between_observers(agree, (48, 64), 3.0)["nss"].to_numpy(float)[0]
    assert scores["nss"][0] == pytest.approx(expected)
    assert scores["nss"][1] < 0
    assert scores["cc"][1] < 0.1
    assert all(np.isnan(each[2]) for each in scores.values())


def test_halves_by_hand() -> None:
    rng = np.random.default_rng(3)
    gaze = pd.DataFrame(
        {
            "frame": 0,
            "observer": np.arange(12) // 2,
            "row": rng.integers(0, 48, 12),
            "col": rng.integers(0, 64, 12),
        }
    )
    found = references.split_half(gaze, (48, 64), 3.0, seed=5).iloc[0]
    chosen = set(np.random.default_rng(5).permutation(6)[:3].tolist())
    sides = [gaze[gaze["observer"].isin(chosen)], gaze[~gaze["observer"].isin(chosen)]]
    points = [side[["row", "col"]].to_numpy() for side in sides]
    maps = []
    for own in points:
        density = np.zeros((48, 64))
        np.add.at(density, tuple(own.T), 1)
        maps.append(gaussian_filter(density, 3.0, mode="constant", truncate=20))
    pairs = [(maps[0], points[1]), (maps[1], points[0])]
    nss = np.mean([metrics.nss(saliency, where) for saliency, where in pairs])
    assert found["nss"] == pytest.approx(nss, rel=1e-3)
    assert found["cc"] == pytest.approx(
        np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1], rel=1e-3
    )


@pytest.mark.data
def test_viewers_of_a_real_video_agree_frame_by_frame(real: Path) -> None:
    height, width, shrink = 710, 1066, 8  # in the centre of a screen of 1280 x 960
    size = (height // shrink, width // shrink)
    frames = list(range(100, 2700, 130))
    parts = []
    for path in sorted((real / "diem_gaze").glob("*/event_data/*.txt")):
        log = np.loadtxt(path, delimiter="\t", usecols=range(5))
        fixated = log[(log[:, 4] == 1) & np.isin(log[:, 0], frames)]
        row = (fixated[:, 2] - (960 - height) / 2) // shrink
        col = (fixated[:, 1] - (1280 - width) / 2) // shrink
        part = pd.DataFrame({"frame": fixated[:, 0], "row": row, "col": col}).astype(int)
        parts.append(part.assign(observer=path.stem))
    gaze = pd.concat(parts)
    gaze = gaze[gaze["row"].between(0, size[0] - 1) & gaze["col"].between(0, size[1] - 1)]
    ceiling = references.between_observers(gaze, size, 4.0)
    maps, points = [], []
    for number, frame in enumerate(frames):
        own = gaze.loc[gaze["frame"] == frame, ["row", "col"]].to_numpy()
        density = np.zeros(size)
        np.add.at(density, tuple(own.T), 1)
        maps.append(gaussian_filter(density, 4.0))
        points.append(np.column_stack([own, np.full(len(own), number)]))
    fixations = torch.from_numpy(np.concatenate(points))
    elsewhere = metrics.nss(torch.from_numpy(np.stack(maps[7:] + maps[:7])), fixations)
    halves = references.split_half(gaze, size, 4.0)
    assert elsewhere.mean().item() < halves["nss"].mean() < ceiling["nss"].mean() + 0.2
    assert ceiling["observers"].mean() > 35
    assert ceiling["nss"].mean() > 1.3 * elsewhere.mean().item()
    assert ceiling["nss"].mean() > elsewhere.mean().item() + 0.5
