"""A DVC that was killed while it wrote its own files does not keep the next one from going on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.lock import make_lock

from avrsp.stages import recover

PIPELINE = """stages:
  first: {cmd: echo first >> ran && echo 1 > one, outs: [one]}
  second: {cmd: echo second >> ran && cp one two, deps: [one], outs: [two]}
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of git and DVC whose two stages have run, once it was committed."""
    root = tmp_path_factory.mktemp("repository")
    (root / ".avrsp").touch()
    (root / "dvc.yaml").write_text(PIPELINE)
    said(root, "git", "init", "-q")
    said(root, "dvc", "init", "-q")
    said(root, "dvc", "repro", "-q", "first")
    said(root, "git", "add", ".")
    said(root, "git", "-c", "user.name=a", "-c", "user.email=a@b.org", "commit", "-qm", "First")
    said(root, "dvc", "repro", "-q")
    return root


def called(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    bins = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    given = {**os.environ, "PATH": bins}
    return subprocess.run(command, cwd=root, env=given, capture_output=True, text=True, check=False)


def said(root: Path, *command: str) -> str:
    done = called(root, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


RECOVER = (sys.executable, "-m", "avrsp.stages.recover")


@pytest.mark.parametrize("torn", ["", "[]"])
def test_a_torn_list_of_locks_is_removed(repository: Path, torn: str) -> None:
    locks = repository / ".dvc/tmp/rwlock"
    locks.write_text(torn)
    (repository / "two").unlink()
    assert called(repository, "dvc", "repro", "-q").returncode  # what this is all about
    assert said(repository, *RECOVER).splitlines() == [
        ".dvc/tmp/rwlock: half-written by a DVC that was killed; removed"
    ]
    said(repository, "dvc", "repro", "-q")
    assert (repository / "two").exists()


def test_after_a_torn_lock_file_dvc_goes_on_without_running_a_stage_again(repository: Path) -> None:
    lock, ran = repository / "dvc.lock", repository / "ran"
    whole, before = lock.read_text(), ran.read_text()
    lock.write_text(whole[:12])
    assert called(repository, "dvc", "repro", "-q").returncode
    assert said(repository, *RECOVER).splitlines() == [
        "dvc.lock: half-written by a DVC that was killed; it is dvc.lock.torn now, "
        "and the last commit's is in its place"
    ]
    assert (repository / "dvc.lock.torn").read_text() == whole[:12]
    said(repository, "dvc", "repro", "-q")
    assert (lock.read_text(), ran.read_text()) == (whole, before)


def test_a_lock_file_is_torn_exactly_if_dvc_cannot_read_it(repository: Path) -> None:
    lock = repository / "dvc.lock"
    whole = lock.read_text()
    for cut in range(0, len(whole), len(whole) // 3):
        lock.write_text(whole[:cut])
        readable = called(repository, "dvc", "status").returncode == 0
        assert recover._is_whole(lock) == readable, cut
    lock.write_text(whole)


def test_what_is_whole_or_a_persons_to_decide_stays(repository: Path) -> None:
    lock, other = repository / "dvc.lock", repository / "workflow/methods/dvc.lock"
    whole = lock.read_text()
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text(f"<<<<<<< ours\n{whole}")
    assert said(repository, *RECOVER) == ""
    assert other.read_text() == f"<<<<<<< ours\n{whole}"
    other.write_text("schema")
    assert "workflow/methods/dvc.lock" in said(repository, *RECOVER)
    assert not other.exists()  # git has none to put in its place
    assert lock.read_text() == whole


def test_what_a_living_dvc_may_be_writing_is_left_alone(repository: Path) -> None:
    lock = repository / "dvc.lock"
    whole = lock.read_text()
    with make_lock(str(repository / ".dvc/tmp/lock")):
        lock.write_text(whole[:12])
        assert said(repository, *RECOVER) == ""
        assert lock.read_text() == whole[:12]
        lock.write_text(whole)
