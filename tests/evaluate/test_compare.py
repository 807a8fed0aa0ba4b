"""`avrsp compare`: the p values are scipy's and Holm's, and unlike things are not compared."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from avrsp.cli import commands
from avrsp.errors import ParamsError, StoreError
from avrsp.evaluate.compare import (
    Comparison,
    ComparisonRules,
    Comparisons,
    compare,
    turned_by,
)
from avrsp.evaluate.compare_views import as_text
from avrsp.evaluate.intervals import holm
from avrsp.evaluate.score_table import write_rows
from avrsp.evaluate.summary import METRICS

FRAMES = 4
VIDEOS = 9

Change = Callable[[pd.DataFrame], pd.DataFrame]


def rows(
    scores: Sequence[float] | NDArray[np.float64], method: str = "one", protocol: str = "avrsp"
) -> pd.DataFrame:
    """Rows of one method; every metric of each frame has the video's score."""
    found = [
        {"dataset": "diem" if number % 2 else "avad", "split": "1", "video": f"v{number}"}
        | {"method": method, "protocol": protocol, "frame": frame, "fixations": 5 + frame}
        | {"predicted": True, "empty": False}
        | dict.fromkeys(METRICS, float(score))
        for number, score in enumerate(scores)
        for frame in range(FRAMES)
    ]
    return pd.DataFrame(found)


def write(path: Path, table: pd.DataFrame) -> Path:
    videos = [own for _, own in table.groupby(["method", "video"], sort=False)]
    tables = [pa.Table.from_pandas(own, preserve_index=False) for own in videos]
    write_rows(path, tables, tables[0].schema.remove_metadata())
    return path


@pytest.fixture
def scores() -> NDArray[np.float64]:
    rng = np.random.default_rng(5)
    return rng.normal([[0.55], [0.5], [0.52]], 0.1, (3, VIDEOS))


@pytest.fixture
def files(tmp_path: Path, scores: NDArray[np.float64]) -> list[Path]:
    names = ("one", "two", "three")
    return [
        write(tmp_path / f"{name}.parquet", rows(own, name))
        for name, own in zip(names, scores, strict=True)
    ]


def by_closed_testing(p: Sequence[float]) -> list[float]:
    """Holm's method from its definition as a closed test: Bonferroni in every intersection."""
    everything = range(len(p))
    subsets = [
        set(chosen)
        for size in range(1, len(p) + 1)
        for chosen in itertools.combinations(everything, size)
    ]
    return [
        max(min(1.0, len(own) * min(p[i] for i in own)) for own in subsets if each in own)
        for each in everything
    ]


def test_holm_is_the_closed_test_of_bonferroni() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 2, 5, 8):
        p = rng.uniform(0, 0.3, size).tolist()
        assert holm(p) == pytest.approx(by_closed_testing(p))
    assert holm([0.02, 0.02, 0.02]) == pytest.approx([0.06] * 3)


def test_what_is_not_defined_does_not_count_in_holms_correction() -> None:
    corrected = holm([0.04, np.nan, 0.01])
    assert corrected[::2] == pytest.approx([0.04, 0.02])
    assert np.isnan(corrected[1])


def mean_difference(
    one: NDArray[np.float64], two: NDArray[np.float64], axis: int
) -> NDArray[np.float64]:
    return np.asarray(np.mean(one - two, axis=axis))


def test_p_values_are_those_of_scipys_permutation_test(
    files: list[Path], scores: NDArray[np.float64]
) -> None:
    found = compare(files, ComparisonRules(metrics=["cc", "nss"], resamples=2000, seed=0))
    assert [(each.other, each.metric) for each in found.comparisons] == [
        (other, metric) for other in ("two", "three") for metric in ("cc", "nss")
    ]
    raw = []
    for each, other in zip(found.comparisons[::2], scores[1:], strict=True):
        exact = stats.permutation_test(
            (scores[0], other),
            mean_difference,
            permutation_type="samples",
            n_resamples=2**VIDEOS,
            vectorized=True,
        )
        assert each.difference == pytest.approx(exact.statistic)
        assert each.p == pytest.approx(exact.pvalue)
        raw += [exact.pvalue] * 2
    corrected = [each.p_holm for each in found.comparisons]
    assert corrected == pytest.approx(by_closed_testing(raw))


def test_many_videos_give_the_same_numbers_each_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.5, 0.1, (2, 60))
    paths = [
        write(tmp_path / "a.parquet", rows(first + 0.02, "a")),
        write(tmp_path / "b.parquet", rows(second, "b")),
    ]
    found = [
        compare(paths, ComparisonRules(metrics=["sim"], resamples=3000, seed=seed))
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]
    each = found[0].comparisons[0]
    difference = first + 0.02 - second
    assert each.p == pytest.approx(stats.ttest_rel(first + 0.02, second).pvalue, abs=0.03)
    expected = stats.bootstrap((difference,), np.mean, method="percentile", rng=2)
    assert (each.low, each.high) == pytest.approx(tuple(expected.confidence_interval), abs=0.004)


