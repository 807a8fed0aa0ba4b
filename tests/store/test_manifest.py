from __future__ import annotations

from pathlib import Path

import pytest

from avrsp.errors import StoreError
from avrsp.store.manifest import (
    DatasetEntry,
    Manifest,
    Role,
    Verdict,
    check_stores,
    read_manifest,
    store_path,
    verdict_path,
    write_record,
)


def verdict(dataset: str, video: str, roles: tuple[Role, Role, Role], kept: bool = True) -> Verdict:
    return Verdict(
        dataset=dataset,
        video=video,
        kept=kept,
        reason=None if kept else "0 frames; the sheet lists 9",
        notes=["no sound file"],
        frames=9,
        fps=29.97003,
        height=480,
        width=640,
        has_sound=False,
        digest=f"digest of {video}" if kept else "",
        roles=dict(zip("123", roles, strict=True)),
    )


@pytest.fixture
def manifest() -> Manifest:
    avad = [
        verdict("avad", "V2", ("train", "test", "train")),
        verdict("avad", "V1", ("train", "train", "test")),
        verdict("avad", "V3", ("train", "none", "validation")),
        verdict("avad", "V4", ("train", "train", "train"), kept=False),
    ]
    dhf1k = [verdict("dhf1k", "601", ("validation",) * 3)]
    return Manifest(
        preset="sample",
        datasets={
            "avad": DatasetEntry(present=True, reason=None, videos=avad),
            "dhf1k": DatasetEntry(present=True, reason=None, videos=dhf1k),
            "diem": DatasetEntry(present=False, reason="no folder data/raw/DIEM", videos=[]),
        },
    )


@pytest.fixture
def folder(tmp_path: Path, manifest: Manifest) -> Path:
    for entry in manifest.datasets.values():
        for each in entry.videos:
            write_record(verdict_path(tmp_path, each.dataset, each.video), each)
            if each.kept:
                store_path(tmp_path, each).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("split", "role", "expected"),
    [
        (1, "train", ["V1", "V2", "V3"]),
        (2, "train", ["V1"]),
        (3, "train", ["V2"]),
        (2, "test", ["V2"]),
        (3, "validation", ["V3"]),
        (1, "test", []),
    ],
)
def test_roles_belong_to_a_split(
    manifest: Manifest, split: int, role: Role, expected: list[str]
) -> None:
    assert [each.video for each in manifest.videos(["avad"], split, role)] == expected


def test_dhf1k_has_the_same_roles_in_every_split(manifest: Manifest) -> None:
    for split in (1, 2, 3):
        assert [each.video for each in manifest.videos(["dhf1k"], split, "validation")] == ["601"]


def test_videos_are_sorted_by_dataset_and_name(manifest: Manifest) -> None:
    found = manifest.videos(["dhf1k", "avad"], 3, "validation")
    assert [each.video for each in found] == ["V3", "601"]


def test_an_absent_or_unknown_dataset_is_named(manifest: Manifest) -> None:
    with pytest.raises(StoreError, match=r"diem: absent \(no folder data/raw/DIEM\)"):
        manifest.videos(["avad", "diem"], 1, "train")
    with pytest.raises(StoreError, match="summe: not in the manifest, which has avad, dhf1k, diem"):
        manifest.videos(["summe"], 1, "train")


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "manifest.json"
    write_record(path, manifest)
    assert read_manifest(path) == manifest


@pytest.mark.parametrize("content", [None, "", "{}", '{"preset": "sample", "datasets": {"a": 1}}'])
def test_a_missing_or_damaged_manifest_names_the_command(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StoreError, match="run: snakemake --cores all preprocess") as error:
        read_manifest(path)
    assert "\n" not in str(error.value)


def test_stores_that_are_there_pass(manifest: Manifest, folder: Path) -> None:
    check_stores(manifest, folder)


def test_lost_and_other_stores_are_named_with_the_command(manifest: Manifest, folder: Path) -> None:
    other = verdict("avad", "V1", ("train",) * 3).model_copy(update={"digest": "another"})
    write_record(verdict_path(folder, "avad", "V1"), other)
    with pytest.raises(StoreError, match=r"V1.zarr.zip: the store is newer than the manifest; run"):
        check_stores(manifest, folder)
    (folder / "avad" / "V2.zarr.zip").unlink()
    (folder / "dhf1k" / "601.json").unlink()
    with pytest.raises(
        StoreError,
        match=r"V2.zarr.zip: the store is gone \(and 2 more\); "
        "run: snakemake --cores all preprocess$",
    ):
        check_stores(manifest, folder)
