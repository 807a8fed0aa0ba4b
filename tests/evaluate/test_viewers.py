"""Viewers against viewers: the ceiling, by each protocol, against sums written down by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from scipy.ndimage import gaussian_filter

from avrsp import metrics
from avrsp.cli import commands
from avrsp.evaluate.between_viewers import LONGEST, ViewerScorer, knows_viewers
from avrsp.evaluate.scores import NO_CONTEXT
from avrsp.evaluate.summary import VIEWERS
from avrsp.params import ProtocolName
from avrsp.store.video_store import StoreAttributes, VideoStore, write_maps, write_store

SIZE = (48, 64)
SIGMA = 3.0
AGREE = [(each, 20, 30) for each in range(4)]
SPREAD = [(each, row, col) for each, (row, col) in enumerate([(2, 2), (2, 60), (40, 2), (40, 60)])]
RNG = np.random.default_rng(3)
MIXED = [(each // 2, int(RNG.integers(48)), int(RNG.integers(64))) for each in range(12)]

Gaze = Sequence[Sequence[tuple[int, int, int]]]


def density(points: np.ndarray, size: tuple[int, int], sigma: float) -> np.ndarray:
    """Gaussians at k x 2 pixels, by scipy instead of the package."""
    counts = np.zeros(size)
    np.add.at(counts, tuple(points.T), 1)
    return np.asarray(gaussian_filter(counts, sigma, mode="constant", truncate=20))


def write(
    path: Path,
    gaze: Gaze,
    size: tuple[int, int] = SIZE,
    sigma: float = SIGMA,
    known: bool = True,
    device: str = "eye tracker",
) -> VideoStore:
    """Write a store of frames of (observer, row, column)."""
    frames = [np.array(each, np.int64).reshape(-1, 3) for each in gaze]
    truth = [density(each[:, 1:], size, sigma) for each in frames]
    made: dict[str, str | float] = {"sigma_pixels": sigma, "source": device}
    facts = StoreAttributes(
        *("mine", path.name.removesuffix(".zarr.zip"), 25.0, None, None, "", ""),
        *(len(gaze), len(gaze)),
        ground_truth=made,
    )
    write_store(
        path,
        frames=[np.zeros((8, 8, 3), np.uint8)] * len(gaze),
        densities=[np.rint(each * 255 / max(each.max(), 1e-9)).astype(np.uint8) for each in truth],
        fixations=[each[:, 1:] for each in frames],
        waveform=np.zeros(0, np.float32),
        attributes=facts,
        chunk=8,
        observers=[each[:, 0] for each in frames] if known else None,
    )
    return VideoStore(path)


def scored(
    store: VideoStore, method: str, seed: int = 0, protocol: ProtocolName = "avrsp"
) -> pd.DataFrame:
    return ViewerScorer(method, seed)(store, (protocol,), NO_CONTEXT)


@pytest.mark.parametrize("method", VIEWERS)
def test_viewers_who_agree_and_viewers_who_do_not(tmp_path: Path, method: str) -> None:
    store = write(tmp_path / "a.zarr.zip", [AGREE, SPREAD, AGREE[:1], []])
    found = scored(store, method)
    assert found["frame"].tolist() == [0, 1, 2, 3]
    assert found["fixations"].tolist() == [4, 4, 1, 0]
    assert found["nss"][0] > 8
    assert found["auc_judd"][0] == pytest.approx(1, abs=1e-3)
    assert found["nss"][1] < 0
    assert found.loc[2:, [*VIEWERS[method]]].isna().all(axis=None)
    assert found["predicted"].all()
    absent = {"kl", "ig", "cc", "sim"} - {*VIEWERS[method]}
    assert found[[*absent]].isna().all(axis=None)
    if method == "half the viewers":
        assert found[["cc", "sim"]].to_numpy(float)[0] == pytest.approx([1, 1], abs=0.01)
        assert found["cc"][1] < 0.1


def test_each_viewer_is_left_out_once(tmp_path: Path) -> None:
    found = scored(write(tmp_path / "a.zarr.zip", [MIXED]), "other viewers")
    gaze = np.array(MIXED)
    nss, auc = [], []
    for viewer in range(6):
        own = gaze[:, 0] == viewer
        others = density(gaze[~own, 1:], SIZE, SIGMA)
        nss.append(metrics.nss(others, gaze[own, 1:]))
        auc.append(metrics.auc_judd(others, gaze[own, 1:]))
    assert found["nss"][0] == pytest.approx(np.mean(nss), rel=1e-3)
    assert found["auc_judd"][0] == pytest.approx(np.mean(auc), rel=1e-3)


def test_halves_by_hand(tmp_path: Path) -> None:
    store, gaze = write(tmp_path / "a.zarr.zip", [MIXED]), np.array(MIXED)
    found = scored(store, "half the viewers", seed=5)
    candidates = []
    for chosen in range(1, 2**6):
        first = np.isin(gaze[:, 0], [each for each in range(6) if chosen >> each & 1])
        if bin(chosen).count("1") == 3:
            points = [gaze[first, 1:], gaze[~first, 1:]]
            maps = [density(own, SIZE, SIGMA) for own in points]
            nss = np.mean([metrics.nss(maps[0], points[1]), metrics.nss(maps[1], points[0])])
            cc = np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]
            candidates.append((nss, cc))
    near = np.abs(np.array(candidates) - found.loc[0, ["nss", "cc"]].to_numpy(float)).max(1)
    assert near.min() < 0.01
    assert len({scored(store, "half the viewers", seed=each)["cc"][0] for each in range(6)}) > 1
    pd.testing.assert_frame_equal(found, scored(store, "half the viewers", seed=5))


def test_large_maps_are_reduced_and_score_nearly_the_same(tmp_path: Path) -> None:
    large, gaze = (4 * SIZE[0], 8 * LONGEST // 4), []
    for viewer, row, col in MIXED:
        gaze.append((viewer, 60 + row, 200 + 2 * col))
    found = scored(write(tmp_path / "a.zarr.zip", [gaze], large, 24.0), "other viewers")
    points, nss = np.array(gaze), []
    for viewer in range(6):
        own = points[:, 0] == viewer
        others = density(points[~own, 1:], large, 24.0)
        nss.append(metrics.nss(others, points[own, 1:]))
    assert found["nss"][0] == pytest.approx(np.mean(nss), rel=0.01)


@pytest.mark.parametrize("protocol", ["stavis", "vinet", "dhf1k", "msu2024", "crowdsal"])
def test_each_protocol_scores_viewers_by_its_own_rules(
    tmp_path: Path, protocol: ProtocolName
) -> None:
    near = [(each, 20 + row // 6, 26 + col // 6) for each, row, col in MIXED]
    store = write(tmp_path / "a.zarr.zip", [near] * 10)
    found, own = (scored(store, "half the viewers", 1, each) for each in (protocol, "avrsp"))
    last = found.iloc[-1]
    assert 0.5 * own["nss"][0] < last["nss"] < 2 * own["nss"][0]
    assert abs(last["cc"] - own["cc"][0]) < 0.2


def test_the_command_shows_viewers_where_they_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gaze = [[(each, 20 + each + at, 30 + at) for each in range(5)] for at in range(6)]
    write(tmp_path / "store" / "mine" / "a.zarr.zip", gaze)
    write(tmp_path / "store" / "other" / "b.zarr.zip", gaze, known=False, device="mouse")
    for dataset, video in (("mine", "a"), ("other", "b")):
        maps = [np.random.default_rng(each).random(SIZE, np.float32) for each in range(6)]
        write_maps(tmp_path / "maps" / dataset / f"{video}.zarr.zip", maps)
    call = ["evaluate", "--maps", "maps", "--store", "store", "--out", "rows.parquet"]
    done = CliRunner().invoke(commands, call, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "recorded by mouse, not by an eye tracker, in: other." in done.output
    found = json.loads((tmp_path / "rows.json").read_text())
    for method in VIEWERS:
        assert [*found[method]["avrsp"]["datasets"]] == ["mine"]
        scores = found[method]["avrsp"]["datasets"]["mine"]
        assert scores["frames"] == 6  # all metrics that it has are there
        assert scores["nss"] > 3 > found["maps"]["avrsp"]["datasets"]["mine"]["nss"]
        assert any(line.startswith(f"{method} ") for line in done.output.splitlines())
    call = ["compare", "rows.parquet", "rows.references.parquet", "--dataset", "mine"]
    said = CliRunner().invoke(commands, call, catch_exceptions=False).output
    assert "maps minus other viewers" in said


def test_without_viewers_or_a_width_there_is_no_such_row(tmp_path: Path) -> None:
    assert knows_viewers(write(tmp_path / "a.zarr.zip", [AGREE]))
    assert not knows_viewers(write(tmp_path / "b.zarr.zip", [AGREE], known=False))


@pytest.mark.data
def test_viewers_of_a_real_video_agree_frame_by_frame(real: Path, tmp_path: Path) -> None:
    height, width, shrink = 710, 1066, 8  # in the centre of a screen of 1280 x 960
    size = (height // shrink, width // shrink)
    frames = list(range(100, 2700, 130))
    gaze: list[list[tuple[int, int, int]]] = [[] for _ in frames]
    logs = sorted((real / "diem_gaze" / "arctic_bears_1066x710").glob("event_data/*.txt"))
    for viewer, path in enumerate(logs):
        log = np.loadtxt(path, delimiter="\t", usecols=range(5))
        fixated = log[(log[:, 4] == 1) & np.isin(log[:, 0], frames)]
        rows = ((fixated[:, 2] - (960 - height) / 2) // shrink).astype(int)
        cols = ((fixated[:, 1] - (1280 - width) / 2) // shrink).astype(int)
        for at, row, col in zip(fixated[:, 0], rows, cols, strict=True):
            if 0 <= row < size[0] and 0 <= col < size[1]:
                gaze[frames.index(int(at))].append((viewer, int(row), int(col)))
    store = write(tmp_path / "bears.zarr.zip", gaze, size, 4.0)
    ceiling, halves = (scored(store, method)["nss"].mean() for method in VIEWERS)
    maps = np.stack([store.density(frame) for frame in range(len(frames))]).astype(np.float32)
    fixations = torch.from_numpy(
        np.array([(row, col, at) for at, own in enumerate(gaze) for _, row, col in own])
    )
    moved = torch.from_numpy(np.concatenate([maps[7:], maps[:7]]))
    elsewhere = metrics.nss(moved, fixations).mean().item()
    assert elsewhere < halves < ceiling + 0.2
    assert ceiling > 1.3 * elsewhere
    assert ceiling > elsewhere + 0.5
