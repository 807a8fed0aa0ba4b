from __future__ import annotations

import errno
import os
import signal

import click
import pytest

from avrsp import cli
from avrsp.errors import AvrspError, StoreError, cleaned, exits_cleanly, one_line


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


def test_a_command_says_how_to_go_on_and_not_aborted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped() -> None:
        error = KeyboardInterrupt()
        error.add_note("7 frames are kept")
        raise error

    monkeypatch.setitem(cli.commands.commands, "stopped", click.command("stopped")(stopped))
    monkeypatch.setattr("sys.argv", ["avrsp", "stopped"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "avrsp: interrupted; 7 frames are kept\n"


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    @exits_cleanly
    def main() -> None:
        raise TypeError("a")

    with pytest.raises(TypeError):
        main()
    for defect in (ZeroDivisionError(), MemoryError(), OSError("without a number")):
        assert one_line(defect) is None
    assert issubclass(StoreError, AvrspError)


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_fault_of_the_system_is_one_line(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    @exits_cleanly
    def main() -> None:
        raise OSError(number, os.strerror(number), "data/a")

    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("avrsp: data/a: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_ended_cleans_up_as_ctrl_c_does(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    cleaned_up = []

    @exits_cleanly
    def main() -> None:
        try:
            signal.raise_signal(number)
        finally:
            cleaned_up.append(True)

    before = signal.signal(number, signal.SIG_DFL)  # the tests may run under nohup
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 128 + number
    assert cleaned_up
    assert capsys.readouterr().err == "avrsp: interrupted\n"
    signal.signal(number, before)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    exits_cleanly(lambda: signal.raise_signal(signal.SIGHUP))()
    assert signal.signal(signal.SIGHUP, before) == signal.SIG_IGN


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pass@host/x y", "http://host/x y"),
        ("http://user:p@ss@host:80/x", "http://host:80/x"),
        ("http://user:p/ss@host/x", "http://host/x"),
        ("at http://host:80/a@b", "at http://host:80/a@b"),
        ("https://host/x?token=abc&a=1", "https://host/x?token=...&a=1"),
        ("a\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07b", "ared b"),
        ("two\nlines\r\tand a tab", "two lines and a tab"),
        ("\u202egpj.exe\x9b2J", "gpj.exe2J"),
        ("Überlegung 注視.mp4", "Überlegung 注視.mp4"),
    ],
)
def test_no_password_and_no_control_sequence_is_shown(text: str, shown: str) -> None:
    assert cleaned(text) == shown
    assert one_line(AvrspError(text)) == shown
