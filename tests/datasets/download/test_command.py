"""`avrsp download`, as people type it; and killed, wherever it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from avrsp.cli import commands, main
from avrsp.datasets import pins
from avrsp.datasets.download import outcome
from tests.datasets.download.conftest import TREES, VIDEOS, packed, tree_of
from tests.datasets.download.server import Server

SHEET = "video\tframes\tfps\tsplit\nclip1\t9\t25\ttrain\nclip2\t9\t25\ttest\n"


@pytest.fixture
def project(workspace: Path, server: Server) -> Path:
    """A workspace whose mirror is the server, with a sheet of Coutrot 2 only."""
    params = workspace / "params.yaml"
    mirrors = f'mirrors: ["{server.address}"]'
    params.write_text(params.read_text().replace("mirrors: null", mirrors, 1))
    (workspace / "data" / "sheets").mkdir(parents=True)
    (workspace / "data" / "sheets" / "coutrot2.tsv").write_text(SHEET)
    return workspace


def download(*words: str) -> Result:
    return CliRunner().invoke(commands, ["download", *words])


def test_it_brings_what_is_named_and_says_so(project: Path) -> None:
    done = download("coutrot2")
    assert done.exit_code == 0
    assert "Licence: none stated" in done.stderr
    found = outcome.read(outcome.place(project / "data/raw/paper", "coutrot2"))
    assert found is not None
    assert found.present


def test_an_absent_dataset_is_one_line_and_exit_code_1(project: Path, server: Server) -> None:
    server.files.clear()
    done = download("coutrot2")
    assert done.exit_code == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("avrsp: ")]
    assert len(lines) == 1
    assert lines[0].startswith("avrsp: coutrot2 is absent: ")
    assert project.exists()


def test_an_archive_of_another_content_is_taken_when_told_so(project: Path, server: Server) -> None:
    download("coutrot2")
    name = "annotations/Coutrot_db2.tar.gz"
    (project / "data/raw/paper/mirror/annotations/Coutrot_db2").rename(project / "old")
    server.files[f"/{name}"] = packed({"Coutrot_db2/clip1/other": b"content"})
    assert download("coutrot2").exit_code == 1
    raw = project / "data/raw/paper"
    before = pins.read(raw)[name]
    assert download("coutrot2", "--accept-new", name).exit_code == 0
    assert pins.read(raw)[name] != before


def test_an_unknown_archive_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["avrsp", "download", "--accept-new", "DIEM"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "avrsp: DIEM: no such archive; noted are: none yet" in capsys.readouterr().err
    assert project.exists()


@pytest.mark.slow
def test_killed_wherever_it_is_it_ends_with_the_same_bytes(project: Path, server: Server) -> None:
    for tree in TREES:
        many = {f"Coutrot_db2/{v}/{n}": os.urandom(20_000) for v in VIDEOS for n in range(1_000)}
        server.files[f"/{tree}/Coutrot_db2.tar.gz"] = packed(many)
    raw = project / "data/raw/paper"
    download("coutrot2")
    undisturbed = tree_of(raw / "mirror"), pins.place(raw).read_bytes()
    (raw / "mirror").rename(project / "elsewhere")
    pins.place(raw).unlink()
    command = [sys.executable, "-m", "avrsp", "download", "coutrot2"]
    for moment in range(6):
        with subprocess.Popen(command, cwd=project, stderr=subprocess.DEVNULL) as process:
            until = time.monotonic() + 60
            while not any(raw.rglob("*Coutrot_db2*")) and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(0.15 * moment)
            process.send_signal(signal.SIGKILL)
    assert download("coutrot2").exit_code == 0
    assert (tree_of(raw / "mirror"), pins.place(raw).read_bytes()) == undisturbed
    assert not list(raw.rglob(".tmp-*")) + list(raw.rglob("*.part*"))
