from __future__ import annotations

import pytest

from avrsp import progress


def test_a_log_gets_plain_lines_with_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    assert list(progress.track(range(4), total=4, label="predict")) == [0, 1, 2, 3]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("predict: 2 of 4 frames, ")
    assert lines[0].endswith(" s left")
    assert lines[-1].startswith("predict: 4 of 4 frames, ")
    assert "\r" not in "".join(lines)


def test_an_unknown_total_is_not_invented(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.track(iter("ab"), total=None, label="read", unit="clip")) == ["a", "b"]
    assert capsys.readouterr().err.startswith("read: 2 clips, ")


def test_a_program_says_how_long_it_took(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([100.0, 160.4])
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    monkeypatch.setattr("sys.argv", ["/a/finetune.py", "--split", "1"])
    progress.timed(lambda: None)()
    assert capsys.readouterr().err == "finetune --split 1: took 60 s\n"
