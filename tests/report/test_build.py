"""The whole report from a made-up run: complete, self-contained, repeatable, honest about gaps."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from avrsp.errors import StoreError
from avrsp.report import texts
from avrsp.report.about import About
from avrsp.report.build_report import write_report
from avrsp.report.charts import moment, strip
from avrsp.report.comparability import Models, objections
from avrsp.report.drawing import render
from avrsp.report.inputs import ReportPlaces, gather
from avrsp.store.video_store import MapStore, VideoStore
from tests.report.conftest import write_summary

pytestmark = pytest.mark.usefixtures("small_pictures")


class Reader(HTMLParser):
    """Collects what the page refers to, its text, its anchors and its pictures without words."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()
        self.silent: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [given[name] or "" for name in ("src", "srcset", "href") if name in given]
        self.anchors.add(given.get("id") or "")
        if tag == "img" and not given.get("alt"):
            self.silent.append(str(given))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(folder: Path) -> Reader:
    reader = Reader()
    reader.feed((folder / "index.html").read_text())
    return reader


def made(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def report(finished: ReportPlaces, about: About, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    write_report(folder, gather(finished, about))
    return folder


def test_a_finished_run_gives_a_whole_report_twice_the_same(
    report: Path, finished: ReportPlaces, about: About, tmp_path: Path
) -> None:
    files = made(report)
    names = ("overview", *(f"table-{each}" for each in ("i", "ii", "iii", "iv", "v", "more")))
    tables = {f"tables/{name}.{end}" for name in names for end in ("csv", "md", "tex")}
    tables |= {f"tables/datasets.{end}" for end in ("csv", "md", "tex")}
    figures = {"hero", "learning-curves", "per-video", "strip-diem", "strip-avad"}
    films = {f"figures/clip-{rank}.mp4" for rank in ("highest", "middle", "lowest")}
    pictures = {f"figures/{name}.{end}" for name in figures for end in ("png", "pdf")}
    assert set(files) == {"index.html", *tables, *pictures, *films}
    write_report(tmp_path, gather(finished, about))
    assert made(tmp_path) == files


def test_the_page_needs_nothing_but_itself(report: Path) -> None:
    page = read(report)
    outside = {address for address in page.addresses if not address.startswith(("data:", "#"))}
    assert outside == {texts.PAPER, texts.LICENCE}  # links to read on, nothing that is loaded
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= page.anchors
    assert page.silent == []


def test_the_ablations_own_page_is_linked_where_it_is_there(
    places: ReportPlaces, about: About, tmp_path: Path
) -> None:
    there = replace(places, ablations=tmp_path / "ablations" / "metrics")
    assert "ablations/index.html" not in to_html_of(there, about, tmp_path)
    there.ablations.mkdir(parents=True)
    (tmp_path / "ablations" / "index.html").touch()
    assert 'href="ablations/index.html"' in to_html_of(there, about, tmp_path)


def to_html_of(places: ReportPlaces, about: About, folder: Path) -> str:
    write_report(folder, gather(places, about))
    return (folder / "index.html").read_text()


def test_predictions_come_first_and_details_are_folded(report: Path) -> None:
    text = (report / "index.html").read_text()
    order = re.findall(r'<section id="(\w+)"', text)
    assert order[:3] == ["predictions", "results", "sound"]
    summaries = re.findall(r"<summary>(.*?)</summary>", text)
    assert "Tables III to V: not run" in summaries
    assert "Parameters, commit, data and training runs" in summaries
    assert "The same of DIEM (generated)" in summaries


def test_every_table_can_be_had_as_csv_and_tex(report: Path) -> None:
    text = (report / "index.html").read_text()
    files = dict(re.findall(r'href="data:text/plain;base64,([^"]*)" download="([^"]*)"', text))
    held = {name: base64.b64decode(content).decode() for content, name in files.items()}
    assert held["overview.csv"] == (report / "tables" / "overview.csv").read_text()
    assert held["overview.tex"] == (report / "tables" / "overview.tex").read_text()
    tables = len(re.findall(r"<table", text))
    assert len(re.findall(r"download=", text)) == 2 * tables


def test_the_page_says_how_to_cite_and_where_the_code_is(
    places: ReportPlaces, about: About, tmp_path: Path
) -> None:
    text = to_html_of(places, replace(about, code="https://example.org/avrsp"), tmp_path)
    assert 'href="https://example.org/avrsp"' in text
    assert "arXiv preprint arXiv:2411.11454" in text
    assert "commit {0123456789ab}" not in text
    assert "commit 0123456789ab" in text


def test_the_page_says_what_was_run_and_what_is_missing(report: Path) -> None:
    text = read(report).text
    for said in (
        "cannot be compared with the numbers printed in the paper",
        "id-of-av-split1",
        "0123456789ab",
        "s3d: data/weights/s3d.safetensors (SHA-256 abababababab)",
        "s3d: random",
        "(preset sample; encoder weights not recorded; split 1 instead of 1, 2, 3)",
        "no frames in video_frames/AVAD/V9_Broken",
        "Not run: Coutrot1 (generated), Coutrot2 (generated), ETMD (generated), SumMe (generated).",
        "ETMD (generated) is absent: no archive.",
        "AV has the higher mean CC on 6 of 6 test videos; the mean difference is +0.100",
        "[0.500, 0.800]",  # AV's CC on DIEM
        "v-split1: avad/V3_Gone: no maps",
        "V has no map for 7 frames of DIEM (generated).",
        "the models were not tried with other sounds",
        "19 of 19 networks were not run",
        "not run",
    ):
        assert said in text


def test_the_paper_preset_has_no_warning(
    places: ReportPlaces, about: About, tmp_path: Path
) -> None:
    write_report(tmp_path, gather(places, replace(about, preset="paper")))
    text = read(tmp_path).text
    assert "cannot be compared" not in text
    assert "generated" not in text


IMPORTED = {"encoders": {"s3d": {"file": "w.safetensors", "sha256": "c" * 64}}}
FROM_RANDOM = {"encoders": {"s3d": {"file": "w.safetensors"}, "soundnet": None}}


@pytest.mark.parametrize(
    ("changes", "models", "said"),
    [
        ({}, {"pretrain": IMPORTED, "av-split1": IMPORTED}, ()),
        ({"splits": (3, 1, 2)}, {"v-split1": IMPORTED}, ()),
        ({"preset": "sample"}, {"v-split1": IMPORTED}, ("preset sample",)),
        ({"splits": (1,)}, {"v-split1": IMPORTED}, ("split 1 instead of 1, 2, 3",)),
        ({}, {}, ("encoder weights not recorded",)),
        ({}, {"pretrain": IMPORTED, "av-split1": {}}, ("encoder weights not recorded",)),
        ({}, {"av-split1": FROM_RANDOM}, ("encoders started from random numbers",)),
    ],
)
def test_rows_compare_with_the_papers_only_by_its_data_weights_and_splits(
    about: About, changes: dict[str, Any], models: Models, said: tuple[str, ...]
) -> None:
    as_paper = replace(about, preset="paper", splits=(1, 2, 3))
    assert objections(replace(as_paper, **changes), models) == said


REAL = r"(?<!/)(?<!real )(?:DIEM|AVAD|ETMD|SumMe|Coutrot[12]|DHF1K)(?! \(generated\))"
"""A real set's bare name, but for folders of raw files and for what is called real."""


def test_generated_sets_never_bear_a_real_sets_bare_name(report: Path) -> None:
    made_of = [*report.glob("tables/*.md"), *report.glob("tables/*.tex")]
    for path in (report / "index.html", *made_of):
        text = re.sub(r"data:[^\"]*", "", path.read_text())
        bare = re.findall(REAL, text)
        assert not bare, path


def test_an_empty_folder_gives_a_page_that_says_so(
    places: ReportPlaces, about: About, tmp_path: Path
) -> None:
    write_report(tmp_path / "reports", gather(places, about))
    text = read(tmp_path / "reports").text
    for said in ("Nothing was evaluated", "no training history", "No data were preprocessed"):
        assert said in text


def test_a_model_that_was_not_run_leaves_its_place_empty(
    finished: ReportPlaces, about: About, tmp_path: Path
) -> None:
    found = gather(replace(finished, maps=tmp_path / "nowhere"), about)
    only = found.rows[(found.rows["model"] == "V") & (found.rows["dataset"] == "avad")]
    write_report(tmp_path / "reports", replace(found, rows=only))
    assert "this figure needs the scores of two models" in read(tmp_path / "reports").text
    assert (tmp_path / "reports" / "figures" / "strip-avad.png").exists()


def test_a_store_that_is_gone_is_named_in_its_place(
    finished: ReportPlaces, about: About, tmp_path: Path
) -> None:
    write_report(tmp_path, gather(replace(finished, stores=tmp_path / "nowhere"), about))
    text = read(tmp_path).text
    assert "DIEM (generated): " in text
    assert "nowhere/diem/" in text
    assert "snakemake --cores all preprocess" in text
    assert not (tmp_path / "figures" / "hero.png").exists()


def test_a_damaged_file_is_named(places: ReportPlaces, about: About) -> None:
    (places.models / "pretrain").mkdir(parents=True)
    (places.models / "pretrain" / "history.json").write_text("[{")
    with pytest.raises(StoreError, match=r"pretrain/history\.json: cannot be read"):
        gather(places, about)


def test_reporting_never_imports_torch() -> None:
    code = "import sys, avrsp.stages.report; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_first_picture_comes_in_light_and_dark(finished: ReportPlaces) -> None:
    name = "one.zarr.zip"
    maps = {
        model: MapStore(finished.maps / f"{model.lower()}-split1" / "diem" / name)
        for model in ("V", "AV")
    }
    store = VideoStore(finished.stores / "diem" / name)
    moments = [moment(store, maps, frame, label="", scores={}) for frame in (1, 9)]
    picture = render(partial(strip, moments, labels=False))
    light, dark = (Image.open(io.BytesIO(each)) for each in (picture.light, picture.dark))
    assert light.size == dark.size
    assert light.convert("L").getpixel((0, 0)) == 255
    assert dark.convert("L").getpixel((0, 0)) != 255


def test_a_scored_dataset_that_the_paper_does_not_have_has_its_own_columns(
    places: ReportPlaces, about: About, tmp_path: Path
) -> None:
    write_summary(places, "v-split1", {"diem": 0.5, "lab": 0.4}, missing=0)
    only = replace(about, preset="paper", datasets=("diem", "lab"))
    write_report(tmp_path, gather(places, only))
    first = (tmp_path / "tables" / "table-i.md").read_text()
    assert first.startswith("## Table I. DIEM\n")
    assert "| Ours(AV) | 0.559 | 0.685 | 2.78 | 0.911 |" in first
    others = (tmp_path / "tables" / "table-others.md").read_text()
    assert "| AVRSP(V) | **1.400** | **0.400** |" in others
    assert "Ours" not in others
    assert "AVRSP(AV)" not in first + others  # no such run
    assert not (tmp_path / "tables" / "table-ii.md").exists()
