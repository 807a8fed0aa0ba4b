"""Archives from anywhere: files and folders come out, nothing else, and nothing lies outside."""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from avrsp.datasets.download.archives import Limits, unpack
from avrsp.errors import RawDataError
from tests.datasets.download.conftest import packed, tree_of

FILES = {"DIEM/a/img_00001.jpg": b"one" * 99, "DIEM/b/img_00001.jpg": b"two", "DIEM/c": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "inner" / "out"
    made.mkdir(parents=True)
    return made


def zipped(path: Path, *entries: tuple[str, bytes, int]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name, (2001, 9, 9, 1, 46, 40))
            info.external_attr = mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def tarred(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for field, value in fields.items():
        setattr(made, field, value)
    return made


@pytest.mark.parametrize("kind", ["tar.gz", "tar", "zip"])
def test_files_come_out_with_their_times(kind: str, tmp_path: Path, folder: Path) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        zipped(path, *((name, content, stat.S_IFREG | 0o644) for name, content in FILES.items()))
    else:
        path.write_bytes(packed(FILES, "w" if kind == "tar" else "w:gz"))
    unpack(path, folder, Limits())
    assert tree_of(folder) == {name: (content, 1_000_000_000.0) for name, content in FILES.items()}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (member("../escaped", size=3), "'../escaped' would lie outside"),
        (member("a/../../escaped", size=3), "would lie outside"),
        (member("/tmp/escaped-from-avrsp", size=3), "would lie outside"),
        (member("..\\escaped", size=3), "would lie outside"),
        (member("a", tarfile.SYMTYPE, linkname="/etc"), "'a' is a link"),
        (member("a", tarfile.LNKTYPE, linkname="../../secret"), "'a' is a link"),
        (member("a", tarfile.CHRTYPE, devmajor=1, devminor=3), "'a' is a device"),
        (member("a", tarfile.BLKTYPE), "'a' is a device"),
        (member("a", tarfile.FIFOTYPE), "'a' is a device"),
    ],
)
def test_what_is_no_file_inside_is_refused_and_named(
    entry: tarfile.TarInfo, said: str, tmp_path: Path, folder: Path
) -> None:
    path = tarred(tmp_path / "evil.tar.gz", member("good", size=2), entry)
    (tmp_path / "secret").write_text("untouched")
    with pytest.raises(RawDataError, match=r"evil\.tar\.gz: not unpacked") as refused:
        unpack(path, folder, Limits())
    assert said in str(refused.value)
    outside = {path.name for path in tmp_path.rglob("*")} - {path.name for path in folder.iterdir()}
    assert outside == {"evil.tar.gz", "secret", "inner", "out"}
    assert not Path("/tmp/escaped-from-avrsp").exists()
    assert (tmp_path / "secret").read_text() == "untouched"


def test_a_file_is_not_written_through_a_link_of_the_archive(tmp_path: Path, folder: Path) -> None:
    link = member("a", tarfile.SYMTYPE, linkname=str(tmp_path))
    with pytest.raises(RawDataError, match="is a link"):
        unpack(tarred(tmp_path / "x.tar.gz", link, member("a/b", size=1)), folder, Limits())
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("name", "mode", "said"),
    [
        ("../escaped", stat.S_IFREG, "would lie outside"),
        ("/escaped-from-avrsp", stat.S_IFREG, "would lie outside"),
        ("a", stat.S_IFLNK, "is a link"),
        ("a", stat.S_IFCHR, "is a device"),
    ],
)
def test_zip_files_are_held_to_the_same_rules(
    name: str, mode: int, said: str, tmp_path: Path, folder: Path
) -> None:
    with pytest.raises(RawDataError, match=said):
        unpack(zipped(tmp_path / "x.zip", (name, b"/etc", mode)), folder, Limits())
    assert not any(folder.iterdir())
    assert not (tmp_path / "inner" / "escaped").exists()


def test_the_same_file_twice_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(RawDataError, match="'a' is there twice"):
        unpack(tarred(tmp_path / "x.tar.gz", member("a"), member("a")), folder, Limits())
    with pytest.raises(RawDataError, match="'a/b' is there twice"):
        unpack(tarred(tmp_path / "y.tar.gz", member("a/b"), member("a/b/c")), folder, Limits())


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_bomb_is_stopped_early(kind: str, tmp_path: Path, folder: Path) -> None:
    count = 30_000_000
    if kind == "zip":
        path = zipped(tmp_path / "bomb.zip", ("zeros", bytes(count), stat.S_IFREG))
    else:
        path = tarred(tmp_path / "bomb.tar.gz", member("zeros", size=count))
    with pytest.raises(RawDataError, match="as a bomb would"):
        unpack(path, folder, Limits())
    assert (folder / "zeros").stat().st_size < count / 3


def test_too_many_entries_are_refused(tmp_path: Path, folder: Path) -> None:
    path = tarred(tmp_path / "x.tar.gz", *(member(f"{number}") for number in range(9)))
    with pytest.raises(RawDataError, match="as a bomb would"):
        unpack(path, folder, Limits(count=5))


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "harm", [flipped, lambda c: c[:-1], lambda c: c[: len(c) // 2], lambda _: b"", lambda _: b"PK?"]
)
def test_a_damaged_archive_is_named(
    harm: Callable[[bytes], bytes], tmp_path: Path, folder: Path
) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(harm(packed({f"{number}": bytes(range(99)) for number in range(50)})))
    with pytest.raises(RawDataError, match=r"x\.tar\.gz: (damaged|not unpacked)"):
        unpack(path, folder, Limits())


def test_a_header_damaged_in_the_middle_does_not_pass_for_the_end(
    tmp_path: Path, folder: Path
) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(100):
            tar.addfile(member(f"{number}", size=600), io.BytesIO(bytes(range(200)) * 3))
    with path.open("r+b") as stream:
        stream.seek(20 * 1536 + 148)
        stream.write(b"broken")
    with pytest.raises(RawDataError, match="damaged"):
        unpack(path, folder, Limits())


def test_rar_without_bsdtar_says_what_to_install(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "annotation.rar").write_bytes(b"Rar!\x1a\x07\x01\x00")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(
        RawDataError, match=r"libarchive-tools.*unpack it by hand to .*/annotation$"
    ):
        unpack(tmp_path / "annotation.rar", folder, Limits())


def test_rar_comes_through_bsdtar_as_a_tar_stream(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "annotation.rar"
    path.write_bytes(b"Rar!\x1a\x07\x01\x00")
    (tmp_path / "annotation.rar.gz").write_bytes(packed(FILES))
    program = tmp_path / "bsdtar"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec gzip -dc "${last#@}.gz"\n')
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    unpack(path, folder, Limits(ratio=2_000))
    assert set(tree_of(folder)) == set(FILES)
    program.write_text("#!/bin/sh\necho bad volume >&2\nexit 1\n")
    with pytest.raises(RawDataError, match=r"annotation\.rar: (damaged|.*bad volume)"):
        unpack(path, folder, Limits())
