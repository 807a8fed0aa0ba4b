"""What this package wrote itself, damaged: refused in one line, made again, or read as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from avrsp import files
from avrsp.convert import collect
from avrsp.datasets import pins
from avrsp.datasets.download import outcome
from avrsp.errors import StoreError
from avrsp.evaluate.map_readers import open_maps
from avrsp.evaluate.run import evaluate_run
from avrsp.evaluate.score_table import read_rows
from avrsp.models.layers.s3d import S3D
from avrsp.models.saved import ModelConfig, load_model, save_model
from avrsp.models.weights import load_into
from avrsp.prediction.records import PredictionRecord
from avrsp.report.trainings import histories_in
from avrsp.store.manifest import (
    DatasetEntry,
    Manifest,
    Verdict,
    check_stores,
    read_manifest,
    read_verdict,
    verdict_path,
    write_record,
)
from avrsp.store.video_store import VideoStore, write_maps
from avrsp.tracking import journal
from avrsp.train import checkpoint
from avrsp.train.checkpoint import Checkpoint
from tests.models.tiny import ENTRY
from tests.mutations.mutate import Outcome, content_digest, endured

Predict = Callable[[int], list[NDArray[np.float32]]]

ROUNDS = 4
"""Of eight mutations each."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def untouched(found: Outcome) -> None:
    """Assert that nothing was read otherwise, and that most damage was noticed."""
    assert found.other == 0
    assert found.refused > ROUNDS


def in_store(path: Path) -> list[Any]:
    store = VideoStore(path)
    frames = range(len(store))
    return [
        store.frames([*frames]),
        store.densities(0, len(store)),
        [store.fixations(frame) for frame in frames],
        store.times,
        store.waveform,
        store.attributes,
    ]


def test_stores(tmp_path: Path, three_videos: list[Verdict]) -> None:
    assert three_videos
    untouched(endured(tmp_path / "store/avad/a.zarr.zip", in_store, ROUNDS))


def test_stores_of_maps(tmp_path: Path, predicted: Predict) -> None:
    path = tmp_path / "a.zarr.zip"
    write_maps(path, predicted(20), video=("avad", "a"))
    untouched(endured(path, lambda place: [*open_maps(place)], ROUNDS))


def scored(tmp_path: Path, videos: list[Verdict]) -> pd.DataFrame:
    out = tmp_path / "rows.parquet"
    evaluate_run(tmp_path / "maps", tmp_path / "store", videos, method="av", split=1, out=out)
    return pd.concat(read_rows(out))


def test_scores(tmp_path: Path, three_videos: list[Verdict]) -> None:
    scored(tmp_path, three_videos)
    path = tmp_path / "rows.parquet"
    untouched(endured(path, lambda place: pd.concat(read_rows(place)), ROUNDS))


