"""`avrsp evaluate` on a folder of maps: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from avrsp import params
from avrsp.cli import commands
from avrsp.evaluate import folders
from avrsp.evaluate.score_table import read_rows
from avrsp.files import unsealed
from avrsp.params import ProtocolName
from avrsp.store.manifest import DatasetEntry, Manifest, Verdict, write_record
from avrsp.store.video_store import write_maps

Predict = Callable[[int], list[NDArray[np.float32]]]


def invoke(tmp_path: Path, *options: str) -> tuple[int, str]:
    arguments = ["--maps", str(tmp_path / "maps"), "--store", str(tmp_path / "store")]
    out = str(tmp_path / "scores.parquet")
    result = CliRunner().invoke(commands, ["evaluate", *arguments, "--out", out, *options])
    return result.exit_code, result.output


def summaries(tmp_path: Path) -> Any:
    return unsealed((tmp_path / "scores.json").read_bytes())


def test_one_command_prints_all_protocols_beside_the_references(
    tmp_path: Path, three_videos: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no params.yaml
    code, said = invoke(tmp_path, "--protocol", "all")
    assert code == 0
    for method in ("maps", "uniform", "other frame"):
        lines = [line for line in said.splitlines() if line.startswith(method + " ")]
        found = [line[len("other frame") :].split()[0] for line in lines]
        assert found == [*get_args(ProtocolName)]
    assert (
        said.count("left out of protocol crowdsal, which takes maps of the ground truth's size")
        == 1
    )
    assert "no centre prior: no manifest.json in" in said
    found = summaries(tmp_path)
    assert found["maps"]["stavis"]["datasets"]["avad"]["frames"] == 20 + 33 + 8 - 3 * 8
    assert found["maps"]["avrsp"]["mean"]["videos"] == len(three_videos)
    cc = found["maps"]["avrsp"]["mean"]["cc"]
    assert cc == pytest.approx(
        pd.read_parquet(tmp_path / "scores.parquet")
        .query("protocol == 'avrsp'")
        .groupby("video")["cc"]
        .mean()
        .mean()
    )
    assert f"{cc:.3f} [" in next(line for line in said.splitlines() if line.startswith("maps "))


def test_the_centre_prior_is_fitted_on_the_training_videos(
    workspace: Path, three_videos: list[Verdict]
) -> None:
    roles = ("test", "test", "train")
    videos = [
        verdict.model_copy(update={"roles": {"1": role, "2": "none", "3": "none"}})
        for verdict, role in zip(three_videos, roles, strict=True)
    ]
    entry = DatasetEntry(present=True, reason=None, videos=videos)
    manifest = Manifest(preset="sample", datasets={"avad": entry})
    write_record(workspace / "store" / "manifest.json", manifest)
    code, said = invoke(workspace)
    assert code == 0
    assert "no centre prior" not in said
    assert list(summaries(workspace)) == ["centre prior", "maps", "other frame", "uniform"]
    rows = pd.read_parquet(workspace / "scores.references.parquet")
    prior = rows[rows["method"] == "centre prior"]
    assert sorted(prior["video"].unique()) == ["a", "b"]
    assert prior["nss"].mean() > 0.5
    assert "centre prior" not in invoke(workspace, "--no-references")[1]


def test_faults_are_named_counted_and_survived(
    workspace: Path, three_videos: list[Verdict], predicted: Predict
) -> None:
    assert len(three_videos) == 3
    folder = workspace / "maps" / "avad"
    (folder / "a.zarr.zip").unlink()
    spoilt = predicted(30)
    spoilt[4][0, 0] = np.nan
    write_maps(folder / "b.zarr.zip", spoilt)
    code, said = invoke(workspace)
    assert code == 1
    lines = [line for line in said.splitlines() if line.startswith("avrsp: avad")]
    assert "avad: no maps in" in lines[0]
    assert "of 1 of 3 videos (a); avrsp evaluate --help" in lines[0]
    assert "avad/b: wrong count: 30 maps for 33 frames" in lines[1]
    assert "avad/b: NaN or infinity inside: frame 4" in lines[2]
    assert "faults: 3, named above" in said
    found = summaries(workspace)["maps"]["avrsp"]
    assert len(found["faults"]) == 3
    assert found["mean"] | {"videos": 2, "frames": 29 + 8, "missing": 4} == found["mean"]
    assert invoke(workspace, "--allow-missing")[0] == 0


def test_references_are_scored_on_the_videos_that_have_maps_and_kept(
    workspace: Path, three_videos: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVRSP_CACHE", str(workspace / "cache"))
    for each in three_videos[1:]:
        (workspace / "maps" / "avad" / f"{each.video}.zarr.zip").unlink()
    code, said = invoke(workspace, "--allow-missing")
    assert code == 0
    assert said.count("no maps in") == 1
    assert "of 2 of 3 videos (b, c)" in said
    for method, found in summaries(workspace).items():
        assert found["avrsp"]["mean"]["videos"] == 1, method
    kept = {path: path.stat().st_mtime_ns for path in (workspace / "cache").rglob("*.parquet")}
    assert {path.parent.name for path in kept} == {"uniform", "other frame"}
    first = pd.read_parquet(workspace / "scores.references.parquet")
    assert invoke(workspace, "--allow-missing", "--method", "again")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    pd.testing.assert_frame_equal(pd.read_parquet(workspace / "scores.references.parquet"), first)
    (damaged,) = (path for path in kept if path.parent.name == "uniform")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert invoke(workspace, "--allow-missing")[0] == 0
    pd.testing.assert_frame_equal(pd.read_parquet(workspace / "scores.references.parquet"), first)


def write_images(folder: Path, maps: list[NDArray[np.float32]]) -> Path:
    folder.mkdir(parents=True)
    for number, saliency in enumerate(maps, 1):
        picture = Image.fromarray(np.round(255 * saliency).astype(np.uint8))
        picture.save(folder / f"{number:04d}.png")
    return folder


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "unreadable": (
        lambda place: (place / "0005.png").write_bytes(b"text"),
        "unreadable image (UnidentifiedImageError): frame 4",
    ),
    "missing": (lambda place: (place / "0005.png").unlink(), "no image: frame 4"),
    "other size": (
        lambda place: Image.new("L", (5, 5)).save(place / "0005.png"),
        "wrong size, expected 24 x 32 as the first map is: frame 4",
    ),
    "too many": (
        lambda place: Image.new("L", (32, 24)).save(place / "0009.png"),
        "wrong count: more maps for 8 frames",
    ),
    "misnumbered": (
        lambda place: (place / "0005.png").rename(place / "0050.png"),
        "wrong count: more maps for 8 frames",
    ),
    "too few": (
        lambda place: (place / "0008.png").unlink(),
        "wrong count: 7 maps for 8 frames",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_in_a_folder_of_images_is_a_line_and_exit_1(
    kind: str, workspace: Path, write_truth: Callable[..., Verdict], predicted: Predict
) -> None:
    write_truth("avad", "video", 8)
    spoil, expected = FAULTS[kind]
    spoil(write_images(workspace / "maps" / "avad" / "video", predicted(8)))
    code, said = invoke(workspace, "--no-references")
    assert code == 1
    assert f"avrsp: avad/video: {expected}\n" in said
    assert expected in summaries(workspace)["maps"]["avrsp"]["faults"][0]


def test_values_that_cannot_be_saliency_are_said_once(
    workspace: Path, three_videos: list[Verdict], predicted: Predict
) -> None:
    for each in three_videos:
        maps = [np.log(0.01 + saliency) for saliency in predicted(each.frames)]
        write_maps(workspace / "maps" / "avad" / f"{each.video}.zarr.zip", maps)
    code, said = invoke(workspace)
    assert code == 0
    assert said.count("--values log converts log densities") == 1
    assert "maps of avad/a and 2 more: negative values" in said
    converted = invoke(workspace, "--values", "log")
    assert converted[0] == 0
    assert "negative" not in converted[1]


def test_hidden_files_are_no_stores(workspace: Path, three_videos: list[Verdict]) -> None:
    (workspace / "store" / "avad" / "._a.zarr.zip").write_bytes(b"\0\5\x16\7")
    code, said = invoke(workspace, "--no-references")
    assert code == 0
    assert summaries(workspace)["maps"]["avrsp"]["mean"]["videos"] == len(three_videos)
    assert "._a" not in said


def test_no_maps_at_all_is_one_line_and_no_table(
    workspace: Path, three_videos: list[Verdict]
) -> None:
    for each in three_videos:
        (workspace / "maps" / "avad" / f"{each.video}.zarr.zip").unlink()
    arguments = ["--maps", str(workspace / "maps"), "--store", str(workspace / "store")]
    result = CliRunner().invoke(commands, ["evaluate", *arguments])
    assert result.exit_code == 1
    assert "no video could be evaluated; avad: no maps in" in str(result.exception)


def test_the_standard_settings_are_those_of_the_shipped_file(workspace: Path) -> None:
    loaded = params.load(workspace / "params.yaml")
    assert (loaded.evaluation, loaded.seed) == folders.STANDARD


@pytest.mark.slow
def test_two_that_write_one_file_do_so_one_after_the_other(
    tmp_path: Path, three_videos: list[Verdict]
) -> None:
    assert three_videos
    words = ["--maps", "maps", "--store", "store", "--out", "scores.parquet", "--no-references"]
    command = [sys.executable, "-m", "avrsp", "evaluate", *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    lock = tmp_path / ".scores.parquet.lock"
    with FileLock(lock):
        both = [
            subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        for process in both:
            assert process.stderr is not None
            assert b"no centre prior" in process.stderr.readline()
            assert b"is evaluating into it; waiting" in process.stderr.readline()
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert sum(map(len, read_rows(tmp_path / "scores.parquet"))) == 20 + 33 + 8
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "maps", "scores.json", "scores.parquet", "store"
    ]  # fmt: skip


def test_a_damaged_part_of_an_interrupted_evaluation_is_scored_again(
    tmp_path: Path, three_videos: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert three_videos
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_: None)  # as if it had been killed before the end
        assert invoke(tmp_path, "--no-references")[0] == 0
    whole = pd.concat(read_rows(tmp_path / "scores.parquet"))
    parts = sorted((tmp_path / ".scores.parts").rglob("*.parquet"))
    assert len(parts) == len(three_videos)
    other = pd.read_parquet(parts[0])
    other["cc"] = 1.0
    other.to_parquet(parts[0])
    parts[1].write_bytes(parts[1].read_bytes()[:-40])
    (tmp_path / "scores.parquet").unlink()
    assert invoke(tmp_path, "--no-references")[0] == 0
    pd.testing.assert_frame_equal(pd.concat(read_rows(tmp_path / "scores.parquet")), whole)
