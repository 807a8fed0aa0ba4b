"""Table V from a real MLflow store: one setting, the newest of each fusion, and what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from avrsp import params, paths
from avrsp.errors import AvrspError
from avrsp.evaluate.summary import Summary
from avrsp.files import sha256
from avrsp.params import Params
from avrsp.report.fusion_table import write_fusions
from avrsp.stages import fusions
from avrsp.stages.report import about
from avrsp.tracking import evaluations
from avrsp.tracking.evaluations import Evaluation

REPOSITORY = Path(__file__).parents[2]
METRICS = {"kl": 1.25, "sim": 0.5, "nss": 2.0, "auc_judd": 0.9}


def summary(cc: float) -> Summary:
    """A summary as the stage `pool` writes it; the NSS of AVAD is not defined."""
    values = {**METRICS, "cc": cc}
    ends = {f"{name}_interval": [value - 0.1, value + 0.1] for name, value in values.items()}
    counts = {"videos": 6, "frames": 540, "dropped": 2, "missing": 0}
    entry: dict[str, object] = {**values, **ends, **counts}
    undefined = {**entry, "nss": None, "nss_interval": [None, None]}
    return Summary.model_validate(
        {"datasets": {"diem": entry, "avad": undefined}, "mean": entry, "faults": []}
    )


def evaluation(fusion: str, cc: float, setting: dict[str, str]) -> Evaluation:
    return Evaluation(
        method="V" if fusion == "none" else "AV",
        fusion=fusion,
        setting=setting,
        scores=summary(cc).numbers(),
        trained={"1": f"training-of-{fusion}"},
        commit="c0ffee" * 6,
    )


@pytest.fixture(scope="module")
def loaded() -> Params:
    return params.load(REPOSITORY / "params.yaml")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, loaded: Params) -> Iterator[Path]:
    """A project whose database, which takes seconds to create, knows a handful of evaluations."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        (folder / ".avrsp").touch()
        patch.chdir(folder)
        place = paths.current().manifest(loaded.preset)
        place.parent.mkdir(parents=True)
        place.write_text('{"preset": "sample", "datasets": {}}')
        here = evaluations.setting(loaded, sha256(place))
        for each in (
            evaluation("none", 0.50, here),
            evaluation("ravf", 0.61, here),
            evaluation("ravf", 0.62, here),
            evaluation("ravf", 0.62, here),  # told twice
            evaluation("add", 0.40, here),
            evaluation("add", 0.99, {**here, "manifest": "f" * 64}),
            evaluation("mbt", 0.99, {**here, "seed": "1", "finetune.lr": "0.5"}),
            evaluation("concat", 0.99, {**here, "splits": "[1, 2, 3]"}),
        ):
            evaluations.record(
                folder,
                each,
                experiment=loaded.tracking.experiment,
                pipeline="sample ravf 12ab",
            )
        yield folder


def test_the_newest_of_each_fusion_of_this_setting_is_found(root: Path, loaded: Params) -> None:
    found = fusions.collect(loaded, sha256(paths.current().manifest(loaded.preset)), root)
    by_fusion = {each.fusion: each for each in found.experiments}
    assert [*by_fusion] == ["none", "add", "ravf"]
    cc = {
        name: each.summary.datasets["diem"].metrics["cc"].value for name, each in by_fusion.items()
    }
    assert cc == {"none": 0.5, "add": 0.4, "ravf": 0.62}
    assert by_fusion["ravf"].summary.by_dataset == summary(0.62).by_dataset
    assert by_fusion["ravf"].trained == ("training-of-ravf",)
    assert by_fusion["ravf"].commit == "c0ffee" * 6
    assert found.source == "mlflow.db"


def test_what_differs_in_more_than_the_fusion_is_named(root: Path, loaded: Params) -> None:
    found = fusions.collect(loaded, sha256(paths.current().manifest(loaded.preset)), root)
    said = sorted(re.sub(r"run \w{32}", "run", line) for line in found.left_out)
    assert said == [
        "concat (run): splits [1, 2, 3] instead of [1]",
        "mbt (run): seed 1 instead of 2411, finetune.lr 0.5 instead of 0.001",
    ]


def test_other_data_give_another_table(root: Path, loaded: Params) -> None:
    found = fusions.collect(loaded, "f" * 64, root)
    assert [each.fusion for each in found.experiments] == ["add"]
    assert found.experiments[0].summary.mean.metrics["cc"].value == 0.99
    assert fusions.collect(loaded, "e" * 64, root).experiments == ()


def test_an_evaluation_that_is_told_twice_is_one_run_and_nothing_waits(
    root: Path, loaded: Params
) -> None:
    known = evaluations.find(paths.root(), loaded.tracking.experiment, "AV")
    assert [each.scores["diem/cc"] for each in known if each.fusion == "ravf"] == [0.62, 0.61]
    assert [*(root / "data" / "records").iterdir()] == []


def test_the_page_shows_scores_run_ids_and_what_was_not_run(
    root: Path, loaded: Params, tmp_path: Path
) -> None:
    found = fusions.collect(loaded, sha256(paths.current().manifest(loaded.preset)), root)
    for name in "ab":
        write_fusions(tmp_path / name, replace(found), about(loaded))
    made = {path.name: path.read_bytes() for path in (tmp_path / "a").rglob("*.*")}
    assert made == {path.name: path.read_bytes() for path in (tmp_path / "b").rglob("*.*")}
    table = made["table-v.md"].decode()
    assert "| RAVF(Ours) | **0.500** | **0.620** |" in table
    assert "| MBT | not run | not run |" in table
    page = made["index.html"].decode()
    assert all(each.run in page for each in found.experiments)
    assert "Not run: mul, concat, bilinear, mbt." in page
    assert "-S &#39;fusion=mul,concat,bilinear,mbt&#39;" in page
    assert "seed 1 instead of 2411" in page


def test_the_program_writes_the_page_and_sends_what_waits(
    root: Path, loaded: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    fusions.main()
    assert (root / "reports" / "fusions" / "tables" / "table-v.tex").exists()
    assert "none, add, ravf; left out: 2" in capsys.readouterr().out


def test_a_server_that_is_away_is_an_error_in_one_line(
    root: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://name:secret@127.0.0.1:9")
    with pytest.raises(AvrspError, match="does not answer") as raised:
        fusions.collect(loaded, "0", root)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_only_what_changes_a_score_is_part_of_the_setting(loaded: Params) -> None:
    setting = evaluations.setting(loaded, "digest")
    assert {"manifest", "seed", "splits", "evaluation.protocol", "finetune.lr", "clip.length",
            "network.pairs", "compute.precision"} <= setting.keys()  # fmt: skip
    assert "fusion" not in setting
    assert not any(re.match(r"world|tracking|loading|presets|reliance", key) for key in setting)
    assert len(setting) < 100  # what MLflow takes at a time
    assert json.loads(json.dumps(setting)) == setting
