"""What the report says of the data, counted by hand."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from avrsp import datasets
from avrsp.datasets import dataset_registry
from avrsp.report.about import About
from avrsp.report.data_section import data, grids
from avrsp.report.formats import grid_to_csv, grids_to_markdown
from avrsp.report.inputs import ReportPlaces, gather
from avrsp.report.page import Grid, Notice, Prose, every
from avrsp.report.texts import SOURCES
from avrsp.store.manifest import DatasetEntry, Manifest, Verdict


def verdict(
    video: str, roles: str, frames: int, *, kept: bool = True, sound: bool = True
) -> Verdict:
    names = {"t": "train", "v": "validation", "e": "test", "-": "none"}
    return Verdict.model_validate(
        {
            "dataset": "diem", "video": video, "kept": kept, "frames": frames if kept else 0,
            "reason": None if kept else "no sound track", "notes": ["odd rate"] if sound else [],
            "fps": 25.0, "height": 1, "width": 1, "has_sound": sound and kept,
            "digest": "", "roles": {str(n): names[r] for n, r in enumerate(roles, 1)},
        }
    )  # fmt: skip


VIDEOS = [
    verdict("a", "tte", 90_000),
    verdict("b", "vet", 45_000, sound=False),
    verdict("c", "ett", 0, kept=False),
    verdict("d", "eet", 9_000),
]
MANIFEST = Manifest(
    preset="paper",
    datasets={
        "diem": DatasetEntry(present=True, reason=None, videos=VIDEOS),
        "etmd": DatasetEntry(present=False, reason="no archive", videos=[]),
    },
)
COUNTED = ("4", "3", "1", "2", "2", "144,000", "1.60", "1 / 1 / 1", "1 / 0 / 2")


def test_videos_are_counted_by_role_and_in_hours(about: About) -> None:
    overview, aside, absent = grids(MANIFEST, replace(about, preset="paper", splits=(1, 2)))
    assert overview.heads[-1] == "Train / validation / test, split 2"
    assert overview.rows[0] == ("DIEM", *COUNTED)
    assert overview.rows[1] == ("ETMD", "absent", *["-"] * 8)
    assert overview.rows[2] == ("All", *COUNTED)
    assert aside.rows == (("c", "DIEM", "no sound track"),)
    assert absent.rows == (("ETMD", "no archive"),)


def test_they_are_written_as_csv_and_markdown(about: About) -> None:
    found = grids(MANIFEST, replace(about, preset="paper"))
    lines = [*csv.reader(grid_to_csv(found[0]).splitlines())]
    assert lines[1] == ["DIEM", *COUNTED[:-1]]
    text = grids_to_markdown("Data", "", found)
    assert "| c | DIEM | no sound track |" in text
    assert "| ETMD | no archive |" in text


def test_gaze_that_was_recorded_by_mouse_is_said(
    about: About, places: ReportPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = replace(about, preset="paper")
    assert real.by_mouse(MANIFEST.datasets) == ""
    by_hand = replace(datasets.spec("diem"), gaze="mouse")
    monkeypatch.setitem(dataset_registry._registered, "diem", by_hand)
    assert real.by_mouse(MANIFEST.datasets).endswith("by mouse, not by an eye tracker, in: DIEM.")
    shown = [*every(data(replace(gather(places, real), manifest=MANIFEST)).blocks)]
    sources = next(each for each in shown if isinstance(each, Grid) and each.title == SOURCES)
    assert sources.rows[0][:3] == ("DIEM", "mouse", "yes")
    assert sources.rows[0][3] == by_hand.licence


@pytest.mark.usefixtures("small_pictures")
def test_the_page_names_what_is_missing_with_its_reason(
    finished: ReportPlaces, about: About, places: ReportPlaces, tmp_path: Path
) -> None:
    blocks = [*every(data(gather(finished, about)).blocks)]
    overview, aside = (block for block in blocks if isinstance(block, Grid))
    assert overview.rows[0][:3] == ("DIEM (generated)", "4", "4")
    assert aside.rows[0][0] == "V9_Broken"
    said = [block.text for block in blocks if isinstance(block, Notice | Prose)]
    assert "ETMD (generated) is absent: no archive." in said
    (only,) = data(gather(places, about)).blocks
    assert isinstance(only, Notice)
    assert "snakemake" in only.text
