"""Maps of other methods, from `avrsp evaluate --maps` to a row of the tables and to strips."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from avrsp.cli.evaluate import evaluate
from avrsp.errors import StoreError
from avrsp.report.about import About
from avrsp.report.build_report import write_report
from avrsp.report.inputs import ReportPlaces, gather
from avrsp.report.page import Chart, Folded
from avrsp.report.page_sections import predictions

pytestmark = pytest.mark.usefixtures("small_pictures")

NAME = "their-net"


@pytest.fixture(scope="module")
def given(finished: ReportPlaces, tmp_path_factory: pytest.TempPathFactory) -> ReportPlaces:
    """The finished run, beside which maps of DIEM by another method were scored."""
    folder = tmp_path_factory.mktemp("given")
    places = replace(finished, others=folder)
    (folder / "scores").mkdir()
    shutil.copytree(finished.maps / "v-split1" / "diem", folder / "maps" / NAME / "diem")
    score(places, NAME)
    return places


def score(places: ReportPlaces, method: str) -> None:
    out = places.others / "scores" / f"{method}.parquet"
    maps = places.others / "maps" / NAME
    command = ["--maps", str(maps), "--store", str(places.stores), "--out", str(out)]
    options = ["--dataset", "diem", "--no-references", "--protocol", "avrsp", "--method", method]
    done = CliRunner().invoke(evaluate, [*command, *options])
    assert done.exit_code == 0, done.output


def test_given_maps_have_a_row_that_says_what_they_are(
    given: ReportPlaces, about: About, tmp_path: Path
) -> None:
    write_report(tmp_path, gather(given, about))
    rows = pd.read_parquet(given.others / "scores" / f"{NAME}.parquet").dropna(subset="cc")
    expected = rows.groupby("video")["cc"].mean().mean()
    table = (tmp_path / "tables" / "table-i.md").read_text()
    (line,) = (line for line in table.splitlines() if NAME in line)
    cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
    assert cells[0] == f"{NAME} ‡"
    assert cells[2] == f"{expected:.3f}"
    assert cells[5] == "not run"  # ETMD
    (mean,) = (
        line
        for line in (tmp_path / "tables" / "overview.md").read_text().splitlines()
        if line.startswith(f"| {NAME}")
    )
    assert set(mean.strip("|").split("|")[1:]) == {
        " not run "
    }  # a mean over one set is none of six
    for name in ("table-i.md", "overview.md"):
        said = (tmp_path / "tables" / name).read_text()
        assert "‡ Maps of another method, given to avrsp evaluate --maps" in said
    assert rf"{NAME} $\ddagger$" in (tmp_path / "tables" / "table-i.tex").read_text()
    page = (tmp_path / "index.html").read_text()
    assert (
        page.count("This project did not make them") == 4
    )  # the overview, Tables I and II, other metrics


def strips(places: ReportPlaces, about: About) -> dict[str, Chart]:
    blocks = predictions(gather(places, about)).blocks
    folded = [inner for block in blocks if isinstance(block, Folded) for inner in block.blocks]
    return {block.name: block for block in (*blocks, *folded) if isinstance(block, Chart)}


def test_given_maps_have_a_column_in_the_strips_of_their_dataset(
    given: ReportPlaces, finished: ReportPlaces, about: About
) -> None:
    with_it, without = strips(given, about), strips(finished, about)
    wide, usual = (each["strip-diem"].pixels[0] for each in (with_it, without))
    assert wide - usual == pytest.approx(2.9 * 24, abs=3)  # a cell's inches at the fixture's DPI
    assert with_it["strip-avad"].pixels == without["strip-avad"].pixels
    assert f"Given to avrsp evaluate: {NAME}." in with_it["strip-diem"].caption
    assert "Given" not in without["strip-diem"].caption
    assert f"{NAME} has 0." in with_it["strip-diem"].alt  # the frame's CC


def test_given_maps_change_nothing_of_ours(
    given: ReportPlaces, finished: ReportPlaces, about: About
) -> None:
    with_it, without = gather(given, about), gather(finished, about)
    for method in ("V", "AV"):
        assert with_it.results.methods[method] == without.results.methods[method]
    ours = with_it.rows[with_it.rows["model"] != NAME].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, without.rows, check_dtype=False)


def test_given_maps_may_not_be_called_as_a_model_of_ours(
    given: ReportPlaces, about: About, tmp_path: Path
) -> None:
    places = replace(given, others=tmp_path)
    (tmp_path / "scores").mkdir()
    shutil.copytree(given.others / "maps", tmp_path / "maps")
    score(places, "AV")
    assert "AV" in json.loads((tmp_path / "scores" / "AV.json").read_text())
    with pytest.raises(StoreError, match="AV is the name of a model of this project"):
        gather(places, about)