def test_scores_of_an_interrupted_evaluation(
    tmp_path: Path, three_videos: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    short, folder = three_videos[2:], tmp_path / ".rows.parts"
    expected = content_digest(scored(tmp_path, short))
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    scored(tmp_path, short)
    (part,) = folder.rglob("*.parquet")

    def again(place: Path) -> pd.DataFrame:
        assert place == part
        return scored(tmp_path, short)

    found = endured(part, again, ROUNDS)
    assert (found.refused, found.other) == (0, 0)
    assert content_digest(scored(tmp_path, short)) == expected


def a_manifest(tmp_path: Path, videos: list[Verdict]) -> Path:
    for each in videos:
        write_record(verdict_path(tmp_path / "store", each.dataset, each.video), each)
    entry = DatasetEntry(present=True, reason=None, videos=videos)
    absent = DatasetEntry(present=False, reason="no mirror gave it", videos=[])
    path = tmp_path / "store" / "manifest.json"
    write_record(path, Manifest(preset="sample", datasets={"avad": entry, "summe": absent}))
    return path


def test_manifests(tmp_path: Path, three_videos: list[Verdict]) -> None:
    path = a_manifest(tmp_path, three_videos)
    untouched(endured(path, read_manifest, 2 * ROUNDS))


def test_verdicts(tmp_path: Path, three_videos: list[Verdict]) -> None:
    manifest = read_manifest(a_manifest(tmp_path, three_videos))

    def read(path: Path) -> Verdict:
        check_stores(manifest, tmp_path / "store")
        return read_verdict(path)

    path = verdict_path(tmp_path / "store", "avad", "a")
    untouched(endured(path, read, ROUNDS))


def test_parts_of_the_conversion(tmp_path: Path, three_videos: list[Verdict]) -> None:
    path = tmp_path / "part.json"
    files.write_bytes(path, collect.VERDICTS.dump_json(three_videos, indent=2))

    def read(place: Path) -> object:
        """As the workflow does: what differs from the verdicts beside the stores is made again."""
        found = collect.read_part(place)
        return found if found == three_videos else None

    untouched(endured(path, read, ROUNDS))


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """The folder of a tiny model with its history."""
    folder = tmp_path / "models" / "v-split1"
    folder.mkdir(parents=True)
    rows = [{"epoch": n, "lr": 0.1, "train_loss": 1 / n, "validation_loss": 2 / n} for n in (1, 2)]
    files.write_json(folder / "history.json", rows)
    torch.manual_seed(0)
    settings = ENTRY.variants["v"].settings
    config = ModelConfig(
        model="tiny", settings=settings, length=8, height=32, width=64, audio=False,
        run="v-split1", digest="cafe", mlflow_run=None, learnt_from=("avad",),
    )  # fmt: skip
    save_model(folder, ENTRY.build(ENTRY.checked(settings)), config, beside=["history.json"])
    return folder


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_models(trained: Path, name: str) -> None:
    def read(path: Path) -> object:
        model, spec, config = load_model(path.parent)
        return [model.state_dict(), spec, config]

    untouched(endured(trained / name, read, ROUNDS))


@pytest.mark.parametrize("name", ["model.json", "history.json"])
def test_histories(trained: Path, name: str) -> None:
    found = endured(trained / name, lambda _: histories_in(trained.parent), ROUNDS)
    assert found.other == 0
    assert found.refused > ROUNDS


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_encoders(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    path = tmp_path / "s3d.safetensors"
    save_file(S3D(width=0.05).state_dict(), path)
    record = {"format": "s3d-kylemin", "source": "a.pt", "sha256": files.sha256(path)}
    files.write_json(path.with_suffix(".json"), record)

    def read(_: Path) -> object:
        network = S3D(width=0.05)
        load_into(network, path)
        return network.state_dict()

    found = endured(path.with_suffix(suffix), read, ROUNDS)
    assert found.other == 0
    assert found.refused > 2


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_training_states(tmp_path: Path, suffix: str) -> None:
    facts = {"epoch": 1, "loss": 0.25, "history": [{"epoch": 1, "validation_loss": 0.5}]}
    checkpoint.write(tmp_path, Checkpoint(42, {"model.a": torch.arange(300.0)}, facts))
    path = tmp_path / f"step-00000042{suffix}"
    untouched(endured(path, lambda place: checkpoint.newest(place.parent), ROUNDS))


def test_journals(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    subject = journal.Subject("avrsp", "sample", "v-split1", {"lr": 0.1}, {"commit": "cafe"})
    journal.begin(path, subject)
    for step in (1, 2, 3):
        journal.append(path, event="values", series="epoch", step=step, values={"loss": 1 / step})
    written = {content_digest(event) for event in journal.read(path)}

    def read(place: Path) -> object:
        """As MLflow is given it: without damaged lines; the others are as they were."""
        events = [event for event in journal.read(place) if event["event"] != "damaged"]
        assert {content_digest(event) for event in events} <= written
        return events if len(events) == len(written) else None

    found = endured(path, read, ROUNDS)
    assert found.refused > ROUNDS


def test_records_of_predictions(tmp_path: Path) -> None:
    video, result = tmp_path / "a.mp4", tmp_path / "a.maps.npz"
    video.write_bytes(b"film")
    record, settings = PredictionRecord(tmp_path / "a", video), {"weights": "cafe", "stride": 1}
    record.begin([result.name])
    np.savez(result, maps=np.ones((2, 3, 4)))
    record.add(result, settings)
    record.finish(frames=2, notes=[])

    def read(_: Path) -> object:
        return record.holds({result.name: settings}) or None

    for path in (record.path, result):
        found = endured(path, read, ROUNDS)
        assert found.other == 0
        assert found.refused > 2


def test_notes_on_archives(tmp_path: Path) -> None:
    raw = tmp_path / "data/raw/paper"
    raw.mkdir(parents=True)
    pins.note("video_frames/AVAD.tar.gz", pins.Pin(bytes=120, sha256="ab" * 32), raw)
    pins.note("annotations/AVAD.tar.gz", pins.Pin(bytes=99, sha256="cd" * 32), raw)
    whole = pins.read(raw)

    def read(_: Path) -> object:
        """Another length or digest is one that no archive has, so that the archive is refused."""
        found = pins.read(raw)
        return found if found == whole else None

    untouched(endured(pins.place(raw), read, ROUNDS))


def test_states_of_downloads(tmp_path: Path) -> None:
    source = outcome.ArchiveSource(archive="a", origin="b", pin=None, found=2, listed=3)
    state = outcome.DownloadState(
        dataset="avad", present=True, reason=None, missing=[], sources=[source]
    )
    path = tmp_path / "avad.json"
    outcome.write(path, state)
    untouched(endured(path, outcome.read, ROUNDS))


def test_a_folder_in_a_files_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises((StoreError, OSError)):
        read_manifest(tmp_path / "manifest.json")
    assert os.listdir(tmp_path) == ["manifest.json"]  # noqa: PTH208
