"""What is said of the checkout that a run was made in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from avrsp.stages.checkout import commit, commit_tags, repository


def git(*words: str) -> str:
    named = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *named, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_is_known_from_the_first_one_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert (commit(), commit_tags(), repository()) == ("", {}, "")
    git("init", "-q")
    assert (commit(), commit_tags()) == ("", {})  # git answers HEAD and fails
    Path("file").write_text("a")
    git("add", "file")
    git("commit", "-q", "-m", "First")
    head = git("rev-parse", "HEAD")
    assert commit() == head
    assert commit_tags() == {"mlflow.source.git.commit": head, "git.dirty": "false"}
    Path("file").write_text("b")
    assert commit_tags()["git.dirty"] == "true"


def test_an_address_leaves_out_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("remote", "add", "origin", "https://someone:secret@example.org/lab/avrsp.git")
    assert repository() == "https://example.org/lab/avrsp"
