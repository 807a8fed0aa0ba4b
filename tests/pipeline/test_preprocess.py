"""Snakemake on a small world: stores are made once, and again only where something changed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from avrsp.files import sha256
from tests.pipeline.conftest import Run, shrink

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WORLD: dict[str, Any] = {
    "height": 96,
    "width": 128,
    "frames": [20, 26],
    "videos": {"diem": 4, "coutrot1": 3, "coutrot2": 3, "avad": 3, "etmd": 3, "summe": 3},
    "unheard": {"height": 72, "train": 2, "validation": 1, "test": 1},
}
SMALL = {"clip": {"length": 8, "height": 32, "width": 32}}
PREPROCESS = ("snakemake", "--cores", "all", "preprocess")
UP_TO_DATE = "Nothing to be done"


@pytest.fixture(scope="module")
def made(clone: Path, run: Run) -> Path:
    """A clone in which `preprocess` has run once."""
    shrink(clone, world=WORLD, sample=SMALL)
    done = run(*PREPROCESS)
    assert "Using workflow specific profile" in done.stdout + done.stderr
    return clone


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def stores(folder: Path) -> dict[str, int]:
    """When each store and verdict was written."""
    below = folder / "data" / "store" / "sample"
    paths = [*below.glob("*/*.zarr.zip"), *below.glob("*/*.json")]
    return {str(path.relative_to(below)): path.stat().st_mtime_ns for path in paths}


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name, time in after.items() if before.get(name) != time}


def test_every_video_has_a_store_or_a_reason(made: Path) -> None:
    manifest = json.loads((made / "data/store/sample/manifest.json").read_text())
    assert manifest["preset"] == "sample"
    videos = {name: entry["videos"] for name, entry in manifest["datasets"].items()}
    assert {name: len(verdicts) for name, verdicts in videos.items()} == WORLD["videos"] | {
        "dhf1k": 3
    }
    for verdict in (each for verdicts in videos.values() for each in verdicts):
        store = made / f"data/store/sample/{verdict['dataset']}/{verdict['video']}.zarr.zip"
        assert verdict["kept"] == store.exists() == (verdict["reason"] is None)
        assert verdict["kept"]
    assert not any(verdict["has_sound"] for verdict in videos["dhf1k"])
    assert any(verdict["has_sound"] for verdict in videos["diem"])


def test_every_dataset_has_an_index_and_a_picture(made: Path) -> None:
    for dataset in [*WORLD["videos"], "dhf1k"]:
        folder = made / "data/store/sample" / dataset
        assert (folder / "index.tsv").read_text().startswith("video\tkept\treason")
        assert (folder / "quality.png").stat().st_size > 1_000


def test_a_second_run_does_nothing(made: Path, run: Run) -> None:
    before = stores(made)
    assert UP_TO_DATE in said(run(*PREPROCESS))
    assert stores(made) == before


def test_a_raw_file_changed_in_place_redoes_that_video_only(made: Path, run: Run) -> None:
    before = stores(made)
    frame = made / "data/raw/sample/mirror/video_frames/Coutrot_db1/clip2/img_00003.jpg"
    with frame.open("r+b") as stream:
        stream.write(b"\xff\xd8")  # the same two bytes: only its time tells
    run(*PREPROCESS)
    expected = {"coutrot1/clip2.zarr.zip", "coutrot1/clip2.json"}
    assert changed(before, stores(made)) == expected
    assert UP_TO_DATE in said(run(*PREPROCESS))


def test_a_damaged_video_is_set_aside_and_comes_back(made: Path, run: Run) -> None:
    before = stores(made)
    frame = made / "data/raw/sample/mirror/video_frames/Coutrot_db1/clip1/img_00003.jpg"
    whole = frame.read_bytes()
    frame.write_bytes(b"")
    run(*PREPROCESS)
    verdict = json.loads((made / "data/store/sample/coutrot1/clip1.json").read_text())
    assert not verdict["kept"]
    assert "img_00003.jpg" in verdict["reason"]
    assert before.keys() - stores(made).keys() == {"coutrot1/clip1.zarr.zip"}
    frame.write_bytes(whole)
    run(*PREPROCESS)
    assert changed(before, stores(made)) == {"coutrot1/clip1.zarr.zip", "coutrot1/clip1.json"}


def test_a_lost_store_is_made_again_with_the_same_bytes(made: Path, run: Run) -> None:
    store = made / "data/store/sample/dhf1k/001.zarr.zip"
    bytes_before = store.read_bytes()
    store.unlink()
    run(*PREPROCESS)
    assert store.read_bytes() == bytes_before
    assert UP_TO_DATE in said(run(*PREPROCESS))


def tree(folder: Path) -> dict[str, str]:
    """A digest of every file, but for Snakemake's own records and compiled Python."""
    own = {".snakemake", "__pycache__", ".git"}
    return {
        str(path.relative_to(folder)): f"{path.stat().st_mtime_ns} {sha256(path)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not own.intersection(path.relative_to(folder).parts)
    }


