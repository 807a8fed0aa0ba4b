"""Whose works the frames are that are shown: on the page, beside the figures, on the pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from avrsp.convert.quality import write_picture
from avrsp.report.about import About
from avrsp.report.build_report import write_report
from avrsp.report.inputs import gather
from tests.report.conftest import VIDEOS, places_in, write_manifest, write_scores, write_summary
from tests.report.videos import write_video


def credit(video: str) -> str:
    return f"by <somebody> & others, {video} at https://example.org, CC BY 3.0"


@pytest.fixture(scope="module")
def report(about: About, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on videos of which each has an author of its own."""
    folder = tmp_path_factory.mktemp("credited")
    places = places_in(folder)
    random, rows = np.random.default_rng(5), []
    for dataset, videos in VIDEOS.items():
        for place, video in enumerate(videos):
            quality = 0.2 + 0.15 * place
            rows += write_video(
                places, dataset, video, quality=quality, random=random, credit=credit(video)
            )
    write_scores(places, pd.DataFrame(rows))
    write_summary(places, "av-split1", {"diem": 0.6, "avad": 0.5}, missing=0)
    write_manifest(places)
    write_report(folder / "reports", gather(places, about))
    return folder / "reports"


@pytest.mark.usefixtures("small_pictures")
def test_every_picture_and_film_names_the_works_that_it_shows(report: Path) -> None:
    page = (report / "index.html").read_text()
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
    shown = [each for each in captions if "Credit: " in each]
    titles = {re.sub(r"<strong>(.*?)\.</strong>.*", r"\1", each, flags=re.DOTALL) for each in shown}
    assert {"DIEM (generated)", "AVAD (generated)", "A clip with sound at two moments"} <= titles
    assert len(shown) == 1 + 2 + 3  # the first picture, a strip for each set, three films
    strip = next(each for each in shown if each.startswith("<strong>AVAD (generated).<"))
    for video in VIDEOS["avad"]:
        assert f"{video}: by &lt;somebody&gt; &amp; others, {video} at https" in strip


@pytest.mark.usefixtures("small_pictures")
def test_figures_have_their_credits_beside_them(report: Path) -> None:
    lines = (report / "figures" / "credits.txt").read_text().splitlines()
    names = {line.partition(":")[0] for line in lines}
    figures = {path.stem for path in (report / "figures").iterdir()} - {"credits", "per-video"}
    assert names == figures - {"learning-curves"}
    assert all("CC BY 3.0" in line for line in lines)


def test_the_picture_of_quality_names_them(about: About, tmp_path: Path) -> None:
    places = places_in(tmp_path)
    sizes = []
    for said in ("", "short", "words of a credit " * 12):
        random = np.random.default_rng(1)
        write_video(places, "diem", "one", quality=0.3, random=random, credit=said)
        facts = {"dataset": "diem", "video": "one", "kept": True, "reason": None, "notes": []}
        facts |= {"frames": 12, "fps": 25.0, "height": 60, "width": 80, "has_sound": False}
        part = tmp_path / "one.json"
        part.write_text(json.dumps([facts | {"digest": "", "roles": {"1": "test"}}]))
        write_picture(tmp_path / "quality.png", [part], places.stores)
        with Image.open(tmp_path / "quality.png") as picture:
            sizes.append(picture.height)
    assert sizes == [160, 176, 160 + 16 * 3]