def test_gaze_that_was_recorded_by_mouse_is_said(
    tmp_path: Path, scores: NDArray[np.float64]
) -> None:
    for key, said in (("crowdsal", True), ("diem", False)):
        places = [
            write(tmp_path / f"{name}.parquet", rows(own, name).assign(dataset=key))
            for name, own in zip(("one", "two"), scores, strict=False)
        ]
        text = as_text(compare(places, ComparisonRules(resamples=20, seed=1)), 2)
        assert ("by mouse, not by an eye tracker, in: crowdsal." in text) == said


def test_a_method_does_not_differ_from_itself(tmp_path: Path, scores: NDArray[np.float64]) -> None:
    paths = [write(tmp_path / name, rows(scores[0])) for name in ("a.parquet", "b.parquet")]
    found = compare(paths, ComparisonRules(resamples=500, seed=0))
    assert [each.metric for each in found.comparisons] == list(METRICS)
    for each in found.comparisons:
        assert (each.difference, each.low, each.high) == (0, 0, 0)
        assert (each.p, each.p_holm) == (1, 1)
        assert (each.better, each.turned_by) == (0, None)
    assert str(paths[1]) in found.comparisons[0].other  # equal names are told apart


def test_exchanging_the_methods_changes_the_sign_only(files: list[Path]) -> None:
    there, back = (
        compare(each, ComparisonRules(resamples=500, seed=0)) for each in (files[:2], files[1::-1])
    )
    for one, two in zip(there.comparisons, back.comparisons, strict=True):
        assert one.difference == pytest.approx(-two.difference)
        assert (one.p, one.turned_by) == (two.p, two.turned_by)
        assert one.better + two.better == VIDEOS


def test_of_kl_less_is_better(files: list[Path]) -> None:
    found = {
        each.metric: each
        for each in compare(files[:2], ComparisonRules(resamples=50, seed=0)).comparisons
    }
    assert found["kl"].better == VIDEOS - found["cc"].better


def brute_turned_by(differences: NDArray[np.float64]) -> int:
    """The least number of videos without which what remains sums to 0 or the other sign."""
    sign = np.sign(differences.sum())
    for size in range(1, len(differences) + 1):
        for left_out in itertools.combinations(range(len(differences)), size):
            if sign * np.delete(differences, left_out).sum() <= 0:
                return size
    raise AssertionError


def test_the_videos_that_carry_the_sign_are_the_fewest_that_do() -> None:
    rng = np.random.default_rng(2)
    for _ in range(30):
        differences = rng.integers(-8, 12, 7).astype(float)
        if differences.sum():
            assert turned_by(differences) == brute_turned_by(differences)
    assert turned_by(np.array([0.1, 0.2, 0.3])) == 3


def test_the_videos_that_decide_come_first(tmp_path: Path) -> None:
    first, second = np.full(VIDEOS, 0.5), np.full(VIDEOS, 0.5)
    second[3], second[4] = 0.1, 0.6
    paths = [
        write(tmp_path / "a.parquet", rows(first, "a")),
        write(tmp_path / "b.parquet", rows(second, "b")),
    ]
    found = compare(paths, ComparisonRules(metrics=["cc"], resamples=50, seed=0))
    each = found.comparisons[0]
    assert [one.video for one in each.by_video[:2]] == ["diem/v3", "avad/v4"]
    assert [one.difference for one in each.by_video[:2]] == pytest.approx([0.4, -0.1])
    assert each.turned_by == 1
    assert "diem/v3 +0.400 (80%), avad/v4 -0.100 (20%)\n" in as_text(found, 2) + "\n"


def without_last(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["video"] != f"v{VIDEOS - 1}"]