@pytest.mark.parametrize(
    "look", ["--dry-run", "--lint", "--report quality.html", "--summary", "--list-rules"]
)
def test_looking_changes_nothing_on_disk(made: Path, run: Run, look: str) -> None:
    store = made / "data/store/sample/dhf1k/001.zarr.zip"
    whole = store.read_bytes()
    store.unlink()
    (made / "quality.html").touch()
    before = tree(made)
    shown = said(run("snakemake", *look.split(), *PREPROCESS[3:], check=False))
    assert {name for name, was in tree(made).items() if before.get(name) != was} <= {"quality.html"}
    assert tree(made).keys() == before.keys()
    assert "Traceback" not in shown
    if look == "--dry-run":
        assert re.search(r"^store +1$", shown, re.MULTILINE)
    store.write_bytes(whole)
    assert UP_TO_DATE in said(run(*PREPROCESS))


def test_another_videos_store_under_a_name_is_replaced(made: Path, run: Run) -> None:
    folder = made / "data/store/sample/dhf1k"
    whole = (folder / "002.zarr.zip").read_bytes()
    shutil.copy(folder / "001.zarr.zip", folder / "002.zarr.zip")
    run(*PREPROCESS)
    assert (folder / "002.zarr.zip").read_bytes() == whole
    assert UP_TO_DATE in said(run(*PREPROCESS))


def test_a_manifest_in_which_a_number_changed_is_made_again(made: Path, run: Run) -> None:
    manifest = made / "data/store/sample/manifest.json"
    whole, before = manifest.read_text(), stores(made)
    manifest.write_text(whole.replace('"train"', '"none"', 1))
    run(*PREPROCESS)
    assert manifest.read_text() == whole
    assert stores(made) == before
    assert UP_TO_DATE in said(run(*PREPROCESS))


def test_raw_folders_are_listed_once_a_run(
    made: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed = tmp_path / "listed.txt"
    hook = """
import sys
def note(event, arguments):
    if event == "os.scandir" and "data/raw" in str(arguments[0]):
        with open({!r}, "a") as file:
            file.write(str(arguments[0]) + "\\n")
sys.addaudithook(note)
"""
    (made / "sitecustomize.py").write_text(hook.format(str(listed)))
    assert UP_TO_DATE in said(run(*PREPROCESS))
    (made / "sitecustomize.py").unlink()
    folders = Counter(listed.read_text().splitlines())
    assert len(folders) > 20
    assert set(folders.values()) == {1}


def test_a_change_in_the_converting_code_redoes_every_video(made: Path, run: Run) -> None:
    before = stores(made)
    module = made / "avrsp/convert/verify.py"
    module.write_text(module.read_text() + "# changed\n")
    run(*PREPROCESS)
    assert changed(before, stores(made)) == before.keys()
    assert UP_TO_DATE in said(run(*PREPROCESS))


def test_an_absent_dataset_is_recorded_with_its_reason(clone: Path, run: Run, made: Path) -> None:
    params = clone / "params.yaml"
    text = params.read_text()
    paper = text.replace("preset: sample", "preset: paper", 1)
    params.write_text(paper.replace("mirrors: null", "mirrors: []", 1))
    shutil.copytree(made / "data/raw/sample/mirror", clone / "data/raw/paper/mirror")
    shutil.rmtree(clone / "data/raw/paper/mirror/annotations/SumMe")
    (clone / "data/sheets/etmd.tsv").write_text(
        "video\tframes\tfps\tsplit\nCHI_1_color\t24\t24.99975\ttrain\nCRA_9\t24\t25\ttest\n"
    )
    keep = {"ETMD_av", "SumMe"}
    for tree in (clone / "data/raw/paper/mirror").iterdir():
        for folder in tree.iterdir():
            if folder.is_dir() and folder.name not in keep:
                shutil.rmtree(folder)
    run(*PREPROCESS)
    manifest = json.loads((clone / "data/store/paper/manifest.json").read_text())
    entries = manifest["datasets"]
    assert {name for name, entry in entries.items() if entry["present"]} == {"etmd"}
    assert "annotations/SumMe" in entries["summe"]["reason"]
    assert "dhf1k/video" in entries["dhf1k"]["reason"]
    reasons = {each["video"]: each["reason"] for each in entries["etmd"]["videos"]}
    assert reasons["CRA_9"] is not None
    assert UP_TO_DATE in said(run(*PREPROCESS))
    params.write_text(text)


def test_the_report_shows_the_pictures(made: Path, run: Run) -> None:
    run("snakemake", "--report", "quality.html", "preprocess")
    assert "Quality control" in (made / "quality.html").read_text()
