"""Whether a run agrees with the reference run in git."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml  # noqa: TID251 - a test writes parameters of its own

from avrsp.evaluate.summary import DatasetScores, Estimate, Summary, write_summary
from avrsp.files import sealed, unsealed, write_json
from avrsp.report import reference_run
from avrsp.report.reference_run import bounds
from avrsp.stages import reference

METRICS = ("kl", "cc", "sim", "nss", "auc_judd")


def finish(workspace: Path, *, seed: int, av: float, listening: float = 0.33) -> None:
    """Write what a run of a seed leaves, with AV's CC and what it gains by sound."""
    file = workspace / "params.yaml"
    content = yaml.safe_load(file.read_text())
    content["seed"] = seed
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    reports = workspace / "reports"
    for name, cc in {"v": 0.6, "av": av, "centre-prior": 0.2}.items():
        metrics = {each: Estimate(value=cc) for each in METRICS}
        scores = DatasetScores(metrics=metrics, videos=58, frames=3728, dropped=0, missing=0)
        write_summary(
            reports / "pooled" / f"{name}.json",
            Summary(protocol="avrsp", datasets={"diem": scores}, mean=scores),
        )
    said = {"clips": "sounding", "text": "CC of AV minus CC of V", "value": listening}
    unknown = {"clips": "music", "text": "CC of AV minus CC of V", "value": None}
    write_json(reports / "reliance.json", sealed({"statements": [said, unknown]}))
    (reports / "tables").mkdir(exist_ok=True)
    (reports / "tables" / "overview.md").write_text(f"AV: {av}\n")


def ask(monkeypatch: pytest.MonkeyPatch, what: str) -> int:
    monkeypatch.setattr(sys, "argv", ["reference", what])
    try:
        reference.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def known(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a reference of three runs, the last of which is finished in it."""
    shutil.rmtree(workspace / "reports" / "reference", ignore_errors=True)
    for seed, av in ((1, 0.83), (2, 0.84), (3, 0.835)):
        finish(workspace, seed=seed, av=av)
        assert ask(monkeypatch, "write") == 0
    return workspace


def test_a_run_like_the_others_agrees(
    known: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(known, seed=4, av=0.842)
    assert ask(monkeypatch, "compare") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "agrees with the reference run: 16 numbers, 58 test videos, 3,728 scored frames"
    )


def test_a_run_that_differs_says_where(
    known: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(known, seed=4, av=0.5, listening=0.1)
    assert ask(monkeypatch, "compare") == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("differs from the reference run in: ")
    assert "AV: CC, mean of the sets" in last
    assert "sounding: CC of AV minus CC of V" in last
    assert "V: CC, mean of the sets" not in last.replace("AV: CC", "")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("fusion: ravf", "fusion: mbt", "fusion (mbt instead of ravf)"),
        ("recipe: {}", "recipe: { lr: 0.5 }", "recipe.lr (0.5 instead of None)"),
    ],
)
def test_other_parameters_are_not_compared(
    known: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    said: str,
) -> None:
    text = (known / "params.yaml").read_text()
    assert before in text
    (known / "params.yaml").write_text(text.replace(before, after, 1))
    assert ask(monkeypatch, "compare") == 0
    wanted = f"not compared with the reference run: params.yaml differs in {said}"
    assert wanted in capsys.readouterr().out


def test_too_few_frames_of_the_same_seed_are_noticed(
    known: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = known / "reports" / "pooled" / "v.json"
    content = unsealed(place.read_bytes())
    content["mean"]["frames"] = 3700
    write_json(place, content)
    assert ask(monkeypatch, "compare") == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith("scored frames")


def test_a_changed_result_is_noticed(
    known: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = known / "reports" / "reliance.json"
    place.write_text(place.read_text().replace('"value": 0.', '"value": 1.'))
    assert ask(monkeypatch, "compare") == 1
    assert "reliance.json: cannot be read (not what was written" in capsys.readouterr().err


def test_the_reference_keeps_every_run_and_the_last_tables(known: Path) -> None:
    folder = known / "reports" / "reference"
    runs = reference_run.read_runs(folder)
    assert [run.seed for run, _ in runs] == ["1", "2", "3"]
    assert runs[1][1]["AV: CC, mean of the sets"] == 0.84
    assert (folder / "tables" / "overview.md").read_text() == "AV: 0.835\n"


def test_bounds_are_students_prediction_interval() -> None:
    assert bounds([1.0, 2.0]) is None
    low, high = bounds([1.0, 2.0, 3.0]) or (0.0, 0.0)
    reach = 9.925 * 1.0 * (4 / 3) ** 0.5  # t of two degrees of freedom at 0.995, from a table
    assert (low, high) == pytest.approx((2 - reach, 2 + reach), abs=2e-3)


def test_a_number_that_was_the_same_in_every_run_agrees_beyond_the_noted_digits(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(workspace / "reports" / "reference", ignore_errors=True)
    for seed in (1, 2, 3):
        finish(workspace, seed=seed, av=0.83, listening=-0.123456789)
        assert ask(monkeypatch, "write") == 0
    assert ask(monkeypatch, "compare") == 0
    finish(workspace, seed=4, av=0.83, listening=-0.1235)
    assert ask(monkeypatch, "compare") == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "differs from the reference run in: sounding: CC of AV minus CC of V"


def test_bounds_hold_one_more_value_in_99_of_100() -> None:
    drawn = np.random.default_rng(1).normal(5, 2, (4000, 5))
    ends = [bounds([float(each) for each in row[:4]]) or (0.0, 0.0) for row in drawn]
    inside = [low <= row[4] <= high for (low, high), row in zip(ends, drawn, strict=True)]
    assert np.mean(inside) == pytest.approx(0.99, abs=0.006)
