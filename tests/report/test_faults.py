"""What a page says of what could not be evaluated."""

from __future__ import annotations

from avrsp.report.page import BulletPoints, Folded, Notice, not_evaluated


def test_few_faults_are_seen_and_many_are_folded() -> None:
    assert not_evaluated(()) == ()
    few = not_evaluated(["one", "two"])
    assert [type(each) for each in few] == [Notice, BulletPoints]
    notice, folded = not_evaluated([f"fault {number}" for number in range(5)])
    assert isinstance(notice, Notice)
    assert isinstance(folded, Folded)
    (lines,) = folded.blocks
    assert isinstance(lines, BulletPoints)
    assert len(lines.items) == 5
