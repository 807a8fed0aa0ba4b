"""What only the full check sees: bytes that changed under their old length and time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avrsp import files, paths
from avrsp.convert import parts
from avrsp.convert.collect import write_manifest
from avrsp.convert.convert_video import Layout
from avrsp.datasets.dataset_registry import ListedVideo
from avrsp.doctor import chain, full_check
from avrsp.doctor.finding import Finding
from avrsp.stages import full_check as stage
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


def test_what_was_read_and_not_touched_since_is_not_read_again(
    raw: MirrorFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_check.findings(paths.current(), "sample", again=False)
    with monkeypatch.context() as patch:
        patch.setattr(files, "sha256", lambda _: pytest.fail("read again"))
        again = full_check.findings(paths.current(), "sample", again=False)
        assert [each.state for each in again] == ["ready"] * 2
    altered(raw.frame(3), -9)  # under its old length and time
    wrong = full_check.findings(paths.current(), "sample", again=False)[1]
    assert wrong.found == "not what stores were made of: diem/a"
    altered(raw.frame(3), -9)
    assert full_check.findings(paths.current(), "sample", again=False)[1].state == "ready"


def test_a_paper_run_begins_with_it_and_the_samples_does_not(
    raw: MirrorFiles, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    altered(raw.frame(3), -9)
    stage.main()
    for kind in ("raw", "store"):
        (workspace / "data" / kind / "sample").rename(workspace / "data" / kind / "paper")
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("preset: sample", "preset: paper", 1))
    with pytest.raises(SystemExit) as end:
        stage.main()
    assert end.value.code == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("avrsp: ")]
    assert said == [
        "avrsp: not what stores were made of: diem/a; run: rm -f "
        "data/store/paper/diem/a.zarr.zip && snakemake --cores all preprocess"
    ]


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
