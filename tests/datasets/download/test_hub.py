"""Sets on the Hugging Face hub: a revision for all, and only the parts that are asked for."""

from __future__ import annotations

import importlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import IO

import pytest

from avrsp import datasets
from avrsp.datasets.download import hub, placing
from avrsp.errors import RawDataError

REVISION = "0123456789abcdef0123456789abcdef01234567"


class FolderHub:
    """A hub that is a folder; remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []

    def newest(self) -> str:
        self.asked.append("newest")
        return REVISION

    def names(self, revision: str) -> list[str]:
        assert revision == REVISION
        found = (each for each in self.folder.rglob("*") if each.is_file())
        return sorted(str(each.relative_to(self.folder)) for each in found)

    def bring(self, name: str, revision: str, folder: Path) -> Path:
        self.asked.append(name)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(self.folder / name, folder / name))

    def open(self, name: str, revision: str) -> IO[bytes]:
        self.asked.append(f"open {name}")
        return (self.folder / name).open("rb")


@pytest.fixture
def archives(tmp_path: Path) -> FolderHub:
    """AViMoS with six videos in archives, images among the fixations."""
    folder = tmp_path / "hub"
    folder.mkdir()
    names = [f"v{number}" for number in range(6)]
    parts = {"Train": names[:4], "Test": names[4:]}
    with zipfile.ZipFile(folder / "Videos.zip", "w") as videos:
        for name in names:
            videos.writestr(f"Videos/{name}.mp4", name)
    for part, own in parts.items():
        with zipfile.ZipFile(folder / f"Saliency{part}.zip", "w") as maps:
            for name in own:
                maps.writestr(f"{part}/{name}.mp4", f"map of {name}")
        with zipfile.ZipFile(folder / f"Fixations{part}.zip", "w") as points:
            for name in own:
                points.writestr(f"{part}/{name}/fixations.json", "[]")
                points.writestr(f"{part}/{name}/fixations/0000.png", "image")
    (folder / "TrainTestSplit.json").write_text(json.dumps({"train": names[:4], "test": names[4:]}))
    return FolderHub(folder)


@pytest.fixture
def files(tmp_path: Path) -> FolderHub:
    """CrowdSAL with five videos in single files."""
    folder = tmp_path / "hub"
    for part, name in [
        *(("Train", f"000{n}") for n in (1, 2, 3)),
        ("Test", "3001"),
        ("Test", "3002"),
    ]:
        for kind, suffix in (("Videos", "mp4"), ("Saliency", "mp4"), ("Fixations", "json")):
            path = folder / part / kind / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{part} {kind} {name}")
    (folder / "Train/metadata.jsonl").write_text("{}")
    return FolderHub(folder)


def inside(root: Path) -> set[str]:
    return {str(each.relative_to(root)) for each in root.rglob("*") if each.is_file()}


def test_only_the_entries_of_the_wanted_videos_leave_the_archives(
    archives: FolderHub, tmp_path: Path
) -> None:
    root = tmp_path / "raw/avimos"
    hub.bring_from(archives, datasets.spec("avimos"), root, 3)
    assert inside(root) == {
        "TrainTestSplit.json",
        "revision.json",
        *(f"Videos/Videos/v{number}.mp4" for number in (0, 2, 4)),
        *(f"SaliencyTrain/Train/v{number}.mp4" for number in (0, 2)),
        "SaliencyTest/Test/v4.mp4",
        *(f"FixationsTrain/Train/v{number}/fixations.json" for number in (0, 2)),
        "FixationsTest/Test/v4/fixations.json",
    }
    assert "Videos.zip" not in archives.asked
    assert (root / "Videos/Videos/v2.mp4").read_text() == "v2"


def test_the_whole_set_comes_as_archives_at_the_noted_revision(
    archives: FolderHub, workspace: Path
) -> None:
    raw = workspace / "data/raw/paper"
    entry = datasets.spec("avimos")
    hub.bring_from(archives, entry, raw / "avimos", 1)
    hub.bring_from(archives, entry, raw / "avimos", None)
    assert archives.asked.count("newest") == 1
    assert json.loads((raw / "avimos/revision.json").read_text())["revision"] == REVISION
    assert not placing.is_placed(entry, raw)
    placing.place(entry, raw)
    assert (raw / "avimos/FixationsTrain/Train/v3/fixations.json").exists()
    assert not list((raw / "avimos").glob("*.zip"))


def test_single_files_of_the_wanted_videos_come(files: FolderHub, tmp_path: Path) -> None:
    root = tmp_path / "raw/crowdsal"
    hub.bring_from(files, datasets.spec("crowdsal"), root, 2)
    found = inside(root) - {"Train/metadata.jsonl", "revision.json"}
    assert {name.split("/")[-1].partition(".")[0] for name in found} == {"3001", "0001"}
    assert len(found) == 6
    files.asked.clear()
    hub.bring_from(files, datasets.spec("crowdsal"), root, 2)
    assert files.asked == ["Train/metadata.jsonl"]


@pytest.mark.parametrize("kind", ["archives", "files"])
def test_some_videos_of_a_whole_set_leave_it_whole(
    kind: str, request: pytest.FixtureRequest, workspace: Path
) -> None:
    hub_there: FolderHub = request.getfixturevalue(kind)
    entry, raw = (
        datasets.spec("avimos" if kind == "archives" else "crowdsal"),
        workspace / "data/raw/paper",
    )
    hub.bring_from(hub_there, entry, raw / entry.key, None)
    placing.place(entry, raw)
    before = inside(raw)
    hub.bring_from(hub_there, entry, raw / entry.key, 2)
    hub_there.asked.clear()
    hub.bring_from(hub_there, entry, raw / entry.key, None)
    assert inside(raw) == before
    assert not set(hub_there.asked) - set(entry.side_files)


def test_a_part_that_followed_an_interrupted_whole_set_makes_way_for_it(
    archives: FolderHub, workspace: Path
) -> None:
    raw, entry = workspace / "data/raw/paper", datasets.spec("avimos")
    (raw / "avimos").mkdir(parents=True)
    (raw / "avimos/revision.json").write_text(json.dumps({"revision": REVISION, "videos": None}))
    hub.bring_from(archives, entry, raw / "avimos", 1)
    hub.bring_from(archives, entry, raw / "avimos", None)
    placing.place(entry, raw)
    assert (raw / "avimos/Videos/Videos/v5.mp4").exists()


def test_a_damaged_note_of_the_revision_is_named(files: FolderHub, tmp_path: Path) -> None:
    (tmp_path / "revision.json").write_text('{"revision": ')
    with pytest.raises(RawDataError, match=r"revision\.json: damaged; remove"):
        hub.bring_from(files, datasets.spec("crowdsal"), tmp_path, 2)


def test_a_damaged_archive_on_the_hub_is_one_line(
    archives: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (archives.folder / "Videos.zip").read_bytes().replace(b"v0", b"v9", 2)
    (archives.folder / "Videos.zip").write_bytes(content)
    monkeypatch.setattr(archives, "faults", (), raising=False)
    monkeypatch.setattr(hub, "HuggingFace", lambda _: archives)
    with pytest.raises(RawDataError, match="not downloaded"):
        hub.bring(datasets.spec("avimos"), tmp_path, 6)


def test_an_entry_outside_its_folder_is_refused(archives: FolderHub, tmp_path: Path) -> None:
    with zipfile.ZipFile(archives.folder / "Videos.zip", "a") as videos:
        videos.writestr("../v0.mp4", "outside")
    with pytest.raises(RawDataError, match="outside the folder"):
        hub.bring_from(archives, datasets.spec("avimos"), tmp_path / "raw/avimos", 6)


def test_without_the_extra_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def refused(name: str, package: str | None = None) -> object:
        if name == "huggingface_hub":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", refused)
    with pytest.raises(RawDataError, match=r"pip install 'avrsp\[hub\]'"):
        hub.HuggingFace("ANDRYHA/CrowdSAL")
