"""A small finished run, made up: stores, maps, scores, histories and a manifest on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from avrsp.data.attributes import StoreAttributes
from avrsp.data.store import write_maps, write_store
from avrsp.report import figures, palette
from avrsp.report.inputs import About, Places

TRUTH = (60, 80)
FRAME = (64, 96)
COUNT = 12
VIDEOS = {"diem": ("one", "two", "three", "four"), "avad": ("V1_Speech1", "V2_Piano1")}
ABOUT = About("sample", "ravf", (1,), 7, "avrsp", "2030-01-02", "0123456789abcdef" * 2)


@pytest.fixture(scope="session")
def about() -> About:
    """What the made-up run says about itself."""
    return ABOUT


def places_in(folder: Path) -> Places:
    return Places(
        manifest=folder / "manifest.json",
        stores=folder / "store",
        models=folder / "models",
        maps=folder / "maps",
        scores=folder / "scores",
        metrics=folder / "metrics",
        reliance=folder / "reliance",
        sounds=folder / "reliance.json",
        pooled=folder / "pooled",
        ablations=folder / "ablations",
    )


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Where a finished run would lie; nothing is there yet."""
    return places_in(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A run in which everything that a report needs was made; tests only read it."""
    places = places_in(tmp_path_factory.mktemp("finished"))
    random = np.random.default_rng(5)
    rows = []
    for dataset, videos in VIDEOS.items():
        for place, video in enumerate(videos):
            rows += _video(places, dataset, video, quality=0.2 + 0.15 * place, random=random)
    write_scores(places, pd.DataFrame(rows))
    for run, cc in {"v-split1": 0.5, "av-split1": 0.6, "centre-prior-split1": 0.3}.items():
        write_summary(places, run, {"diem": cc, "avad": cc - 0.1}, missing=7 * (run[0] == "v"))
    write_manifest(places)
    write_trainings(places)
    return places


@pytest.fixture(scope="session")
def small_pictures() -> Iterator[None]:
    """Pictures of few pixels, because what they show does not depend on how many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(palette, "DPI", 24)
        patch.setattr(figures, "DISPLAY_WIDTH", 60)
        yield


def write_scores(places: Places, rows: pd.DataFrame) -> None:
    places.scores.mkdir()
    other = rows.assign(protocol="stavis", cc=0.0)
    for run in ("v-split1", "av-split1"):
        both = pd.concat([other[other["method"] == run], rows[rows["method"] == run]])
        both.to_parquet(places.scores / f"{run}.parquet")


def write_summary(places: Places, run: str, cc: Mapping[str, float | None], missing: int) -> None:
    """Write a summary of datasets by their CC; the other metrics follow from it."""
    datasets = {name: _summary(value, missing) for name, value in cc.items()}
    known = [value for value in cc.values() if value is not None]
    content = {
        "protocol": "avrsp",
        "datasets": datasets,
        "mean": _summary(sum(known) / len(known), missing),
        "faults": ["avad/V3_Gone: no maps"] if missing else [],
    }
    places.metrics.mkdir(exist_ok=True)
    (places.metrics / f"{run}.json").write_text(json.dumps(content))


def _summary(cc: float | None, missing: int) -> dict[str, object]:
    names = ("kl", "cc", "sim", "nss", "auc_judd")
    values = {name: None if cc is None else cc + place for place, name in enumerate(names, -1)}
    ends = {
        f"{name}_interval": [None, None] if value is None else [value - 0.1, value + 0.2]
        for name, value in values.items()
    }
    return {**values, **ends, "videos": 4, "frames": 40, "dropped": 8, "missing": missing}


def write_manifest(places: Places) -> None:
    verdicts = {
        dataset: [_verdict(dataset, video, kept=True) for video in videos]
        for dataset, videos in VIDEOS.items()
    }
    verdicts["avad"].append(_verdict("avad", "V9_Broken", kept=False))
    datasets: dict[str, object] = {
        dataset: {"present": True, "reason": None, "videos": videos}
        for dataset, videos in verdicts.items()
    }
    datasets["etmd"] = {"present": False, "reason": "no archive", "videos": []}
    places.manifest.write_text(json.dumps({"preset": "sample", "datasets": datasets}))


def write_trainings(places: Places) -> None:
    for run, epochs in {"pretrain": 4, "v-split1": 6, "av-split1": 6}.items():
        history = [
            {
                "epoch": epoch,
                "train_loss": 2.0 / epoch,
                "validation_loss": 2.2 / epoch + 0.02 * epoch,
            }
            for epoch in range(1, epochs + 1)
        ]
        (places.models / run).mkdir(parents=True)
        (places.models / run / "history.json").write_text(json.dumps(history))
        (places.models / run / "model.json").write_text(json.dumps({"mlflow_run": f"id-of-{run}"}))


def _verdict(dataset: str, video: str, *, kept: bool) -> dict[str, object]:
    return {
        "dataset": dataset,
        "video": video,
        "kept": kept,
        "reason": None if kept else "no frames in video_frames/AVAD/V9_Broken",
        "notes": [],
        "frames": COUNT,
        "fps": 25.0,
        "height": TRUTH[0],
        "width": TRUTH[1],
        "has_sound": True,
        "digest": "0" * 64,
        "roles": {"1": "test", "2": "train", "3": "train"},
    }


def _video(
    places: Places, dataset: str, video: str, *, quality: float, random: np.random.Generator
) -> list[dict[str, object]]:
    gaze = [(15 + 2 * frame, 60 - 3 * frame) for frame in range(COUNT)]
    truth = [_blob(*point) for point in gaze]
    write_store(
        places.stores / dataset / f"{video}.zarr.zip",
        frames=[_scene(point, random) for point in gaze],
        densities=truth,
        fixations=[np.array([point, (30, 40)], np.int16) for point in gaze],
        waveform=np.zeros(0, np.float32),
        attributes=StoreAttributes(dataset, video, 25.0, None, None, "", "", COUNT, COUNT),
        chunk=8,
    )
    rows: list[dict[str, object]] = []
    for run, gain in (("v-split1", 0.0), ("av-split1", 0.1)):
        noise = gaussian_filter(random.random((COUNT, *TRUTH)), (1, 6, 6))
        maps = np.stack(truth) / 255 + noise / noise.max()
        write_maps(places.maps / run / dataset / f"{video}.zarr.zip", maps)
        rows += [
            _row(dataset, video, frame, run, quality + gain + 0.01 * frame)
            for frame in range(COUNT)
        ]
    return rows


def _row(dataset: str, video: str, frame: int, run: str, cc: float) -> dict[str, object]:
    """One row of scores; the first frame was not fixated by anybody."""
    return {
        "dataset": dataset, "split": 1, "video": video, "method": run, "protocol": "avrsp",
        "frame": frame, "fixations": 2 * (frame > 0), "predicted": True,
        "kl": 1.0, "cc": cc, "sim": 0.4, "nss": 1.5, "auc_judd": 0.8,
    }  # fmt: skip


def _blob(row: int, column: int) -> NDArray[np.uint8]:
    spot = np.zeros(TRUTH)
    spot[row, column] = 1
    blurred = gaussian_filter(spot, 6)
    return np.asarray(np.rint(255 * blurred / blurred.max()), np.uint8)


def _scene(point: tuple[int, int], random: np.random.Generator) -> NDArray[np.uint8]:
    picture = gaussian_filter(random.integers(60, 200, (*FRAME, 3)).astype(np.float64), (3, 3, 0))
    row, column = point[0] * FRAME[0] // TRUTH[0], point[1] * FRAME[1] // TRUTH[1]
    picture[max(row - 6, 0) : row + 6, max(column - 6, 0) : column + 6] = (230, 90, 40)
    return picture.astype(np.uint8)
