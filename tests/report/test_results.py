"""Summaries as tables need them: read, named after their method, and pooled over splits."""

from __future__ import annotations

import json

import pytest

from avrsp.errors import StoreError
from avrsp.evaluate.summary import Estimate
from avrsp.report.inputs import ReportPlaces
from avrsp.report.results import read_results


def summary(cc: float, videos: int) -> dict[str, object]:
    values = dict.fromkeys(("kl", "cc", "sim", "nss", "auc_judd"), cc)
    ends = {f"{name}_interval": [cc - 0.1, cc + 0.1] for name in values}
    counts = {"videos": videos, "frames": 10 * videos, "dropped": 1, "missing": 0}
    return {**values, **ends, **counts}


def write(
    places: ReportPlaces, run: str, datasets: dict[str, dict[str, object]], mean: float
) -> None:
    places.metrics.mkdir(exist_ok=True)
    faults = ["avad/V1: no maps"]
    content = {"datasets": datasets, "mean": summary(mean, 9), "faults": faults}
    (places.metrics / f"{run}.json").write_text(json.dumps(content))


def numbers(estimate: Estimate | None) -> list[float]:
    assert estimate is not None
    return [each for each in (estimate.value, estimate.low, estimate.high) if each is not None]


def test_one_split_is_taken_as_it_is(places: ReportPlaces) -> None:
    undefined = {**summary(0.2, 3), "nss": None, "nss_interval": [None, None]}
    write(places, "av-split1", {"diem": summary(0.4, 5), "avad": undefined}, mean=0.3)
    write(places, "centre-prior-split1", {"diem": summary(0.1, 5)}, mean=0.1)
    results = read_results(places.metrics)
    assert numbers(results.find("AV", "diem", "cc")) == pytest.approx([0.4, 0.3, 0.5])
    assert results.find("AV", "avad", "nss") is None
    assert results.find("V", "diem", "cc") is None
    assert results.faults[0] == "av-split1: avad/V1: no maps"
    assert numbers(results.find("AV", "mean", "cc")) == pytest.approx([0.3, 0.2, 0.4])


def test_a_mean_is_over_the_same_datasets_as_the_models(places: ReportPlaces) -> None:
    both = {"diem": summary(0.4, 5), "avad": summary(0.2, 3)}
    write(places, "av-split1", both, mean=0.3)
    write(places, "centre-prior-split1", both, mean=0.1)
    write(places, "some", {"diem": summary(0.9, 5)}, mean=0.9)
    write(places, "more", {**both, "lab": summary(0.9, 5)}, mean=0.5)
    results = read_results(places.metrics)
    for method, mean in (("AV", 0.3), ("centre prior", 0.1)):
        found = results.find(method, "mean", "cc")
        assert found is not None
        assert found.value == pytest.approx(mean)
    assert results.find("some", "mean", "cc") is None
    assert results.find("more", "mean", "cc") is None
    assert results.find("some", "diem", "cc") is not None


def test_the_scores_of_all_splits_go_before_those_of_one(places: ReportPlaces) -> None:
    write(places, "v-split1", {"diem": summary(0.4, 1)}, mean=0.4)
    write(places, "v-split2", {"diem": summary(0.8, 3)}, mean=0.8)
    with pytest.raises(StoreError, match=r"all splits of V; run: dvc repro pool"):
        read_results(places.metrics)
    content = {"datasets": {"diem": summary(0.7, 4)}, "mean": summary(0.7, 4), "faults": []}
    places.pooled.mkdir()
    (places.pooled / "v.json").write_text(json.dumps(content))
    results = read_results(places.metrics, places.pooled)
    assert numbers(results.find("V", "diem", "cc")) == pytest.approx([0.7, 0.6, 0.8])
    assert results.methods["V"]["diem"].videos == 4
    assert len(results.faults) == 2


def test_splits_of_earlier_parameters_are_passed_over(places: ReportPlaces) -> None:
    write(places, "v-split1", {"diem": summary(0.4, 1)}, mean=0.4)
    write(places, "v-split2", {"diem": summary(0.8, 3)}, mean=0.8)
    results = read_results(places.metrics, splits=[1])
    assert numbers(results.find("V", "diem", "cc")) == pytest.approx([0.4, 0.3, 0.5])
    assert results.faults == ("v-split1: avad/V1: no maps",)


@pytest.mark.parametrize("content", ["{", "[]", '{"datasets": {}}', '{"datasets": 3, "mean": 1}'])
def test_what_is_no_summary_is_named(places: ReportPlaces, content: str) -> None:
    places.metrics.mkdir()
    (places.metrics / "v-split1.json").write_text(content)
    with pytest.raises(StoreError, match=r"v-split1\.json: not a summary"):
        read_results(places.metrics)
