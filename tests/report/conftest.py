"""A small finished run, made up: stores, maps, scores, histories and a manifest on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from avrsp.evaluate.score_table import write_frames
from avrsp.report import charts, drawing
from avrsp.report.about import About
from avrsp.report.compared import ComparedPlaces
from avrsp.report.inputs import ReportPlaces
from tests.report.videos import COUNT, TRUTH, write_video

VIDEOS = {"diem": ("one", "two", "three", "four"), "avad": ("V1_Speech1", "V2_Piano1")}
ABOUT = About(
    preset="sample",
    fusion="ravf",
    splits=(1,),
    seed=7,
    protocol="avrsp",
    datasets=("avad", "coutrot1", "coutrot2", "diem", "etmd", "summe"),
    commit="0123456789abcdef" * 2,
)


@pytest.fixture(scope="session")
def about() -> About:
    """What the made-up run says about itself."""
    return ABOUT


def places_in(folder: Path) -> ReportPlaces:
    return ReportPlaces(
        manifest=folder / "manifest.json",
        stores=folder / "store",
        models=folder / "models",
        maps=folder / "maps",
        scores=folder / "scores",
        others=folder / "others",
        metrics=folder / "metrics",
        reliance=folder / "reliance",
        sounds=folder / "reliance.json",
        pooled=folder / "pooled",
        ablations=folder / "ablations",
        compared=ComparedPlaces(
            models=folder / "methods",
            metrics=folder / "methods" / "metrics",
            pooled=folder / "methods" / "pooled",
            reliance=folder / "methods" / "reliance",
        ),
    )


@pytest.fixture
def places(tmp_path: Path) -> ReportPlaces:
    """Where a finished run would lie; nothing is there yet."""
    return places_in(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ReportPlaces:
    """A run in which everything that a report needs was made; tests only read it."""
    places = places_in(tmp_path_factory.mktemp("finished"))
    random = np.random.default_rng(5)
    rows = []
    for dataset, videos in VIDEOS.items():
        for place, video in enumerate(videos):
            rows += write_video(places, dataset, video, quality=0.2 + 0.15 * place, random=random)
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
        patch.setattr(drawing, "DPI", 24)
        patch.setattr(charts, "DISPLAY_WIDTH", 60)
        yield


def write_scores(places: ReportPlaces, rows: pd.DataFrame) -> None:
    places.scores.mkdir()
    other = rows.assign(protocol="stavis", cc=0.0)
    for run in ("v-split1", "av-split1"):
        both = pd.concat([other[other["method"] == run], rows[rows["method"] == run]])
        write_frames(places.scores / f"{run}.parquet", both, by=("dataset", "video"))


def write_summary(
    places: ReportPlaces, run: str, cc: Mapping[str, float | None], missing: int
) -> None:
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


def write_manifest(places: ReportPlaces) -> None:
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


WEIGHTS: dict[str, object] = {
    "pretrain": {"s3d": {"file": "data/weights/s3d.safetensors", "sha256": "ab" * 32}},
    "v-split1": {"s3d": None},
    "av-split1": None,
}


def write_trainings(places: ReportPlaces) -> None:
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
        facts = {"mlflow_run": f"id-of-{run}", "encoders": WEIGHTS[run]}
        (places.models / run / "model.json").write_text(json.dumps(facts))


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
