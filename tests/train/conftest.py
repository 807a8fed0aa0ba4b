"""A training that was asked to stop leaves its signal handlers; the tests' process goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from avrsp.train.signals import ASKED


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in ASKED}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)
