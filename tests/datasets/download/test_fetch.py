"""A dataset from mirrors, from what the user brought, or not at all, with what became of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from avrsp.datasets import pins
from avrsp.datasets.dataset_registry import spec
from avrsp.datasets.download import fetch, outcome
from avrsp.datasets.download.outcome import DownloadState
from tests.datasets.download.conftest import TREES, VIDEOS, archive, means, packed, tree_of
from tests.datasets.download.server import Server

NAMES = [f"{tree}/Coutrot_db2" for tree in TREES]
FIRST = "/video_frames/Coutrot_db2.tar.gz"


@pytest.fixture
def raw(workspace: Path) -> Path:
    return workspace / "data" / "raw" / "paper"


@pytest.fixture
def incoming(workspace: Path) -> Path:
    return workspace / "data" / "raw" / "incoming"


def bring(raw: Path, *mirrors: str) -> DownloadState:
    """Fetch Coutrot 2 from these mirrors."""
    return fetch.fetch(spec("coutrot2"), raw, VIDEOS, means(*mirrors))


def test_a_dataset_comes_from_its_mirror_and_is_pinned(server: Server, raw: Path) -> None:
    found = bring(raw, server.address)
    assert found.present
    assert [source.archive for source in found.sources] == NAMES
    assert [source.found for source in found.sources] == [2, 2, 2]
    for tree in TREES:
        clip = raw / "mirror" / tree / "Coutrot_db2" / "clip2" / tree
        assert clip.read_bytes() == b"clip2" * 5_000
    noted = json.loads(pins.place(raw).read_text())
    assert sorted(noted) == [f"{name}.tar.gz" for name in sorted(NAMES)]
    assert noted["annotations/Coutrot_db2.tar.gz"]["bytes"] == len(archive("annotations"))
    assert not list(raw.rglob("*.tar.gz*")) + list(raw.rglob(".tmp*"))


def test_what_is_there_is_not_fetched_again(server: Server, raw: Path) -> None:
    bring(raw, server.address)
    before, asked = tree_of(raw), len(server.asked)
    assert bring(raw, server.address).present
    assert tree_of(raw) == before
    assert len(server.asked) == asked


def test_the_next_mirror_helps_out(server: Server, raw: Path) -> None:
    for tree in TREES:
        server.files[f"/b/{tree}/Coutrot_db2.tar.gz"] = archive(tree)
    server.faults[FIRST] = ["404"]
    server.faults["/annotations/Coutrot_db2.tar.gz"] = ["wrong byte"]
    found = bring(raw, server.address, f"{server.address}/b/")
    assert found.present
    assert ["/b/" in source.origin for source in found.sources] == [True, False, True]


def test_a_wrong_byte_is_found_without_a_checksum_and_with_one(
    server: Server, raw: Path, workspace: Path
) -> None:
    server.faults[FIRST] = ["wrong byte"]
    found = bring(raw, server.address)
    assert found.missing == ["video_frames/Coutrot_db2"]
    assert "damaged" in (found.reason or "")
    assert "video_frames/Coutrot_db2.tar.gz" not in pins.read(raw)
    assert bring(raw, server.address).present  # the mirror serves it well again
    (raw / "mirror").rename(workspace / "elsewhere")
    server.files[FIRST] = archive("something else")
    found = bring(raw, server.address)
    assert found.missing == ["video_frames/Coutrot_db2"]
    accept = "avrsp download --accept-new video_frames/Coutrot_db2.tar.gz"
    assert accept in (found.reason or "")
    pins.remove("video_frames/Coutrot_db2.tar.gz", raw)
    assert bring(raw, server.address).present


def test_no_mirror_ends_in_one_line_that_says_what_to_place_where(
    server: Server, raw: Path, incoming: Path
) -> None:
    server.files.clear()
    found = bring(raw, server.address)
    assert not found.present
    assert found.missing == NAMES
    assert found.reason is not None
    assert "\n" not in found.reason
    assert f"{server.address}{FIRST}: it answers 404" in found.reason
    assert str(incoming / "video_frames/Coutrot_db2") in found.reason
    assert found.reason.endswith("then run: snakemake --cores all preprocess")


def test_dhf1k_takes_a_browser_whatever_the_mirrors(
    server: Server, raw: Path, incoming: Path
) -> None:
    found = fetch.fetch(spec("dhf1k"), raw, ["001"], means(server.address))
    assert found.missing == ["dhf1k/video", "dhf1k/annotation"]
    assert "drive.google.com" in (found.reason or "")
    assert f"{incoming}/dhf1k/video{{.tar.gz,.tgz,.tar,.zip,.rar}}" in (found.reason or "")
    assert not server.asked


def test_brought_archives_and_folders_are_used_instead(
    server: Server, raw: Path, incoming: Path
) -> None:
    (incoming / "video_audio").mkdir(parents=True)
    brought = incoming / "video_audio/Coutrot_db2.tar.gz"
    brought.write_bytes(archive("video_audio"))
    (incoming / "annotations/Coutrot_db2/clip1").mkdir(parents=True)
    found = bring(raw, server.address)
    assert found.present
    assert [asked for asked, _ in server.asked] == [FIRST]
    assert [source.found for source in found.sources] == [2, 2, 1]
    assert (raw / "mirror/annotations/Coutrot_db2/clip1").is_dir()
    assert brought.exists()


def test_a_mirror_may_be_a_folder(tmp_path: Path, raw: Path) -> None:
    for tree in TREES:
        path = tmp_path / "a b" / tree / "Coutrot_db2.tar.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(archive(tree))
    assert bring(raw, (tmp_path / "a b").as_uri()).present
    assert (tmp_path / "a b/annotations/Coutrot_db2.tar.gz").exists()


@pytest.mark.parametrize("around", ["", "data/video_frames/Coutrot_db2/", "./Coutrot_db2/"])
def test_archives_may_wrap_the_data_in_folders(around: str, server: Server, raw: Path) -> None:
    server.files[FIRST] = packed({f"{around}clip1/img_00001.jpg": b"picture"})
    assert bring(raw, server.address).present
    assert (raw / "mirror/video_frames/Coutrot_db2/clip1/img_00001.jpg").exists()


def test_an_archive_of_something_else_is_refused(server: Server, raw: Path) -> None:
    server.files[FIRST] = packed({"holiday/1.jpg": b"picture"})
    found = bring(raw, server.address)
    assert "video_frames/Coutrot_db2: what was found has no clip1" in (found.reason or "")
    assert not (raw / "mirror/video_frames/Coutrot_db2").exists()


def test_what_a_killed_run_left_does_no_harm(server: Server, raw: Path) -> None:
    left = raw / "mirror/video_frames/.tmp-Coutrot_db2/Coutrot_db2/clip9"
    left.mkdir(parents=True)
    (raw / ".archives/video_frames").mkdir(parents=True)
    (raw / ".archives/video_frames/Coutrot_db2.tar.gz.part").write_bytes(b"half")
    assert bring(raw, server.address).present
    held = sorted(path.name for path in (raw / "mirror/video_frames/Coutrot_db2").iterdir())
    assert held == list(VIDEOS)
    assert not left.exists()


def test_a_state_is_forgotten_where_it_may_be_another_one_by_now(
    server: Server, raw: Path, incoming: Path
) -> None:
    dhf1k, path = spec("dhf1k"), raw / "state" / "dhf1k.json"
    assert not outcome.is_stale(path, dhf1k, raw, None)  # its job runs anyway
    outcome.write(path, fetch.fetch(dhf1k, raw, ["001"], means()))
    assert not outcome.is_stale(path, dhf1k, raw, None)  # nothing came that could change it
    (incoming / "dhf1k/video").mkdir(parents=True)
    assert outcome.is_stale(path, dhf1k, raw, None)
    other, path = spec("coutrot2"), raw / "state" / "coutrot2.json"
    server.faults[FIRST] = ["404"]
    outcome.write(path, bring(raw, server.address))
    assert not outcome.is_stale(path, other, raw, [])
    assert outcome.is_stale(path, other, raw, None)  # a mirror may have it by now
    outcome.write(path, bring(raw, server.address))
    assert not outcome.is_stale(path, other, raw, None)
    (raw / "mirror/annotations/Coutrot_db2").rename(raw / "gone")
    assert outcome.is_stale(path, other, raw, None)
    path.write_bytes(b"{")
    assert outcome.is_stale(path, other, raw, None)


def test_a_damaged_lock_file_costs_no_download(server: Server, raw: Path) -> None:
    pins.place(raw).parent.mkdir(parents=True, exist_ok=True)
    pins.place(raw).write_text('{"x": 1}')
    found = bring(raw, server.address)
    assert "archives.lock: x" in (found.reason or "")
    assert not server.asked
