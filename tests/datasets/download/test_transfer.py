"""Every fault of a server ends in the right bytes, or in one line that names the address."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avrsp.datasets.download.transfer import RoomError, TransferError, transfer
from tests.datasets.download.conftest import PATIENCE
from tests.datasets.download.server import Fault, Server

CONTENT = random.Random(1).randbytes(300_000)


@pytest.fixture
def address(server: Server) -> str:
    server.files["/x.tar.gz"] = CONTENT
    return f"{server.address}/x.tar.gz"


@pytest.mark.parametrize(
    "faults",
    [
        [],
        ["500", "500"],
        ["cut", "cut", "cut", "cut"],
        ["stall"],
        ["hang"],
        ["cut", "whole"],
        ["cut", "shifted"],
        ["cut", "500", "cut", "stall", "cut"],
    ],
)
def test_faults_that_pass_end_in_the_right_bytes(
    faults: list[Fault], server: Server, address: str, tmp_path: Path
) -> None:
    server.faults["/x.tar.gz"] = faults.copy()
    transfer(address, tmp_path / "deep" / "x.tar.gz", PATIENCE)
    assert (tmp_path / "deep" / "x.tar.gz").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.tar.gz"]
    assert not server.faults["/x.tar.gz"]


def test_a_cut_download_asks_for_the_rest_only(
    server: Server, address: str, tmp_path: Path
) -> None:
    server.faults["/x.tar.gz"] = ["cut", "cut"]
    transfer(address, tmp_path / "x", PATIENCE)
    assert [asked for _, asked in server.asked] == [None, "bytes=150000-", "bytes=225000-"]


@pytest.mark.parametrize(
    ("faults", "said", "asked"),
    [
        (["404"], "it answers 404", 1),
        (["page"], "a web page, not an archive", 1),
        (["500"] * 9, "it answers 500 Internal Server Error, 3 times in a row", 3),
        (["hang"] * 9, ": Read timed out. (read timeout=1.0), 3 times in a row", 3),
        (["stall"] + ["hang"] * 9, "timed out", 4),
    ],
)
def test_faults_that_stay_end_in_one_line(
    faults: list[Fault], said: str, asked: int, server: Server, address: str, tmp_path: Path
) -> None:
    server.faults["/x.tar.gz"] = faults
    with pytest.raises(TransferError) as failed:
        transfer(address, tmp_path / "x", PATIENCE)
    assert said in str(failed.value)
    assert str(failed.value).startswith(address)
    assert "\n" not in str(failed.value)
    assert len(server.asked) == asked
    assert not (tmp_path / "x").exists()


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match=r"127\.0\.0\.1:9.*refused"):
        transfer("http://127.0.0.1:9/x.tar.gz", tmp_path / "x", PATIENCE)


def test_a_file_that_changed_meanwhile_is_fetched_anew(
    server: Server, address: str, tmp_path: Path
) -> None:
    server.faults["/x.tar.gz"] = ["cut", "404"]
    with pytest.raises(TransferError):
        transfer(address, tmp_path / "x", PATIENCE)
    server.files["/x.tar.gz"], server.tag = CONTENT[::-1], '"two"'
    transfer(address, tmp_path / "x", PATIENCE)
    assert (tmp_path / "x").read_bytes() == CONTENT[::-1]


def test_a_password_is_not_shown(server: Server, tmp_path: Path) -> None:
    address = server.address.replace("//", "//me:secret@") + "/y?token=hidden"
    with pytest.raises(TransferError) as failed:
        transfer(address, tmp_path / "y", PATIENCE)
    assert str(failed.value) == f"{server.address}/y: it answers 404 Not Found"


def test_a_password_comes_from_netrc(
    server: Server, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    transfer(address, tmp_path / "x", PATIENCE)
    assert server.authorised == [f"Basic {base64.b64encode(b'me:secret').decode()}"]


def test_too_little_room_is_said_before_anything_comes(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 599_999})())
    with pytest.raises(RoomError, match=r"needs 0\.0 GB"):
        transfer(address, tmp_path / "x", PATIENCE)
    assert not (tmp_path / "x.part").exists()


def test_a_killed_download_goes_on_and_ends_with_the_same_bytes(
    server: Server, address: str, tmp_path: Path
) -> None:
    server.faults["/x.tar.gz"] = ["stall"]
    code = (
        "import sys; from pathlib import Path; from avrsp.datasets.download.transfer import *;"
        "transfer(sys.argv[1], Path(sys.argv[2]), Patience())"
    )
    with subprocess.Popen([sys.executable, "-c", code, address, tmp_path / "x"]) as process:
        part = tmp_path / "x.part"
        until = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert 0 < part.stat().st_size < len(CONTENT)
    transfer(address, tmp_path / "x", PATIENCE)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=150000-"
