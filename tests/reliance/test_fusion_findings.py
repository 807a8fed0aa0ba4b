"""What is said of fusions from the scores of their videos, by hand and by independent code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from avrsp import files
from avrsp.errors import StoreError
from avrsp.params import FUSIONS
from avrsp.reliance.analysis import Rules
from avrsp.reliance.fusion_findings import COST, Findings, findings, of_videos
from avrsp.report.fusion_claim import paragraph, write_claim
from tests.test_docs import DOCS, module_of

RULES = Rules("avrsp", resamples=4000, seed=5, frames=8)
COUNTS = {"sounding": 20, "distracting": 10, "music": 8, "silent": 4}
SETTING = {
    "world": {"name": "often"},
    "trained": [
        {"fusion": "ravf", "rate": 0.001, "tried": [
            {"rate": 0.001, "validation_loss": 0.5}, {"rate": 0.002, "validation_loss": 0.6}]}
    ]
}  # fmt: skip


def frames(fusion: str, seed: int, true: float, irrelevant: float) -> pd.DataFrame:
    """Return rows of two frames a video: the CC with its sound on clips of both sorts."""
    rng = np.random.default_rng(seed)  # a video is as hard for every fusion
    noise = np.random.default_rng(seed + 100)
    rows = []
    for kind, count in COUNTS.items():
        for number in range(count):
            hard = rng.normal(0, 0.02)
            relevant = kind == "sounding"
            cc = {"true": true if relevant else irrelevant, "silence": 0.5, "other": 0.3}
            for sound, level in cc.items():
                if sound != "true" and (kind == "silent" or fusion == "visual"):
                    continue
                heard = fusion == "ravf" and sound == "true" and kind != "silent"
                rows += [
                    {"fusion": fusion, "seed": seed, "dataset": ("avad", "etmd")[number % 2],
                     "split": 1, "video": f"{kind}{number}", "kind": kind, "sound": sound,
                     "protocol": "avrsp", "frame": frame, "fixations": 3, "predicted": True,
                     "empty": False, "cc": level + hard + (frame - 0.5) / 10, "nss": 1.0,
                     "maps_cc": 1.0 if sound == "true" else 0.4 if relevant else 0.9,
                     "retention": noise.uniform() if heard else np.nan, "contribution": np.nan,
                     "selectivity": 0.7 + hard if heard and relevant else
                     0.4 + hard if heard else np.nan}
                    for frame in (0, 1)
                ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def videos() -> pd.DataFrame:
    levels = {"visual": (0.4, 0.5), "add": (0.7, 0.45), "mul": (0.9, 0.3), "ravf": (0.7, 0.5)}
    parts = [frames(name, seed, *each) for name, each in levels.items() for seed in (1, 2, 3)]
    return of_videos(parts, RULES)


@pytest.fixture(scope="module")
def found(videos: pd.DataFrame) -> Findings:
    return findings(videos, FUSIONS, RULES)


def test_scores_are_means_over_seeds_of_means_over_videos(
    videos: pd.DataFrame, found: Findings
) -> None:
    assert found.fusions == ("visual", "add", "mul", "ravf")
    assert found.seeds == (1, 2, 3)
    own = videos[(videos["fusion"] == "add") & (videos["sound"] == "true")]
    for kind, count in COUNTS.items():
        means = own[own["kind"] == kind].groupby("seed")["cc"].mean()
        each = found.scores["add", kind]
        assert each.value == pytest.approx(means.mean())
        assert each.low <= each.value <= each.high
        assert (each.seeds, each.videos) == (3, 3 * count)


def test_irrelevant_sound_costs_what_it_takes_from_silence(found: Findings) -> None:
    assert found.costs["ravf", "irrelevant"].value == pytest.approx(0.0)
    assert found.costs["add", "music"].value == pytest.approx(-0.05)
    assert found.costs["mul", "distracting"].value == pytest.approx(-0.2)
    assert ("visual", "music") not in found.costs


def test_ravf_is_ahead_level_or_behind(found: Findings) -> None:
    verdicts = {(each.other, each.outcome): each.verdict for each in found.comparisons}
    assert verdicts["visual", "sounding"] == "ahead"
    assert verdicts["add", "sounding"] == "level"
    assert verdicts["mul", "sounding"] == "behind"
    assert verdicts["mul", "irrelevant"] == "ahead"
    assert verdicts["visual", COST] == "level"
    assert verdicts["add", COST] == "ahead"
    for each in found.comparisons:
        assert each.adjusted >= each.gap.p


def test_the_paragraph_says_what_the_numbers_say(found: Findings) -> None:
    said = paragraph(found)
    assert said.startswith("RAVF is ahead of every other fusion in nothing that was measured.")
    assert "It is behind one or more in: clips whose sound belongs to what viewers follow." in said
    assert "level with add (+0.000); behind mul (-0.200)" in said
    assert "told from irrelevant on every seed by RAVF's selectivity (AUC 1.00 to 1.00)" in said
    assert "by 126 test videos of 3 seeds" in said
    assert f"for {len(found.comparisons)} comparisons" in said
    best = findings_of({"add": (0.6, 0.4), "ravf": (0.8, 0.5)})
    assert "ahead of every other fusion in: all clips; clips whose sound is" in paragraph(best)
    assert "behind" not in paragraph(best)
    two = findings_of({"visual": (0.4, 0.5), "add": (0.6, 0.5), "ravf": (0.8, 0.5)})
    assert "RAVF is ahead of visual and add (+0.200 to +0.400)" in paragraph(two)


def findings_of(levels: dict[str, tuple[float, float]]) -> Findings:
    parts = [frames(name, seed, *each) for name, each in levels.items() for seed in (1, 2)]
    return findings(of_videos(parts, RULES), FUSIONS, RULES)


def test_a_measure_separates_if_it_does_so_on_every_seed(found: Findings) -> None:
    by_name = {(each.fusion, each.measure): each for each in found.separations}
    assert by_name["ravf", "selectivity"].auc == {1: 1.0, 2: 1.0, 3: 1.0}
    assert by_name["ravf", "selectivity"].separates
    assert not by_name["ravf", "retention"].separates
    assert by_name["add", "change of the map"].separates
    assert ("ravf", "contribution") not in by_name  # undefined everywhere
    assert ("add", "retention") not in by_name


def test_the_headline_is_given_by_seed(found: Findings) -> None:
    gain = found.headline["sounding: CC of AV minus CC of V"]
    assert gain == pytest.approx({1: 0.3, 2: 0.3, 3: 0.3})
    own = found.headline["sounding: CC of AV with its sound minus with another video's"]
    assert own == pytest.approx({1: 0.4, 2: 0.4, 3: 0.4})


def test_what_is_missing_is_said(videos: pd.DataFrame) -> None:
    with pytest.raises(StoreError, match="expected ravf and another"):
        findings(videos[videos["fusion"] == "ravf"], FUSIONS, RULES)
    partly = videos[(videos["fusion"] != "add") | (videos["seed"] != 2)]
    with pytest.raises(StoreError, match="not every fusion was run on every seed"):
        findings(partly, FUSIONS, RULES)


def test_the_docs_show_what_was_kept(
    videos: pd.DataFrame, found: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = module_of(DOCS / "measured.py")
    monkeypatch.setattr(measured, "REFERENCE", tmp_path)
    regions = ("fusions", "spread of fusions")
    page = "".join(f"<!-- numbers: {each} -->\n<!-- end -->\n" for each in regions)
    assert measured.filled(page).count("No comparison has been kept yet.") == 2
    write_claim(tmp_path / "fusions" / "often", found, videos, SETTING)
    shown = measured.filled(page)
    assert paragraph(found) in shown
    assert "| selectivity | 1.000 | 1.000 | 1.000 | yes |" in shown
    assert "| sounding: CC of AV minus CC of V | 0.300 | 0.300 | 0.300 | 0.300 | 0.000 |" in shown


def test_the_files_hold_their_own_digests_and_repeat(
    videos: pd.DataFrame, found: Findings, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        write_claim(tmp_path / name, found, videos, SETTING)
    names = sorted(path.name for path in (tmp_path / "one").rglob("*") if path.is_file())
    for path in (tmp_path / "one").rglob("*.*"):
        twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == twin.read_bytes(), path.name
    assert {"results.json", "videos.csv", "fusions.png", "fusions.svg", "index.md"} <= {*names}
    content = files.unsealed((tmp_path / "one" / "results.json").read_bytes())
    assert content["paragraph"] == paragraph(found)
    assert content["sha256_videos"] == files.sha256(tmp_path / "one" / "videos.csv")
    kept = pd.read_csv(tmp_path / "one" / "videos.csv")
    again = findings(kept, FUSIONS, RULES)
    for before, after in zip(found.comparisons, again.comparisons, strict=True):
        assert after.verdict == before.verdict
        assert after.gap.value == pytest.approx(before.gap.value, abs=1e-6)
    page = (tmp_path / "one" / "index.md").read_text()
    assert "level with add" in page
    assert "0.001 (at the edge)" in page.replace("\\", "")
