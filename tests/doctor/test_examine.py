"""The whole examination, as people and machines see it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click
import pytest

from avrsp import files, params, paths
from avrsp.datasets import msu_files, msu_survey
from avrsp.doctor import computer, examine
from avrsp.doctor.finding import Finding
from avrsp.store.manifest import DatasetEntry, Manifest, write_record

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(workspace: Path) -> Path:
    """A folder that DVC could work in, with the true sheets."""
    (workspace / ".dvc").mkdir()
    (workspace / ".git").mkdir()
    shutil.copytree(ROOT / "data" / "sheets", workspace / "data" / "sheets")
    return workspace


def choose_paper(project: Path) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("preset: sample", "preset: paper", 1))


def found() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine.examine(paths.current())[1]}


def states() -> dict[str, str]:
    return {name: finding.state for name, finding in found().items()}


def test_a_fresh_clone_can_run_and_says_what_is_to_come(project: Path) -> None:
    assert project.exists()
    to_come = {name for name, state in states().items() if state == "to come"}
    assert to_come == {"raw data", "stores", "trained models", "DVC", "MLflow"}
    assert "missing" not in states().values()
    assert examine.next_command(paths.current(), examine.examine(paths.current())[1]) == "dvc repro"


def test_without_ffmpeg_the_command_that_installs_it_comes_first(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "bin").mkdir()
    for program in computer.PROGRAMS:
        (project / "bin" / program).symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(project / "bin"))
    assert {name for name, state in states().items() if state == "missing"} == {"ffmpeg"}
    assert "apt-get install ffmpeg" in examine.next_command(
        paths.current(), examine.examine(paths.current())[1]
    )
    monkeypatch.setenv("PATH", str(project / "nothing"))
    assert found()["programs"].found == "no git, snakemake, dvc on the PATH"


def test_an_ffmpeg_that_does_not_run_is_told_from_one_that_is_slow(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "bin").mkdir()
    for name in ("ffmpeg", "ffprobe"):
        (project / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
        (project / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{project / 'bin'}:{os.environ['PATH']}")
    assert computer.ffmpeg().state == "missing"
    (project / "bin" / "ffmpeg").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(computer, "SECONDS", 0.1)
    assert computer.ffmpeg().state == "ready"


def test_an_ffmpeg_that_encodes_nothing_or_decodes_nothing_is_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "bin").mkdir()
    version = "case $1 in -version) echo ffmpeg version 9; exit 0;; esac\n"
    (project / "bin" / "ffmpeg").write_text(f"#!/bin/sh\n{version}exit 1\n")
    (project / "bin" / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{project / 'bin'}:{os.environ['PATH']}")
    assert computer.ffmpeg().state == "missing"
    assert computer.ffmpeg().found.startswith("version 9 cannot write and read a clip: ")
    (project / "bin" / "ffmpeg").write_text(f"#!/bin/sh\n{version}exit 0\n")
    assert computer.ffmpeg().state == "missing"
    assert computer.ffmpeg().found.startswith("version 9 cannot write and read a clip: ")


def test_preset_paper_with_nothing_there_names_every_archive(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_paper(project)
    monkeypatch.setattr(computer, "_cards", list)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 10**13})())
    looked = found()
    assert {name for name, each in looked.items() if each.state == "missing"} == {
        "raw: dhf1k",
        "encoder weights",
        "GPU",
    }
    assert looked["encoder weights"].command == "avrsp import-weights s3d-kylemin FILE"
    assert "encoder.soundnet: found no data/weights/" in looked["encoder weights"].found
    assert looked["raw: dhf1k"].command == (
        "put it at data/raw/incoming/dhf1k/video and data/raw/incoming/dhf1k/annotation, "
        "unpacked or as .rar, .zip or .tar.gz"
    )
    for dataset in ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe"):
        assert looked[f"raw: {dataset}"].found == "3 to download from cvsp.cs.ntua.gr"
    (project / "data/raw/incoming/dhf1k").mkdir(parents=True)
    (project / "data/raw/incoming/dhf1k/video.rar").touch()
    (project / "data/raw/paper/dhf1k/annotation").mkdir(parents=True)
    for number in range(1, 27):
        (project / f"data/raw/paper/dhf1k/annotation/{number:04d}").mkdir()
    brought = found()["raw: dhf1k"]
    assert brought.state == "to come"
    assert brought.found == (
        "1 brought in incoming/, 1 in place: 26 of 700 videos in dhf1k/annotation"
    )


def test_a_full_disk_stands_in_the_way(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose_paper(project)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 10**10})())
    disk = found()["disk"]
    assert disk.state == "missing"
    assert disk.found.startswith("10 GB free")


def test_an_archive_of_another_length_than_noted_is_named(project: Path) -> None:
    choose_paper(project)
    name = "dhf1k/annotation.zip"
    pin = {name: {"bytes": 7, "sha256": "0" * 64}}
    (project / "data/archives.lock").write_text(json.dumps(pin))
    assert found()["checksums"].found == "1 archives noted in archives.lock"
    (project / "data/raw/incoming/dhf1k").mkdir(parents=True)
    (project / "data/raw/incoming" / name).write_bytes(b"123456")
    assert found()["checksums"].command == f"avrsp download --accept-new {name}"


def test_a_needed_dataset_that_is_absent_stands_in_the_way(project: Path) -> None:
    absent = {"summe": DatasetEntry(present=False, reason="no mirror", videos=[])}
    path = project / "data/store/sample/manifest.json"
    write_record(path, Manifest(preset="sample", datasets=absent))
    stores = found()["stores"]
    assert stores.state == "missing"
    assert stores.found == "0 videos of 0 datasets, 0 set aside; absent: summe"
    assert stores.command == "snakemake --cores all preprocess"


def test_an_open_set_is_there_once_its_videos_are_counted(project: Path) -> None:
    choose_paper(project)
    facts = params.load(project / "params.yaml").model_dump(mode="json")
    facts |= {"pretraining_set": "crowdsal", "audio_visual_sets": ["crowdsal"], "splits": [1]}
    files.write_json(project / "params.yaml", facts)
    raw = project / "data/raw/paper"
    for part in msu_files.parts("crowdsal"):
        if part != "Test/Fixations":  # such a part may not be published
            (raw / "crowdsal" / part).mkdir(parents=True)
    assert found()["raw: crowdsal"].state == "missing"
    seen = msu_survey.VideoFacts(video="0001", part="train", stamp="", paths=("a", "b", "c"))
    listed = msu_survey.FACTS.dump_python([seen], mode="json")
    files.write_json(raw / "lists/crowdsal.json", files.sealed({"videos": listed}))
    finding = found()["raw: crowdsal"]
    assert finding.state == "ready"
    assert finding.found == "5 in place, 1 not there; videos: 1"


def test_models_of_another_preset_are_named(project: Path) -> None:
    for name in ("pretrain", "v-split1", "av-split1"):
        folder = project / "data" / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.json").write_text('{"learnt_from": ["generated world"]}')
    assert found()["trained models"].state == "ready"
    choose_paper(project)
    models = found()["trained models"]
    assert models.state == "to come"
    assert models.found == "pretrain, v-split1, av-split1 of another preset's videos"


def test_wrong_parameters_are_a_finding(project: Path) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("preset: sample", "preset: both", 1))
    assert "preset: found 'both'" in found()["parameters"].found
    assert not examine.runnable(examine.examine(paths.current())[1])


def test_a_broken_mlflow_database_and_a_server_are_told_apart(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mlflow.db").write_text("not a database at all, although it bears the name")
    assert found()["MLflow"].state == "missing"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@example.org/mlflow")
    assert found()["MLflow"].found == "runs go to https://example.org/mlflow (not asked)"


def test_a_database_that_came_with_a_copied_workspace_is_named(project: Path) -> None:
    with closing(sqlite3.connect(project / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE runs (run_uuid TEXT)")
        columns = "experiment_id, name, artifact_location, lifecycle_stage"
        database.execute(f"CREATE TABLE experiments ({columns})")
        row = ("1", "avrsp", "file:///elsewhere/mlartifacts/1", "active")
        database.execute("INSERT INTO experiments VALUES (?, ?, ?, ?)", row)
    finding = found()["MLflow"]
    assert finding.state == "missing"
    assert "keeps its files in /elsewhere/mlartifacts/1" in finding.found
    assert finding.command == f"mv {project / 'mlflow.db'} {project / 'mlflow.db'}.moved"
    with closing(sqlite3.connect(project / "mlflow.db")) as database, database:
        database.execute("UPDATE experiments SET lifecycle_stage = 'deleted'")
    assert "mlflow experiments restore --experiment-id 1" in str(found()["MLflow"].command)


def test_a_torch_for_cpus_beside_a_gpu_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computer, "_cards", lambda: ["NVIDIA H100, 81559 MiB"])
    monkeypatch.setattr(computer, "_torch", lambda: "2.13.0+cpu")
    presets = params.load(project / "params.yaml").presets
    on_cpu = computer.gpu(presets.sample.compute, "sample")
    assert on_cpu.state == "to come"
    assert "NVIDIA H100, 81559 MiB, but torch 2.13.0+cpu" in on_cpu.found
    assert computer.gpu(presets.paper.compute, "paper").state == "missing"
    monkeypatch.setattr(computer, "_torch", lambda: "2.13.0")
    assert computer.gpu(presets.paper.compute, "paper").state == "ready"


def test_the_columns_are_aligned(project: Path) -> None:
    subject, findings = examine.examine(paths.current())
    lines = click.unstyle(examine.as_text(paths.current(), subject, findings)).splitlines()
    assert lines[0] == f"avrsp doctor: preset sample, fusion ravf, {project}"
    shown = [line for line in lines if line.startswith(("✓", "·", "✗"))]
    starts = {line.index(finding.found) for line, finding in zip(shown, findings, strict=True)}
    assert len(starts) == 1


def test_the_command_imports_nothing_that_takes_seconds(project: Path) -> None:
    slow = {"torch", "mlflow", "dvc", "requests", "librosa", "numba", "snakemake", "matplotlib"}
    code = (
        "import sys\nfrom avrsp.cli import commands\n"
        "try:\n    commands(['doctor', '--json'])\nfinally:\n"
        f"    sys.stderr.write(str({slow} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False
    )
    content = json.loads(done.stdout)
    assert done.returncode == (0 if content["runnable"] else 1)
    assert content["next"] == "dvc repro"
    assert {"name", "state", "found", "command"} == set(content["findings"][0])
    assert done.stderr == "set()"


def test_an_ffmpeg_that_cannot_read_what_it_wrote_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert computer.ffmpeg().state == "ready"
    real = shutil.which("ffmpeg")
    bin_ = project / "old"
    bin_.mkdir()
    program = bin_ / "ffmpeg"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *-version*) exec {real} "$@";; esac\n'
        'echo "Unrecognized option" >&2; exit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    found = computer.ffmpeg()
    assert found.state == "missing"
    assert "cannot write and read a clip" in found.found
