"""A report is made of what was written, by the runs that were asked for, or says what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from avrsp import files
from avrsp.errors import StoreError
from avrsp.report.about import About
from avrsp.report.build_report import write_report
from avrsp.report.inputs import ReportPlaces, gather

pytestmark = pytest.mark.usefixtures("small_pictures")


@pytest.fixture
def copied(finished: ReportPlaces, tmp_path: Path) -> ReportPlaces:
    """The finished run with models and scores that a test may change."""
    for name in ("models", "scores"):
        shutil.copytree(getattr(finished, name), tmp_path / name)
    return replace(finished, models=tmp_path / "models", scores=tmp_path / "scores")


def test_runs_of_splits_that_were_not_asked_for_enter_no_figure(
    copied: ReportPlaces, about: About
) -> None:
    before = gather(copied, about)
    for folder, name in ((copied.models, "av-split"), (copied.scores, "av-split")):
        for path in [*folder.glob(f"{name}1*")]:
            stale = path.with_name(path.name.replace("split1", "split2"))
            shutil.copytree(path, stale) if path.is_dir() else shutil.copy(path, stale)
    after = gather(copied, about)
    assert [*after.histories] == [*before.histories] == ["pretrain", "v-split1", "av-split1"]
    assert after.models == before.models
    pd.testing.assert_frame_equal(after.rows, before.rows)
    assert "av-split2" in gather(copied, replace(about, splits=(1, 2))).histories


def another_number(path: Path) -> None:
    rows = pd.read_parquet(path)
    rows["cc"] += 0.1
    rows.to_parquet(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("change", [another_number, cut])
def test_a_changed_table_of_scores_is_refused(
    copied: ReportPlaces, about: About, change: Callable[[Path], None]
) -> None:
    change(copied.scores / "v-split1.parquet")
    with pytest.raises(StoreError, match=r"v-split1\.parquet: damaged scores"):
        gather(copied, about)


@pytest.mark.parametrize("content", ["{}", "[]", '{"mlflow_run": "\xff"}'])
def test_a_changed_description_of_a_model_is_refused(
    copied: ReportPlaces, about: About, content: str
) -> None:
    path = copied.models / "v-split1" / "model.json"
    sealed = files.with_own_digest({"mlflow_run": "a", "sha256": {}}, path.name)
    path.write_text(json.dumps(sealed))
    assert gather(copied, about).models["v-split1"]["mlflow_run"] == "a"
    if content == "{}":
        content = json.dumps({**sealed, "mlflow_run": "b"})
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(
        StoreError, match=r"v-split1/model\.json: (not what was written|cannot be read)"
    ):
        gather(copied, about)


def test_what_a_damaged_file_leaves_out_is_returned(
    finished: ReportPlaces, about: About, tmp_path: Path
) -> None:
    assert write_report(tmp_path / "whole", gather(finished, about)) == ()
    lost = replace(finished, stores=tmp_path / "nowhere")
    faults = write_report(tmp_path / "lost", gather(lost, about))
    assert any("nowhere/diem/" in fault for fault in faults)
