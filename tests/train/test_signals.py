"""The first signal waits to be noticed; of later ones only a person's Ctrl-C ends at once."""

from __future__ import annotations

import signal

import pytest

from avrsp.train import signals
from avrsp.train.signals import noticing


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second signal comes too late to be the echo of the first."""
    monkeypatch.setattr(signals, "ECHO_SECONDS", -1.0)


def test_where_no_signal_came_the_handlers_come_back() -> None:
    before = [signal.getsignal(each) for each in signals.ASKED]
    with noticing() as asked:
        assert not asked()
        assert [signal.getsignal(each) for each in signals.ASKED] != before
    assert [signal.getsignal(each) for each in signals.ASKED] == before


def test_an_echo_is_no_second_request() -> None:
    with noticing() as asked:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert asked()


@pytest.mark.usefixtures("late")
def test_a_later_ctrl_c_interrupts_at_once() -> None:
    # A shell's job in the background starts with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), noticing():
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("late")
def test_sigterm_however_late_interrupts_neither_saving_nor_what_follows() -> None:
    with noticing() as asked:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert asked()
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("late")
def test_what_a_launcher_repeats_late_interrupts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signals.LAUNCHED, "1")
    with noticing() as asked:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert asked()
    signal.raise_signal(signal.SIGINT)
