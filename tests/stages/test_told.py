"""What the stage `report` tells MLflow of a workspace's scores."""

from __future__ import annotations

import json
from pathlib import Path

from avrsp import params, paths
from avrsp.report.about import About
from avrsp.report.compared import ComparedPlaces
from avrsp.report.inputs import ReportPlaces, gather
from avrsp.stages.report import scored
from avrsp.tracking import evaluations

ENTRY = {"cc": 0.5, "cc_interval": [0.4, 0.6], "videos": 3, "frames": 9, "dropped": 0,
         "missing": 0}  # fmt: skip
OTHERS = dict.fromkeys(("kl", "sim", "nss", "auc_judd"), 1.0)
ABOUT = About("sample", "mbt", (1, 2), 2411, "avrsp", ("diem",), "0123abcd")


def test_scores_are_told_with_their_fusion_data_and_trainings(workspace: Path) -> None:
    path = workspace / "params.yaml"
    text = path.read_text().replace("splits: [1]", "splits: [1, 2]")
    path.write_text(text.replace("fusion: ravf", "fusion: mbt"))
    loaded = params.load(paths.params_file())
    names = ReportPlaces.__dataclass_fields__
    compared = ComparedPlaces(*[workspace / "methods"] * 4)
    folders = {name: workspace / name for name in names if name != "compared"}
    places = ReportPlaces(**folders, compared=compared)
    places.manifest.write_text('{"preset": "sample", "datasets": {}}')
    entry = {**ENTRY, **OTHERS, **{f"{name}_interval": [0.0, 2.0] for name in OTHERS}}
    summary = {"datasets": {"diem": entry}, "mean": entry, "faults": []}
    places.pooled.mkdir()
    for name in ("v", "av", "uniform"):
        (places.pooled / f"{name}.json").write_text(json.dumps(summary))
    (places.models / "av-split2").mkdir(parents=True)
    (places.models / "av-split2" / "model.json").write_text('{"mlflow_run": "a-run"}')
    found = gather(places, ABOUT)
    visual, both = scored(loaded, found)
    assert (visual.method, visual.fusion) == ("V", "none")
    assert (both.method, both.fusion) == ("AV", "mbt")
    assert both.trained == {"1": "not recorded", "2": "a-run"}
    assert both.setting == visual.setting == evaluations.setting(loaded, found.manifest_digest)
    assert both.setting["splits"] == "[1, 2]"
    assert (both.scores["mean/cc"], both.scores["diem/cc_high"]) == (0.5, 0.6)
    assert both.commit == "0123abcd"
