"""Compared methods, from what their pipeline leaves to rows of Tables I and II and a page."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avrsp.errors import StoreError
from avrsp.report import texts
from avrsp.report.about import About
from avrsp.report.build_report import write_compared, write_report
from avrsp.report.inputs import Inputs, ReportPlaces, gather
from tests.report.conftest import write_summary
from tests.report.test_given import NAME, score

pytestmark = pytest.mark.usefixtures("small_pictures")

METHODS: dict[str, dict[str, Any]] = {
    "vinet-av-bilinear": {
        "model": "vinet",
        "audio": True,
        "settings": {"variant": "av-bilinear"},
        "encoders": {"audionet": None},
    },
    "tased-v": {"model": "tased", "audio": False, "settings": {"width": 0.25}, "encoders": {}},
    "gone-v": {"model": "gone", "audio": False, "settings": {}},
}

GAP = {"difference": 0.1, "low": -0.05, "high": 0.25, "p": 0.2, "videos": 3}


def sounds(gap: dict[str, Any], cc: float) -> dict[str, Any]:
    other = {"cc": cc, "maps_cc": 0.9, "cc_difference": gap, "nss_difference": gap}
    return {"true": {"cc": cc + 0.1, "maps_cc": 1.0}, "other": other, "silence": other}


RELIANCE: dict[str, Any] = {
    "sentence": "This model does not use the sound: so it is.",
    "statements": [],
    "groups": [
        {"by": "all", "name": "all videos with sound", "videos": 5, "sounds": sounds(GAP, 0.3)},
        {"by": "kind", "name": "sounding", "videos": 3, "sounds": sounds(GAP, 0.6)},
    ],
    "changes": [],
    "faults": [],
}


@pytest.fixture
def trained(finished: ReportPlaces, about: About, tmp_path: Path) -> Inputs:
    """The finished run, beside which three methods were trained and scored."""
    home = tmp_path / "methods"
    compared = replace(
        finished.compared,
        models=home,
        metrics=home / "metrics",
        pooled=home / "pooled",
        reliance=home / "reliance",
    )
    places = replace(finished, compared=compared)
    pooled = replace(finished, metrics=compared.pooled)
    home.mkdir()
    for place, (name, facts) in enumerate(METHODS.items()):
        write_summary(pooled, name, {"diem": 0.7 - place / 10, "avad": 0.4}, missing=0)
        folder = home / name / "models" / f"{name}-split1"
        folder.mkdir(parents=True)
        size = {"length": 8, "height": 96, "width": 128}
        known = {**facts, **size, "mlflow_run": f"id-of-{name}"}
        (folder / "model.json").write_text(json.dumps(known))
    metrics = replace(finished, metrics=compared.metrics)
    write_summary(metrics, "tased-v-split1", {"diem": 0.6}, missing=7)
    compared.reliance.mkdir()
    (compared.reliance / "vinet-av-bilinear.json").write_text(json.dumps(RELIANCE))
    return gather(places, about)


def rows(folder: Path, name: str) -> dict[tuple[str, str], dict[str, str]]:
    text = (folder / "tables" / f"{name}.csv").read_text()
    return {(row["group"], row["method"]): row for row in csv.DictReader(text.splitlines())}


def test_a_method_stands_beside_ours_and_beside_what_was_printed(
    trained: Inputs, tmp_path: Path
) -> None:
    write_compared(tmp_path / "page", trained)
    found = rows(tmp_path / "page", "table-i")
    ours = [method for group, method in found if group == "this run"]
    assert ours[:5] == ["AVRSP(V)", "AVRSP(AV)", "gone(V)", "TASED-Net(V)", "ViNet(AV, bilinear)"]
    row = found["this run", "ViNet(AV, bilinear)"]
    assert float(row["diem_cc"]) == pytest.approx(0.7)
    assert row["source"] == "trained here"
    assert found["paper", "ViNet(AV)"]["diem_cc"] == "0.632"
    assert found["paper", "DAVS(AV)"]["source"].endswith("; no public code, printed only")
    assert found["elsewhere", "STAViS(AV)"]["etmd_nss"] == "3.09"
    assert found["elsewhere", "STAViS(AV)"]["etmd_sim"] == "not known"
    assert {method for group, method in found if group == "newer"} >= {
        *("AAM(AV)", "TAVDiff(AV)", "MSPI(AV)", "DiffSal(AV)"),
    }
    text = (tmp_path / "page" / "tables" / "table-i.md").read_text()
    assert "| **0.700** |" in text  # the best of what was trained here
    assert texts.NOT_COMPARED not in text
    page = (tmp_path / "page" / "index.html").read_text()
    for words in ("ViNet(AV, bilinear)", "id-of-tased-v", "tased-v-split1: avad/V3_Gone: no maps"):
        assert words in page


def test_the_report_shows_the_same_rows(trained: Inputs, tmp_path: Path) -> None:
    write_report(tmp_path / "report", trained)
    write_compared(tmp_path / "page", trained)
    for name in ("table-i.md", "table-ii.tex", "table-i.csv", "overview.csv", "hearing.md"):
        own, others = ((tmp_path / each / "tables" / name) for each in ("report", "page"))
        assert own.read_bytes() == others.read_bytes()


def test_every_network_with_sound_has_a_row(trained: Inputs, tmp_path: Path) -> None:
    write_compared(tmp_path, replace(trained, reliance=RELIANCE))
    with (tmp_path / "tables" / "hearing.csv").open() as lines:
        _, ours, theirs = csv.reader(lines)
    assert ours[0] == "AVRSP(AV)"
    assert theirs == [
        *("ViNet(AV, bilinear)", "sounding", "3", "0.700"),
        *(("'+0.100 (-0.050 to +0.250)",) * 2),  # no formula for a spreadsheet
        "0.900",
    ]
    assert "does not use the sound" in (tmp_path / "index.html").read_text()


def test_nothing_claims_to_be_the_state_of_the_art(trained: Inputs, tmp_path: Path) -> None:
    write_compared(tmp_path, trained)
    assert "state of the art" not in (tmp_path / "index.html").read_text().lower()


def test_imported_weights_have_rows_of_their_own(
    finished: ReportPlaces, about: About, tmp_path: Path
) -> None:
    name = "unisal-v-weights_best"
    places = replace(finished, others=tmp_path / "others", models=tmp_path / "models")
    (places.models / name).mkdir(parents=True)
    facts = {
        "model": "unisal",
        "audio": False,
        "settings": {},
        "source": {"file": "weights_best.pth", "sha256": "ab" * 32},
        "learnt_from": ["dhf1k", "salicon"],
    }
    (places.models / name / "model.json").write_text(json.dumps(facts))
    (places.others / "scores").mkdir(parents=True)
    (places.others / "maps").mkdir()
    (places.others / "maps" / NAME).symlink_to(finished.maps / "v-split1")
    score(places, name)
    found = gather(places, about)
    write_report(tmp_path / "report", found)
    row = rows(tmp_path / "report", "table-i")["published weights", "UNISAL(V)"]
    assert row["source"] == "weights_best.pth, trained on dhf1k, salicon"
    assert float(row["diem_cc"]) > 0
    text = (tmp_path / "report" / "tables" / "table-i.md").read_text()
    assert "given to avrsp evaluate" not in text
    assert name not in found.models


def test_a_damaged_result_is_named(trained: Inputs, about: About) -> None:
    place = trained.places.compared.reliance / "vinet-av-bilinear.json"
    place.write_text("{")
    with pytest.raises(StoreError, match=r"vinet-av-bilinear\.json: cannot be read"):
        gather(trained.places, about)
