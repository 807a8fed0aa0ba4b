"""The description of stores in Croissant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from avrsp.convert import croissant
from avrsp.files import sha256
from avrsp.store.manifest import DatasetEntry, Manifest, Verdict, write_record


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """A description of two videos of one dataset, and of a dataset that is absent."""
    videos = [
        Verdict(
            dataset="avad", video=name, kept=kept, reason=None if kept else "cut", notes=[],
            frames=8, fps=29.97, height=48, width=64, has_sound=True, digest="ab" * 32,
            roles={"1": "test"},
        )
        for name, kept in (("one", True), ("two", False))
    ]  # fmt: skip
    entries = {
        "avad": DatasetEntry(present=True, reason=None, videos=videos),
        "diem": DatasetEntry(present=False, reason="no archive", videos=[]),
    }
    manifest = Manifest(preset="sample", datasets=entries)
    write_record(tmp_path / "manifest.json", manifest)
    return croissant.write(tmp_path / "manifest.json", manifest)


def test_the_description_names_files_fields_and_generated_sets(described: Path) -> None:
    content = json.loads(described.read_text())
    assert content["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert "Stores of 1 videos" in content["description"]
    assert "AVAD (generated)" in content["description"]
    manifest, stores = content["distribution"]
    assert manifest["sha256"] == sha256(described.with_name("manifest.json"))
    assert stores["includes"] == "*/*.zarr.zip"
    (videos,) = content["recordSet"]
    assert {each["name"].removeprefix("videos/") for each in videos["field"]} <= {
        *Verdict.model_fields
    }


@pytest.mark.filterwarnings("default")  # what its dependencies say of themselves is not ours
def test_mlcroissant_reads_a_record_for_each_video(
    described: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    found = reader.Dataset(jsonld=str(described))
    assert "not standard" not in caplog.text
    records = [*found.records("videos")]
    assert [each["videos/video"] for each in records] == [b"one", b"two"]
    assert [each["videos/frames"] for each in records] == [8, 8]
