from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import NoReturn
from zipfile import ZipFile

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
from avrsp.store.members import entries_digest


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
def converted(tmp_path: Path, manifest: Manifest) -> Manifest:
    """The same manifest, with a store for every kept video below `tmp_path`."""
    datasets = {
        name: entry.model_copy(update={"videos": [_stored(tmp_path, v) for v in entry.videos]})
        for name, entry in manifest.datasets.items()
    }
    return manifest.model_copy(update={"datasets": datasets})


def _stored(folder: Path, verdict: Verdict) -> Verdict:
    store = store_path(folder, verdict)
    if verdict.kept:
        store.parent.mkdir(exist_ok=True)
        with ZipFile(store, "w") as archive:
            archive.writestr("zarr.json", store.name)
        verdict = verdict.model_copy(update={"entries": entries_digest(store)})
    beside = verdict.model_copy(update={"origin": "raw files"})
    write_record(verdict_path(folder, verdict.dataset, verdict.video), beside)
    return verdict


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


def test_a_part_of_a_manifest_holds_the_kept_videos_of_some_roles(manifest: Manifest) -> None:
    part = manifest.only(["avad"], 3, ("train", "validation"))
    assert [*part.datasets] == ["avad"]
    listed = [each.video for each in part.datasets["avad"].videos]
    assert listed == ["V2", "V3"]  # in split 3
    roles: tuple[Role, ...] = ("train", "validation")
    for role in roles:
        assert part.videos(["avad"], 3, role) == manifest.videos(["avad"], 3, role)
    with pytest.raises(StoreError, match="diem: absent"):
        manifest.only(["avad", "diem"], 1, roles)


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


def test_stores_that_are_there_pass(converted: Manifest, tmp_path: Path) -> None:
    check_stores(converted, tmp_path)


def test_lost_and_other_stores_are_named_with_the_command(
    converted: Manifest, tmp_path: Path
) -> None:
    other = verdict("avad", "V1", ("train",) * 3).model_copy(update={"digest": "another"})
    write_record(verdict_path(tmp_path, "avad", "V1"), other)
    with pytest.raises(StoreError, match=r"V1.zarr.zip: the verdict beside the store is not the"):
        check_stores(converted, tmp_path)
    (tmp_path / "avad" / "V2.zarr.zip").unlink()
    (tmp_path / "dhf1k" / "601.json").unlink()
    with pytest.raises(
        StoreError,
        match=r"V2.zarr.zip: the store is gone \(and 2 more\); "
        "run: snakemake --cores all preprocess$",
    ):
        check_stores(converted, tmp_path)


def test_another_videos_store_under_this_ones_name_is_noticed(
    converted: Manifest, tmp_path: Path
) -> None:
    shutil.copy(tmp_path / "avad" / "V1.zarr.zip", tmp_path / "avad" / "V3.zarr.zip")
    with pytest.raises(StoreError, match=r"V3.zarr.zip: not the store of this video"):
        check_stores(converted, tmp_path)
    shutil.copy(tmp_path / "avad" / "V1.json", tmp_path / "avad" / "V3.json")
    with pytest.raises(StoreError, match=r"V3.zarr.zip: the verdict beside the store is not"):
        check_stores(converted, tmp_path)


def test_a_fault_of_the_machine_is_not_blamed_on_a_store(
    converted: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(path: Path, mode: str) -> NoReturn:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    monkeypatch.setattr(Path, "open", no_descriptor)
    with pytest.raises(OSError, match="Too many open files"):
        check_stores(converted, tmp_path)


def test_a_manifest_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(b'{"preset": "sample", "datasets": {"a\xff": 1}}')
    with pytest.raises(StoreError, match="not a manifest"):
        read_manifest(path)
