"""What people really bring, and what is made to do harm: read right, or refused in one line."""

from __future__ import annotations

import gzip
import io
import math
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from avrsp.datasets.download import fetch, outcome
from avrsp.datasets.download.archives import Limits, unpack
from avrsp.datasets.download.fetch import Means, secured
from avrsp.errors import RawDataError, one_line
from tests.datasets.download.conftest import PATIENCE, TREES, VIDEOS, archive, means, packed
from tests.datasets.download.server import Server


def zip_of(
    *entries: tuple[zipfile.ZipInfo | str, bytes], method: int = zipfile.ZIP_STORED
) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, content in entries:
            made.writestr(name, content)
    return stream.getvalue()


def month_zero() -> bytes:
    made = bytearray(zip_of(("a/b.jpg", b"x")))
    for mark, place in ((b"PK\x03\x04", 12), (b"PK\x01\x02", 14)):
        made[made.index(mark) + place : made.index(mark) + place + 2] = bytes(2)
    return bytes(made)


def windows() -> bytes:
    entry = zipfile.ZipInfo("a\\b.jpg")
    entry.create_system, entry.filename = 0, "a\\b.jpg"
    return zip_of((entry, b"x"))


def tar_with(name: str = "a/b.jpg", **headers: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(name)
        member.size, member.pax_headers = 1, dict(headers)
        tar.addfile(member, io.BytesIO(b"x"))
    return stream.getvalue()


TAKEN: dict[str, Callable[[], bytes]] = {
    "month zero": month_zero,
    "Windows": windows,
    "macOS": lambda: zip_of(
        ("a/b.jpg", b"x"), ("a/._b.jpg", b"?"), ("__MACOSX/a/._b.jpg", b"?"), (".DS_Store", b"?")
    ),
    "a large hidden file": lambda: packed({"a/._b.jpg": bytes(9_000_000), "a/b.jpg": b"x"}, "w"),
    "no number": lambda: tar_with(mtime="nan"),
    "endless": lambda: tar_with(mtime="inf"),
    "before 1970": lambda: tar_with(mtime="-1e300"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_odd_archives_are_read(kind: str, tmp_path: Path) -> None:
    path, folder = tmp_path / "x", tmp_path / "out"
    path.write_bytes(TAKEN[kind]())
    folder.mkdir()
    unpack(path, folder, Limits())
    assert [each.relative_to(folder).as_posix() for each in folder.rglob("*.*")] == ["a/b.jpg"]
    assert math.isfinite((folder / "a" / "b.jpg").stat().st_mtime)


def header_bomb(kind: bytes) -> bytes:
    """Return a tar.gz of some kilobytes, a header of which takes 200 MB."""
    member = tarfile.TarInfo("././@Header")
    member.type, member.size = kind, 200_000_000
    head = member.tobuf(tarfile.GNU_FORMAT)
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=9) as zipped:
        zipped.write(head)
        for _ in range(200):
            zipped.write(bytes(1_000_000))
    return stream.getvalue()


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "pax header": (lambda: header_bomb(tarfile.XHDTYPE), "header is far too long"),
    "global header": (lambda: header_bomb(tarfile.XGLTYPE), "header is far too long"),
    "long name": (lambda: header_bomb(tarfile.GNUTYPE_LONGNAME), "header is far too long"),
    "LZMA": (lambda: zip_of(("a", b"x"), method=zipfile.ZIP_LZMA), "compressed by method 14"),
    "bzip2": (lambda: zip_of(("a", b"x"), method=zipfile.ZIP_BZIP2), "compressed by method 12"),
    "empty": (lambda: b"", "empty"),
    "name": (lambda: tar_with(name=f"{'x' * 300}/a"), "too long for this disk"),
    "sparse": (
        lambda: tar_with(**{"GNU.sparse.map": "one,two", "GNU.sparse.size": "9"}),
        "damaged",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_harm_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    path, folder = tmp_path / "x", tmp_path / "out"
    path.write_bytes(REFUSED[kind][0]())
    folder.mkdir()
    with pytest.raises(RawDataError, match=REFUSED[kind][1]) as refused:
        unpack(path, folder, Limits())
    assert one_line(refused.value) == str(refused.value)


@pytest.fixture
def raw(workspace: Path) -> Path:
    return workspace / "data" / "raw" / "paper"


@pytest.fixture
def incoming(workspace: Path) -> Path:
    return workspace / "data" / "raw" / "incoming"


def lines_of(raw: Path, dataset: str, videos: tuple[str, ...], given: Means) -> list[str]:
    return fetch.bring(dataset, raw, videos, given, outcome.place(raw, dataset))[1]


def test_a_set_brought_by_halves_is_counted(raw: Path, incoming: Path) -> None:
    for tree in TREES:
        (incoming / tree / "Coutrot_db2" / "clip1").mkdir(parents=True)
    lines = lines_of(raw, "coutrot2", VIDEOS, means())
    assert [line.partition(";")[0] for line in lines] == [
        f"coutrot2: {tree}/Coutrot_db2 has something for 1 of 2 videos" for tree in TREES
    ]


@pytest.mark.parametrize(("film", "annotation"), [("601.AVI", "0601"), ("0601.avi", "601")])
def test_numbers_may_have_any_zeros(raw: Path, incoming: Path, film: str, annotation: str) -> None:
    (incoming / "dhf1k" / "annotation" / annotation).mkdir(parents=True)
    (incoming / "dhf1k" / "video").mkdir()
    (incoming / "dhf1k" / "video" / film).touch()
    assert lines_of(raw, "dhf1k", ("601",), means()) == []
    assert lines_of(raw, "dhf1k", ("601", "602"), means())[0].startswith(
        "dhf1k: dhf1k/video has something for 1 of 2 videos"
    )


@pytest.mark.parametrize("name", ["Coutrot_db2.ZIP", "coutrot_db2.zip"])
def test_upper_and_lower_case_are_one(raw: Path, incoming: Path, name: str) -> None:
    for tree in TREES:
        (incoming / tree).mkdir(parents=True)
        content = zip_of(*((f"{video}/{tree}", b"x") for video in VIDEOS))
        (incoming / tree / name).write_bytes(content)
    assert lines_of(raw, "coutrot2", VIDEOS, means()) == []


def test_another_kind_of_archive_is_named(raw: Path, incoming: Path) -> None:
    for tree in TREES:
        (incoming / tree).mkdir(parents=True)
        (incoming / tree / "Coutrot_db2.7z").write_bytes(b"7z")
    (line,) = lines_of(raw, "coutrot2", VIDEOS, means())
    assert "Coutrot_db2.7z is none of these" in line


def test_an_empty_archive_is_one_line(raw: Path, incoming: Path) -> None:
    for tree in TREES:
        (incoming / tree).mkdir(parents=True)
        (incoming / tree / "Coutrot_db2.zip").touch()
    (line,) = lines_of(raw, "coutrot2", VIDEOS, means())
    assert line.count("it is empty (0 bytes)") == 3


def test_https_is_asked_first_and_a_first_download_says_that_nothing_vouches(
    server: Server, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert secured(["http://a/x", "https://a/x", "file:///x"]) == [
        "https://a/x", "http://a/x", "file:///x"
    ]  # fmt: skip
    assert lines_of(raw, "coutrot2", VIDEOS, means(server.address)) == []
    said = capsys.readouterr().err
    assert said.index("https://127.0.0.1") < said.index("nothing vouches for it")
    assert said.count("nothing vouches for it") == 3


def test_a_host_that_is_not_known_is_asked_once(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = Means(("http://no-such-host.invalid",), PATIENCE, Limits())
    (line,) = lines_of(raw, "coutrot2", VIDEOS, given)
    assert line.count("its host is not known") == 1
    assert "trying again" not in capsys.readouterr().err


def test_no_password_and_no_control_sequence_is_shown_or_kept(
    server: Server, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files[f"/{TREES[0]}/Coutrot_db2.tar.gz"] = b"\x1b[31m?"
    address = server.address.replace("://", "://user:s3cr3t@")
    lines = lines_of(raw, "coutrot2", VIDEOS, means(f"{address}/b", address))
    shown = capsys.readouterr().err + "".join(lines)
    kept = "".join(path.read_text() for path in raw.rglob("*.json"))
    assert "s3cr3t" not in shown + kept
    assert "\x1b" not in shown + kept
    assert archive(TREES[1])


def test_the_flag_of_a_folder_is_its_name(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("a\\")
    entry.create_system, entry.filename, entry.external_attr = 0, "a\\", stat.S_IFREG << 16
    (tmp_path / "x").write_bytes(zip_of((entry, b""), ("a/b", b"x")))
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "x", tmp_path / "out", Limits())
    assert (tmp_path / "out" / "a" / "b").read_bytes() == b"x"
