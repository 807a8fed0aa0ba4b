"""The first signal waits to be noticed, with what a launcher repeats; a later one ends at once."""

from __future__ import annotations

import signal

import pytest

from avrsp.engine import signals
from avrsp.engine.signals import noticing


def test_a_signal_is_noticed_and_the_handlers_come_back() -> None:
    before = [signal.getsignal(each) for each in signals.ASKED]
    with noticing() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # at once, from the launcher
        assert asked()
    assert [signal.getsignal(each) for each in signals.ASKED] == before


def test_a_later_signal_interrupts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "ECHO_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt), noticing():
        signal.raise_signal(signal.SIGINT)
