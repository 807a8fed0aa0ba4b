from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from avrsp import files
from avrsp.errors import WriteError, one_line


def test_a_write_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "a.json"
    files.write_json(target, {"b": 1, "a": [1.5]})
    files.write_json(target, {"a": 2})
    assert target.read_text() == '{\n  "a": 2\n}\n'
    assert [path.name for path in target.parent.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    files.write_text(target, "old")
    with pytest.raises(KeyboardInterrupt), files.replacing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_write_leaves_no_folder_that_was_made_for_it(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for target in (tmp_path / "there" / "a.txt", tmp_path / "new" / "below" / "a.txt"):
        with pytest.raises(KeyboardInterrupt), files.replacing(target):
            raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / "new" / "b.txt"):
        files.write_text(tmp_path / "new" / "c.txt", "another one's")
        raise KeyboardInterrupt
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["c.txt"]


def test_the_temporary_name_keeps_the_suffixes(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "v.zarr.zip") as temporary:
        assert temporary.name.endswith("v.zarr.zip")
        assert temporary.parent == tmp_path


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import os, pathlib, signal, sys
        from avrsp.files import replacing
        with replacing(pathlib.Path(sys.argv[1])) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    target = tmp_path / "a[1].txt"  # brackets are glob characters
    done = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    assert not target.exists()
    files.write_text(target, "whole")
    assert list(tmp_path.iterdir()) == [target]


def test_nan_is_refused_in_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"cc": float("nan")})
    assert not list(tmp_path.iterdir())


def test_files_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a", "a")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_digest_depends_on_names_and_contents_not_on_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    assert files.sha256(one) == hashlib.sha256(b"1").hexdigest()
    before = files.digest([one, two])
    assert files.digest([two, one]) == before
    two.write_text("3")
    assert files.digest([one, two]) != before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(OSError, match="No space left") as error:
        Path("/dev/full").write_text("a")
    assert error.value.errno == errno.ENOSPC
    assert "free some space" in str(one_line(error.value))


@pytest.mark.parametrize("call", ["fsync", "replace", "open", "mkdir"])
@pytest.mark.parametrize(
    "number", [errno.ENOENT, errno.EINVAL, errno.ESTALE, errno.EIO, errno.EXDEV]
)
def test_every_refusal_to_write_is_one_line_and_keeps_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    path = tmp_path / "file.txt"
    files.write_text(path, "former")

    def refusing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        target: object = os if call == "fsync" else Path
        broken.setattr(target, call, refusing)
        with pytest.raises(WriteError) as caught:
            files.write_text(path, "new")
    assert caught.value.errno == number
    assert str(one_line(caught.value)).startswith(f"{path}: not written: ")
    assert path.read_text() == "former"
    assert [each.name for each in tmp_path.iterdir()] == ["file.txt"]


def test_a_name_as_long_as_the_disk_allows_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 242}.zarr.zip"
    files.write_text(path, "content")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_sealed_file_is_taken_as_it_was_written_or_not_at_all(tmp_path: Path) -> None:
    facts = {"fps": 30_000 / 1001, "roles": {"1": "train", "3": "test"}, "notes": ["Überlegung"]}
    files.write_json(tmp_path / "a.json", files.sealed(facts))
    content = (tmp_path / "a.json").read_bytes()
    assert files.unsealed(content) == facts
    assert files.unsealed(b'{"fps": 25}') == {"fps": 25}
    for changed in (
        content.replace(b'"1"', b'"3"'),
        content.replace(b"train", b"test"),
        content.replace(b"29.", b"28."),
        content[:-3],
        b"[" * 100_000,
        b"\xff",
    ):
        with pytest.raises(ValueError, match=r"."):
            files.unsealed(changed)
