from __future__ import annotations

import errno

import pytest

from avrsp.errors import AvrspError, StoreError, exits_cleanly, one_line


def test_an_error_of_ours_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    @exits_cleanly
    def main() -> None:
        raise StoreError("a.zip: found nothing,\n  expected a store")

    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == "avrsp: a.zip: found nothing, expected a store\n"


def test_a_read_only_disk_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @exits_cleanly
    def main() -> None:
        raise OSError(errno.EROFS, "Read-only file system", "data/a")

    with pytest.raises(SystemExit):
        main()
    assert "data/a: the disk is mounted read-only" in capsys.readouterr().err


def test_interruption_exits_as_shells_expect() -> None:
    @exits_cleanly
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    @exits_cleanly
    def main() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "a")

    with pytest.raises(FileNotFoundError):
        main()
    assert one_line(ZeroDivisionError()) is None
    assert issubclass(StoreError, AvrspError)
