"""Tables III to V and RAVF against the other fusions, from made-up scores."""

from __future__ import annotations

from pathlib import Path

from avrsp.params.ablations import ABLATIONS
from avrsp.report.ablation_tables import ablations, not_run
from avrsp.report.about import About
from avrsp.report.build_report import Ablated, write_ablations
from avrsp.report.fusion_table import Versus, grid, sentence
from avrsp.report.results import Results, read_results
from tests.report.conftest import places_in, write_summary


def scored(folder: Path, **cc: float) -> Results:
    folder.mkdir(exist_ok=True)
    places = places_in(folder)
    for name, value in cc.items():
        write_summary(places, name.replace("_", "-"), {"diem": value, "avad": value}, missing=0)
    return read_results(places.metrics)


def test_one_network_stands_in_every_table_that_it_belongs_to(tmp_path: Path, about: About) -> None:
    results = scored(tmp_path, v=0.5, av=0.6, v_none=0.4, mbt=0.55, av_2=0.7)
    third, fourth, fifth = ablations(results, about, ("preset sample",))
    cc = ("diem", "cc")
    own = [{row.method: row.cell(cc).text for row in each.groups[0].rows}
           for each in (third, fourth, fifth)]  # fmt: skip
    assert own[0]["MS + MRG"] == own[1]["Visual-only, 3"] == own[2]["Visual-only baseline"]
    assert own[0]["none"] == own[1]["Visual-only, 0"] == "0.400"
    assert own[0]["audio + MS + MRG"] == own[2]["RAVF(Ours)"] == "0.600"
    assert own[1]["Audio-Visual, 2"] == "0.700"
    assert own[2]["Bilinear"] == "not run"
    printed = {row.method: row.cell(cc).text for row in fifth.groups[1].rows}
    assert printed["RAVF(Ours)"] == "0.685"
    best = [row.method for row in fifth.groups[0].rows if row.cell(cc).best]
    assert best == ["RAVF(Ours)"]
    assert len(not_run(results)) == len(ABLATIONS) - 5


def versus(fusion: str, low: float, high: float) -> Versus:
    return Versus(fusion, (low + high) / 2, low, high, 0.5, 9)


def test_the_page_says_plainly_where_ravf_is_behind() -> None:
    found = (
        versus("add", 0.1, 0.2),
        versus("mul", -0.1, 0.2),
        versus("concat", -0.3, -0.2),
        Versus("mbt", None, None, None, None, 0),
    )
    assert sentence(found, "all test clips") == (
        "On all test clips, RAVF is ahead of add, level with mul, behind concat (by 95 % "
        "intervals of paired CC). So RAVF is not at least level with every one of them. "
        "Not run: mbt."
    )
    assert sentence((found[0], found[1]), "all test clips").endswith(
        "So RAVF is at least level with every one of them."
    )
    assert sentence(found[3:], "all test clips").startswith("RAVF was not compared")
    one_clip = Versus("bilinear", 0.1, None, None, None, 1)
    _, _, last, alone = grid((found[0], found[1], found[3], one_clip), "all test clips").rows
    assert last == ("mbt", "not run", "not run", "0", "not run")
    assert alone == ("bilinear", "+0.100", "n/a", "1", "too few clips")


def test_the_ablations_have_a_page_and_tables_in_three_formats(
    tmp_path: Path, about: About
) -> None:
    results = scored(tmp_path / "run", av=0.6)
    found = Ablated(results, (versus("add", 0.1, 0.2),), "all test clips", {}, {})
    write_ablations(tmp_path / "a", found, about)
    write_ablations(tmp_path / "b", found, about)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*")} for name in "ab"
    )
    assert first == second
    assert {
        f"table-{name}.{end}" for name in ("iii", "iv", "v") for end in ("md", "csv", "tex")
    } | {"index.html"} == set(first)
    assert b"18 of 19 networks were not run" in first["index.html"]
    assert rb"\toprule" in first["table-iv.tex"]
    assert "not run" in first["table-v.md"].decode()
