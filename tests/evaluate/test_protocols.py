"""Each protocol against a miniature in which all that they differ in occurs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import convolve2d

from avrsp.evaluate.averages import summarise
from avrsp.evaluate.protocols import PROTOCOLS
from avrsp.evaluate.scores import score_video
from avrsp.evaluate.summary import METRICS
from avrsp.params import ProtocolName
from avrsp.store.manifest import Verdict
from avrsp.store.video_store import VideoStore

NAN = math.nan


def rows(
    video: str, split: int, scores: Sequence[float], *, empty: int = -1, missing: int = -1
) -> pd.DataFrame:
    """Frames of a video with the same score in each metric."""
    found = pd.DataFrame({metric: list(scores) for metric in METRICS})
    found["frame"], found["fixations"] = range(len(scores)), 9
    found["dataset"], found["video"], found["split"] = "avad", video, split
    found["predicted"], found["empty"] = found["frame"] != missing, found["frame"] == empty
    found.loc[found["frame"] == missing, list(METRICS)] = NAN
    found.loc[found["frame"] == empty, ["nss", "auc_judd"]] = NAN
    return pd.concat([found.assign(protocol=name) for name in PROTOCOLS], ignore_index=True)


MINIATURE = pd.concat(
    [
        rows("short", 1, [0.1] * 8 + [0.9] * 2, empty=9),  # the onset scores low
        rows("twice", 1, [0.5] * 12, missing=11),  # tested in two splits
        rows("twice", 2, [0.3] * 12),
        rows("long", 2, [0.7] * 16),
    ]
)

CC = {
    "avrsp": (0.26 + 0.5 + 0.3 + 0.7) / 4,
    "stavis": (0.9 + 0.5 + 0.3 + 0.7) / 4,
    "vinet": (0.26 + 0.5 * 11 / 12 + 0.3 + 0.7) / 4,
    "dhf1k": (0.8 + 1.8 + 0.5 * 11 + 0.3 * 12 + 0.7 * 16) / 49,
    "msu2024": (0.26 + 0.5 + 0.3 + 0.7) / 4,
    "crowdsal": (0.26 + 0.5 + 0.3 + 0.7) / 4,
}
NSS = {
    "avrsp": ((0.8 + 0.9) / 9 + 0.5 + 0.3 + 0.7) / 4,
    "stavis": (0.9 + 0.5 + 0.3 + 0.7) / 4,
    "vinet": ((0.8 + 0.9) / 9 + 0.5 * 11 / 12 + 0.3 + 0.7) / 4,
    "dhf1k": (0.8 + 0.9 + 0.5 * 11 + 0.3 * 12 + 0.7 * 16) / 48,
    "msu2024": ((0.8 + 0.9) / 9 + 0.5 + 0.3 + 0.7) / 4,
    "crowdsal": ((0.8 + 0.9) / 9 + 0.5 + 0.3 + 0.7) / 4,
}
COUNTED = {"avrsp": (48, 2), "stavis": (16, 34), "vinet": (49, 1), "dhf1k": (48, 2),
           "msu2024": (48, 2), "crowdsal": (48, 2)}  # fmt: skip


@pytest.mark.parametrize("name", get_args(ProtocolName))
def test_the_miniature_dataset(name: ProtocolName) -> None:
    found = summarise(MINIATURE, name, 100, 0)
    scores = found.datasets["avad"].model_dump()
    assert scores["cc"] == pytest.approx(CC[name], rel=1e-12)
    assert scores["nss"] == pytest.approx(NSS[name], rel=1e-12)
    assert (scores["frames"], scores["dropped"]) == COUNTED[name]
    assert (scores["videos"], scores["missing"], scores["empty"]) == (4, 1, 1)
    assert found.mean.model_dump()["cc"] == scores["cc"]


@pytest.mark.parametrize("name", get_args(ProtocolName))
def test_a_video_at_a_time_gives_the_same(name: ProtocolName) -> None:
    parts = (part for _, part in MINIATURE.groupby(["video", "split"]))
    found = summarise(parts, name, 100, 0).mean.model_dump()
    for key, value in summarise(MINIATURE, name, 100, 0).mean.model_dump().items():
        assert found[key] == pytest.approx(value, rel=1e-12)


def test_the_mean_is_over_datasets() -> None:
    other = rows("x", 1, [0.5] * 40).assign(dataset="diem")
    found = summarise(pd.concat([MINIATURE, other]), "avrsp", 100, 0).mean
    assert found.metrics["cc"].value == pytest.approx((CC["avrsp"] + 0.5) / 2)
    assert found.videos == 5


def test_what_is_undefined_everywhere_is_none() -> None:
    found = summarise(rows("blind", 1, [NAN] * 10), "avrsp", 100, 0).datasets["avad"].model_dump()
    assert found["cc"] is None
    assert found["cc_interval"] == [None, None]
    assert found["dropped"] == 10


def image(size: tuple[int, int]) -> NDArray[np.float32]:
    return np.random.default_rng(5).random(size).astype(np.float32)


def bell(radius: int) -> NDArray[np.float64]:
    x = np.arange(-radius, radius + 1)
    kernel = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * 2.0**2))
    return np.asarray(kernel / kernel.sum())


def pillow(saliency: NDArray[np.float32], how: Image.Resampling) -> NDArray[np.float32]:
    grown = np.asarray(Image.fromarray(saliency).resize((64, 48), how))
    return np.asarray(np.clip(grown, saliency.min(), saliency.max()), np.float32)


def saved(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.round(255 * (saliency - saliency.min()) / np.ptp(saliency)))


def as_avrsp(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    return pillow(saliency, Image.Resampling.BILINEAR)


def as_stavis(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth = convolve2d(np.pad(saved(saliency), 6, mode="symmetric"), bell(6), mode="valid")
    return pillow(smooth.astype(np.float32), Image.Resampling.BICUBIC)


def as_vinet(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    grown = np.pad(as_avrsp(saliency), 5, mode="reflect")
    return saved(convolve2d(grown, bell(5), mode="valid").astype(np.float32))


def as_dhf1k(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    return pillow(saliency, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("prepare", [as_avrsp, as_stavis, as_vinet, as_dhf1k])
def test_preparation_against_other_code(
    prepare: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> None:
    protocol = PROTOCOLS[prepare.__name__.removeprefix("as_")]  # type: ignore[index]
    for size in ((24, 32), (17, 23)):
        found = protocol.prepare(torch.from_numpy(image(size))[None], (48, 64))[0].numpy()
        step = 1.01 if prepare is as_vinet else 2e-3  # rounding may fall either way
        np.testing.assert_allclose(found, prepare(image(size)), atol=step)
        assert np.abs(found - prepare(image(size))).mean() < 2e-3


def test_degenerate_frames(write_truth: Callable[..., Verdict], tmp_path: Path) -> None:
    write_truth("avad", "video", 6, empty=(0,))
    store = VideoStore(tmp_path / "store" / "avad" / "video.zarr.zip")
    maps = np.stack([image((24, 32))] * 5)
    maps[1], maps[2], maps[3, 4, 4] = 0.5, 0.0, NAN  # and the sixth frame has no map at all
    found = score_video([maps[:2], maps[2:]], store, ("avrsp", "stavis", "vinet", "dhf1k"))
    assert len(found) == 4 * 6
    by = {name: own.set_index("frame") for name, own in found.groupby("protocol")}
    for name, own in by.items():
        assert own["predicted"].tolist() == [True, True, True, False, True, False]
        assert own["fixations"].gt(0).tolist() == [False, True, True, True, True, True]
        assert own.loc[[3, 5], list(METRICS)].isna().all(axis=None)
        assert own.loc[4, list(METRICS)].notna().all()
        assert own.loc[0, ["nss", "auc_judd", "cc", "kl"]].isna().all()
        if name != "avrsp":
            assert own.loc[[1, 2], ["cc", "nss", "auc_judd"]].isna().all(axis=None)
            assert own.loc[2, "sim"] == 0
    chance = by["avrsp"][["cc", "nss", "auc_judd"]].to_numpy()[1]
    assert chance.tolist() == [0, 0, 0.5]
    sim = {name: own["sim"].to_numpy() for name, own in by.items()}
    assert np.isnan(sim["avrsp"][0])
    assert sim["stavis"][0] == 0
    assert np.isnan(sim["dhf1k"][1])
