"""The MSU group's scorings against what their own code gave on maps made by a rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from avrsp import metrics
from avrsp.evaluate import msu_scores
from tests.golden import msu_inputs

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "msu_protocols.json").read_text())
CASES = GOLDEN["cases"]


def arrays(name: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return prediction, truth and fixations of a case; they are those that were scored."""
    case, stem = CASES[name], f"msu:{GOLDEN['set']}:{name}"
    drawn = "truth" if case["prediction"].get("field") == "truth" else "prediction"
    pred = msu_inputs.picture(f"{stem}:{drawn}", case["prediction"])
    truth = msu_inputs.picture(f"{stem}:truth", case["truth"])
    points = msu_inputs.fixations(f"{stem}:fixations", case["fixations"], truth)
    found = {"prediction": pred, "truth": truth, "fixations": points}
    assert {key: msu_inputs.digest(each) for key, each in found.items()} == case["sha256"]
    return plane(pred), plane(truth), points


def plane(picture: NDArray[Any]) -> NDArray[Any]:
    return picture if picture.ndim == 2 else picture.mean(2)


@pytest.mark.parametrize("name", CASES)
def test_the_challenges_scores(name: str) -> None:
    pred, truth, points = arrays(name)
    found = dict(zip(msu_scores.NAMES, msu_scores.challenges(pred, truth, points), strict=True))
    moved, single = pred.shape != truth.shape, CASES[name]["prediction"]["kind"] == "gray"
    for metric, expected in CASES[name]["v1"].items():
        same = 5e-7 if single else 1e-12
        near = (1e-4 if metric == "auc_judd" else 1e-7) if moved else same
        assert found[metric] == pytest.approx(expected, rel=0, abs=near), metric


@pytest.mark.parametrize("name", CASES)
def test_the_scores_of_crowdsal(name: str) -> None:
    pred, truth, points = arrays(name)
    expected = CASES[name]["v2"]
    if "not_applicable" in expected:
        pytest.skip(expected["not_applicable"])
    if "error" in expected:
        with pytest.raises(ValueError, match="as the ground truth"):
            msu_scores.crowdsal(pred, truth, points)
        return
    found = dict(zip(msu_scores.NAMES, msu_scores.crowdsal(pred, truth, points), strict=True))
    for metric, value in expected.items():
        near = 1e-9 if metric == "auc_judd" else 1e-6
        assert found[metric] == pytest.approx(value, rel=0, abs=near), metric


@pytest.mark.parametrize("name", CASES)
def test_our_auc_is_that_of_crowdsal_where_no_fixation_is_repeated(name: str) -> None:
    pred, truth, points = arrays(name)
    expected = CASES[name]["v2"].get("auc_judd")
    few = len(np.unique(points, axis=0)) == len(points) < truth.size
    if expected is None or not few:
        return
    levels = np.rint(msu_scores.scaled(pred).astype(np.float32) * 65535)
    assert metrics.auc_judd(levels, points).item() == pytest.approx(expected, abs=1e-9)


def test_frames_are_averaged_by_video() -> None:
    averaging = GOLDEN["averaging"]
    spec = {"kind": "rgb", "bits": 16, "block": 3, "radius": 2, "passes": 2, "power": 2,
            "low": 0, "high": 65535, "step": 1}  # fmt: skip
    means = []
    for name, clip in averaging["clips"].items():
        size = {"height": clip["height"], "width": clip["width"]}
        scores = []
        for frame in range(clip["frames"]):
            stem = f"msu:{GOLDEN['set']}:{name}:{frame}"
            pred = msu_inputs.picture(f"{stem}:prediction", spec | size)
            truth = msu_inputs.picture(f"{stem}:truth", spec | size)
            chosen = {"count": clip["fixations_a_frame"], "candidates": 3}
            points = msu_inputs.fixations(f"{stem}:fixations", chosen, truth)
            scores.append(msu_scores.challenges(plane(pred), plane(truth), points))
        means.append(np.mean(scores, 0))
    expected = [averaging["v1_overall"][name] for name in msu_scores.NAMES]
    np.testing.assert_allclose(np.mean(means, 0), expected, atol=1e-12)
