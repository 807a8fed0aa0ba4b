"""The section on other sounds, from a made-up outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from avrsp.evaluate.score_table import write_frames
from avrsp.report import texts
from avrsp.report.about import About
from avrsp.report.build_report import write_report
from avrsp.report.formats import grids_to_markdown
from avrsp.report.inputs import Inputs, ReportPlaces, gather
from avrsp.report.page import Chart, Folded, Grid, Notice, Prose, every
from avrsp.report.reliance_section import grids, reliance

pytestmark = pytest.mark.usefixtures("small_pictures")

DIEM = "DIEM (generated)"
GAP = {"difference": 0.2, "low": 0.1, "high": 0.3, "p": 0.004, "videos": 3}
NOTHING = {"difference": 0.0, "low": None, "high": None, "p": None, "videos": 1}
OUTCOME = {
    "sentence": "This model uses the sound: it does.",
    "statements": [
        {"clips": "sounding", "text": "cC of AV", "measured": "0.200", "count": 3, "bar": "+0.15",
         "held": True},
        {"clips": "music", "text": "x", "measured": "not run", "count": 0, "bar": "", "held": None},
    ],
    "groups": [
        {"by": "dataset", "name": "diem", "videos": 3, "sounds": {
            "true": {"cc": 0.7, "maps_cc": 1.0},
            "other": {"cc": 0.5, "maps_cc": 0.6, "cc_difference": GAP, "nss_difference": GAP}}},
        {"by": "kind", "name": "silent", "videos": 1, "sounds": {
            "true": {"cc": 0.7, "maps_cc": 1.0},
            "other": {"cc": None, "maps_cc": None, "cc_difference": NOTHING,
                      "nss_difference": NOTHING}}},
    ],
    "changes": [{"dataset": "diem", "video": "one", "change": 1.1, "frames": 5, "seconds": 0.2}],
    "faults": ["avad/V9_Broken: the store is gone"],
}  # fmt: skip


@pytest.fixture
def tried(finished: ReportPlaces, about: About, tmp_path: Path) -> Inputs:
    """The finished run, its models tried with other sounds; five frames of two videos."""
    places = replace(finished, reliance=tmp_path / "reliance", sounds=tmp_path / "reliance.json")
    places.sounds.write_text(json.dumps(OUTCOME))
    rows = []
    for video, kind, level in (("one", "sounding", 2.0), ("two", "music", 1.0)):
        rows += [
            {"dataset": "diem", "split": 1, "video": video, "frame": frame, "sound": "true",
             "kind": kind, "has_sound": True, "retention": level}
            for frame in range(0, 10, 2)
        ]  # fmt: skip
    write_frames(places.reliance / "rows.parquet", pd.DataFrame(rows), by=("dataset", "video"))
    return gather(places, about)


def test_the_section_answers_and_shows_its_numbers(tried: Inputs) -> None:
    blocks = [*every(reliance(tried).blocks)]
    assert blocks[0] == Prose("This model uses the sound: it does.")
    statements, scores, changes = (block for block in blocks if isinstance(block, Grid))
    assert Notice(texts.NO_HEARERS) in blocks
    assert [row[-1] for row in statements.rows] == ["yes", "not run"]
    assert scores.rows[0] == (DIEM, "3", "0.700", "n/a", "0.500", "n/a", "n/a")
    lost = "+0.200 (+0.100 to +0.300)"
    assert changes.rows[0] == (
        DIEM,
        "another clip's",
        lost,
        "0.004",
        "+0.20",
        "0.600",
    )
    assert changes.rows[1][2:] == ("+0.000", "n/a", "+0.00", "n/a")
    charts = [block for block in blocks if isinstance(block, Chart)]
    assert [chart.name for chart in charts] == ["change", "timeline"]
    assert f"{DIEM}, one" in charts[0].caption
    said = [block.text for block in blocks if isinstance(block, Notice)]
    assert said == [
        texts.NO_HEARERS,
        "Not run with other sounds: AVAD (generated).",
        "Not every video could be shown:",
    ]


def test_what_was_not_run_is_said_in_its_place(finished: ReportPlaces, about: About) -> None:
    own, others = reliance(gather(finished, about)).blocks
    assert isinstance(own, Notice)
    assert "dvc repro reliance" in own.text
    assert isinstance(others, Folded)
    assert others.blocks == (Notice(texts.NO_HEARERS),)


def test_the_report_writes_the_tables_and_the_figures(tried: Inputs, tmp_path: Path) -> None:
    write_report(tmp_path / "reports", tried)
    text = (tmp_path / "reports" / "tables" / "reliance.md").read_text()
    shown = grids(OUTCOME, tried.about)
    assert text == grids_to_markdown("Does the sound matter?", str(OUTCOME["sentence"]), shown)
    assert f"| {DIEM} | 3 | 0.700 |" in text
    assert (tmp_path / "reports" / "figures" / "timeline.png").exists()
