"""Preset `paper` from archives in the true names and layouts, served by a server of the test's."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # noqa: TID251 - tests write parameter files

from avrsp.datasets import spec
from avrsp.params import parse
from avrsp.sample.plan import sheet
from avrsp.sample.writers import write_dataset
from tests.datasets.download.server import Server, serving
from tests.pipeline.conftest import Run, git

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

VIDEOS = {"diem": 4, "coutrot1": 3, "coutrot2": 3, "avad": 3, "etmd": 3, "summe": 3}
WORLD: dict[str, Any] = {
    "height": 96,
    "width": 128,
    "frames": [20, 26],
    "videos": VIDEOS,
    "unheard": {"height": 72, "train": 2, "validation": 1, "test": 1},
}
TREES = ("video_frames", "video_audio", "annotations")
PREPROCESS = ("snakemake", "--cores", "2", "preprocess")
NOTHING = "Nothing to be done"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def dhf1k(clone: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Set up a clone for preset `paper`, serve the six sets, and return DHF1K's folder."""
    world = tmp_path_factory.mktemp("world")
    content = yaml.safe_load((clone / "params.yaml").read_text())
    content["preset"] = "paper"
    content["world"].update(WORLD)
    content["presets"]["paper"]["clip"] = {"length": 8, "height": 32, "width": 32}
    content["data"] |= {"mirrors": [server.address], "sheets": "small"}
    (clone / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    settings = parse(content)
    (clone / "small").mkdir()
    for dataset in (*VIDEOS, "dhf1k"):
        write_dataset(dataset, world, settings.world, settings.seed)
        rows = [
            {"video": row.video, "frames": row.frames, "fps": row.fps}
            | {f"split{'' if name == 'all' else name}": role for name, role in row.roles.items()}
            for row in sheet(settings.world, settings.seed, dataset)
        ]
        with (clone / "small" / f"{dataset}.tsv").open("w", newline="") as stream:
            table = csv.DictWriter(stream, rows[0], delimiter="\t")
            table.writeheader()
            table.writerows(rows)
        for tree in TREES if dataset in VIDEOS else ():
            packed = world / "packed.tar.gz"
            with tarfile.open(packed, "w:gz") as tar:
                tar.add(world / "mirror" / tree / spec(dataset).folder, spec(dataset).folder)
            server.files[f"/{tree}/{spec(dataset).folder}.tar.gz"] = packed.read_bytes()
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "Use small sets of preset paper")
    return world / "dhf1k"


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def entries(clone: Path) -> dict[str, Any]:
    manifest = json.loads((clone / "data/store/paper/manifest.json").read_text())
    found: dict[str, Any] = manifest["datasets"]
    return found


def kept(clone: Path) -> dict[str, int]:
    return {
        name: sum(verdict["kept"] for verdict in entry["videos"])
        for name, entry in entries(clone).items()
        if entry["present"]
    }


def test_a_dry_run_shows_what_would_be_done(clone: Path, run: Run, dhf1k: Path) -> None:
    listing = said(run("snakemake", "-n", "preprocess"))
    assert listing.count("checkpoint fetch:") == 7
    assert listing.count("rule store:") >= 7
    assert dhf1k.exists()
    assert not (clone / "data/store/paper/manifest.json").exists()


def test_without_dhf1k_the_six_sets_go_on(
    clone: Path, run: Run, dhf1k: Path, server: Server
) -> None:
    server.faults["/annotations/DIEM.tar.gz"] = ["cut"]
    server.faults["/video_audio/ETMD_av.tar.gz"] = ["404"]
    done = said(run(*PREPROCESS))
    line = next(line for line in done.splitlines() if "avrsp: dhf1k is absent" in line)
    assert "put it at data/raw/incoming/dhf1k/video{.tar.gz," in line
    assert kept(clone) == {name: count for name, count in VIDEOS.items() if name != "etmd"}
    assert "dhf1k/annotation" in entries(clone)["dhf1k"]["reason"]
    assert "it answers 404" in entries(clone)["etmd"]["reason"]
    assert (clone / "data/store/paper/etmd/index.tsv").read_text().count("\n") == 1
    failed = run("python", "-m", "avrsp.stages.videos", "pretrain", check=False)
    assert failed.returncode == 1
    assert "dataset dhf1k: absent" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert dhf1k.exists()


def test_a_second_run_fetches_what_may_be_had_by_now(clone: Path, run: Run, server: Server) -> None:
    run(*PREPROCESS)
    assert kept(clone) == VIDEOS
    assert {path for path, _ in server.asked[-3:]} >= {"/video_audio/ETMD_av.tar.gz"}
    done = said(run(*PREPROCESS))
    assert NOTHING in done


def test_brought_data_completes_the_sets(clone: Path, run: Run, dhf1k: Path) -> None:
    incoming = clone / "data/raw/incoming/dhf1k"
    shutil.copytree(dhf1k / "video", incoming / "video")
    shutil.make_archive(str(incoming / "annotation"), "zip", dhf1k, "annotation")
    run(*PREPROCESS)
    assert kept(clone) == VIDEOS | {"dhf1k": 3}
    assert NOTHING in said(run(*PREPROCESS))
    lock = json.loads((clone / "data/archives.lock").read_text())
    assert len(lock) == 3 * len(VIDEOS) + 1
    assert lock["dhf1k/annotation.zip"]["bytes"] > 0
    assert "data/archives.lock" in said(run("git", "status", "--short"))


def test_data_that_is_fetched_again_changes_no_store(clone: Path, run: Run) -> None:
    stores = {path: path.stat().st_mtime_ns for path in clone.glob("data/store/paper/*/*.zip")}
    shutil.rmtree(clone / "data/raw/paper/mirror")
    run(*PREPROCESS)
    assert kept(clone) == VIDEOS | {"dhf1k": 3}
    after = {path: path.stat().st_mtime_ns for path in clone.glob("data/store/paper/*/*.zip")}
    assert after == stores


def test_another_archive_than_the_one_noted_is_refused(
    clone: Path, run: Run, server: Server
) -> None:
    path = "/video_audio/SumMe.tar.gz"
    server.files[path] = server.files["/video_audio/AVAD.tar.gz"]
    shutil.rmtree(clone / "data/raw/paper/mirror/video_audio/SumMe")
    done = said(run(*PREPROCESS))
    assert "avrsp download --accept-new video_audio/SumMe.tar.gz" in done
    assert not entries(clone)["summe"]["present"]
