"""Pictures are the same bytes, whichever process draws them."""

from __future__ import annotations

from functools import partial

import pytest
from matplotlib.figure import Figure

from avrsp.errors import AvrspError
from avrsp.report.drawing import drawing_elsewhere, render
from avrsp.report.palette import DARK, LIGHT, Theme


def line(points: list[int], theme: Theme) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().plot(points, color=theme.ink)
    return figure


def fault(theme: Theme) -> Figure:
    raise AvrspError(f"no picture on {theme.ground}")


def test_other_processes_draw_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avrsp.report.drawing.DPI", 120)  # which other tests lower, here only
    here = render(partial(line, [1, 3, 2]))
    with drawing_elsewhere(2):
        there, other = render(partial(line, [1, 3, 2])), render(partial(line, [3, 1, 2]))
        found = [(each.light, each.dark, each.vector) for each in (here, there, other)]
    assert found[0] == found[1]
    assert not {*found[0]} & {*found[2]}
    assert found[0][0][1:4] == found[0][1][1:4] == b"PNG"
    assert found[0][2].startswith(b"%PDF")
    assert found[0][0] != found[0][1]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_fails_there_is_said_here(workers: int) -> None:
    with (
        pytest.raises(AvrspError, match=f"no picture on ({LIGHT.ground}|{DARK.ground})"),
        drawing_elsewhere(workers),
    ):
        assert render(fault).light
