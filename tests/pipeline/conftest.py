"""A clone of this checkout with parameters of its own, in which the real commands run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml  # noqa: TID251 - tests write parameter files

REPOSITORY = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]

TINY_WORLD = {
    "height": 96,
    "width": 128,
    "frames": [20, 26],
    "videos": {"diem": 3, "coutrot1": 3, "coutrot2": 3, "avad": 3, "etmd": 3, "summe": 3},
    "unheard": {"height": 72, "train": 2, "validation": 1, "test": 1},
}
BRIEF = {"epochs": 2, "clips_per_video": 1, "validation_clips": 1}
TINY_SAMPLE: dict[str, dict[str, Any]] = {
    "clip": {"length": 8, "height": 32, "width": 32},
    "encoder": {"width": 0.0625},
    "pretrain": BRIEF,
    "finetune": BRIEF,
}


def tracked() -> list[str]:
    """Files that git tracks or would track: what a clone of this state would hold."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listing.stdout.splitlines() if (REPOSITORY / name).is_file()]


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone, one for each test module."""
    return cloned(tmp_path_factory.mktemp("clone"))


def cloned(folder: Path) -> Path:
    """Make `folder` a fresh clone."""
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, folder / name)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    return folder


@pytest.fixture(scope="module")
def run(clone: Path) -> Run:
    """Run a command in the clone with this environment's programs and one thread."""
    return running_in(clone)


def running_in(clone: Path) -> Run:
    """Return what runs a command in `clone`."""

    def command(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(clone),
            "DVC_NO_ANALYTICS": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        environment.pop("DVC_ROOT", None)
        done = subprocess.run(
            words, cwd=clone, env=environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    return command


def shrink(folder: Path, **sections: dict[str, Any]) -> None:
    """Give the clone's sample preset a smaller world and fewer epochs."""
    file = folder / "params.yaml"
    content = yaml.safe_load(file.read_text())
    content["world"].update(sections.get("world", {}))
    for name, values in sections.get("sample", {}).items():
        content["presets"]["sample"][name].update(values)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Use a smaller world")