REFUSED: dict[str, tuple[Change, str]] = {
    "protocol": (lambda t: t.assign(protocol="vinet"), "scored by vinet, but .* by avrsp"),
    "video": (without_last, "has no scores of avad/v8 in split 1 "),
    "dataset": (lambda t: t[t["dataset"] == "avad"], "has no scores of dataset diem "),
    "other name": (lambda t: t.assign(dataset="etmd"), "has no scores of dataset avad "),
    "split": (lambda t: t.assign(split="2"), "has no scores of avad/v0 in split 1 "),
    "frames": (lambda t: t[(t["video"] != "v2") | (t["frame"] > 0)], "fixations of avad/v2 "),
    "truth": (
        lambda t: t.assign(fixations=t["fixations"].where(t["video"] != "v1", 7)),
        "fixations of diem/v1 ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("swapped", [False, True])
def test_unlike_rows_are_refused_in_one_line(
    files: list[Path], tmp_path: Path, scores: NDArray[np.float64], name: str, swapped: bool
) -> None:
    change, expected = REFUSED[name]
    other = write(tmp_path / "other.parquet", change(rows(scores[1], "other")))
    pair = [other, files[0]] if swapped else [files[0], other]
    with pytest.raises(StoreError) as caught:
        compare(pair, ComparisonRules(resamples=10, seed=0))
    assert "\n" not in str(caught.value)
    if not swapped:
        assert caught.match(expected)


def test_of_several_protocols_one_is_chosen(tmp_path: Path, scores: NDArray[np.float64]) -> None:
    paths = [
        write(
            tmp_path / f"{name}.parquet",
            pd.concat([rows(own, name), rows(own + bonus, name, "vinet")]),
        )
        for name, own, bonus in (("a", scores[0], 0.3), ("b", scores[0], 0.0))
    ]
    with pytest.raises(ParamsError, match="choose one by --protocol"):
        compare(paths, ComparisonRules(resamples=10, seed=0))
    found = [
        compare(
            paths, ComparisonRules(protocol=name, metrics=["cc"], resamples=10, seed=0)
        ).comparisons[0]
        for name in ("avrsp", "vinet")
    ]
    assert [each.difference for each in found] == pytest.approx([0, 0.3])
    with pytest.raises(StoreError, match="not by stavis"):
        compare(paths, ComparisonRules(protocol="stavis", resamples=10, seed=0))


def test_what_cannot_be_compared_is_one_line(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="one method only"):
        compare(files[:1], ComparisonRules(resamples=10, seed=0))
    with pytest.raises(ParamsError, match="no video has a score in ig by both"):
        compare(files, ComparisonRules(metrics=["ig"], resamples=10, seed=0))
    with pytest.raises(StoreError, match="no rows of summe"):
        compare(files, ComparisonRules(datasets=["summe"], resamples=10, seed=0))
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(files[0].read_bytes()[:-100])
    with pytest.raises(StoreError, match="damaged scores"):
        compare([files[0], damaged], ComparisonRules(resamples=10, seed=0))
    with pytest.raises(StoreError, match="no such scores"):
        compare([files[0], tmp_path / "none.parquet"], ComparisonRules(resamples=10, seed=0))


def test_one_dataset_of_several(files: list[Path], scores: NDArray[np.float64]) -> None:
    found = compare(
        files[:2], ComparisonRules(datasets=["diem"], metrics=["cc"], resamples=50, seed=0)
    )
    assert found.comparisons[0].difference == pytest.approx((scores[0] - scores[1])[1::2].mean())
    assert found.comparisons[0].videos == VIDEOS // 2


def test_one_video_has_a_difference_and_no_p_value(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / f"{name}.parquet", rows([score], name))
        for name, score in (("a", 0.6), ("b", 0.5))
    ]
    found: Comparison = compare(
        paths, ComparisonRules(metrics=["cc"], resamples=50, seed=0)
    ).comparisons[0]
    assert found.difference == pytest.approx(0.1)
    assert (found.low, found.high, found.p, found.p_holm) == (None,) * 4


def test_frames_without_a_map_are_remarked(files: list[Path], tmp_path: Path) -> None:
    table = rows([0.4] * VIDEOS, "gaps")
    lost = (table["video"] == "v0") & (table["frame"] < 2)
    table = table.assign(predicted=~lost, cc=table["cc"].mask(lost))
    found = compare(
        [files[0], write(tmp_path / "gaps.parquet", table)], ComparisonRules(resamples=10, seed=0)
    )
    assert found.remarks == (f"gaps: 2 of {VIDEOS * FRAMES} frames have no map",)


def test_the_command_prints_a_table_json_and_a_picture(files: list[Path], workspace: Path) -> None:
    names = list(map(str, files))
    done = CliRunner().invoke(commands, ["compare", *names, "--plot", str(workspace / "p.png")])
    assert done.exit_code == 0, done.output
    assert "one minus two\n" in done.output
    assert "Holm: corrected for 10 comparisons" in done.output
    with Image.open(workspace / "p.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10
    as_json = CliRunner().invoke(commands, ["compare", *names, "--json"]).stdout
    found = Comparisons.model_validate(json.loads(as_json))
    assert as_text(found, 3) == done.output.rstrip("\n")
    assert {len(each.by_video) for each in found.comparisons} == {VIDEOS}
    wrong = CliRunner().invoke(commands, ["compare", *names, "--plot", "p.pdf"])
    assert isinstance(wrong.exception, ParamsError)
