"""What only the full check sees: bytes that changed under their old length and time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avrsp import paths
from avrsp.convert import parts
from avrsp.convert.collect import write_manifest
from avrsp.convert.convert_video import Layout
from avrsp.datasets.dataset_registry import ListedVideo
from avrsp.doctor import chain, full_check
from avrsp.doctor.finding import Finding
from tests.raw_videos import MirrorFiles


@pytest.fixture
def raw(workspace: Path, tmp_path: Path, row: ListedVideo, layout: Layout) -> MirrorFiles:
    """DIEM's video `a`, converted in a workspace."""
    made = MirrorFiles(workspace / "data/raw/sample")
    for number in range(1, row.frames + 1):
        made.write(number)
    stores = workspace / "data/store/sample"
    part = stores / "diem/parts/000.json"
    parts.write_part(part, "diem", [row], made.raw, stores, layout)
    write_manifest(stores / "manifest.json", "sample", [part], {})
    return made


def altered(path: Path, place: int) -> None:
    """Change one bit; keep length and time."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def found() -> dict[str, Finding]:
    return {finding.name: finding for finding in full_check.findings(paths.current(), "sample")}


def test_what_is_as_recorded_passes(raw: MirrorFiles) -> None:
    assert [each.state for each in found().values()] == ["ready", "ready"]


def test_a_raw_file_altered_under_its_old_length_and_time_is_named(raw: MirrorFiles) -> None:
    altered(raw.frame(3), -9)
    assert chain.stores(paths.current(), "sample", ["diem"]).state == "ready"
    wrong = found()["raw, every byte"]
    assert (wrong.state, wrong.found) == ("missing", "not what stores were made of: diem/a")
    assert wrong.command == (
        "rm -f data/store/sample/diem/a.zarr.zip && snakemake --cores all preprocess"
    )
    assert found()["stores, every byte"].state == "ready"


def test_a_damaged_block_of_a_store_is_named(raw: MirrorFiles, workspace: Path) -> None:
    altered(workspace / "data/store/sample/diem/a.zarr.zip", 200)
    assert chain.stores(paths.current(), "sample", ["diem"]).state == "ready"
    assert found()["stores, every byte"].found == "not as they were written: diem/a"


def test_without_a_manifest_there_is_nothing_to_compare(workspace: Path) -> None:
    assert found() == {}


@pytest.mark.parametrize("linked", ["data", "data/models"])
def test_a_link_behind_which_dvc_keeps_results_is_named(
    workspace: Path, tmp_path: Path, linked: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (workspace / linked).parent.mkdir(exist_ok=True)
    (workspace / linked).symlink_to(tmp_path / "elsewhere")
    finding = chain.links(paths.current())
    assert finding.state == "missing"
    assert finding.found.startswith(f"{linked}: a link")


def test_raw_data_and_stores_may_lie_behind_links(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (workspace / "data").mkdir(exist_ok=True)
    (workspace / "data/store").symlink_to(tmp_path / "elsewhere")
    assert chain.links(paths.current()) == Finding("folders", "ready", "data/store elsewhere")
