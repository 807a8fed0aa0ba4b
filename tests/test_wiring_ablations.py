"""workflow/ablations/dvc.yaml: every network of the tables, and all that its stages read."""

from __future__ import annotations

from typing import Any

import pytest
import yaml  # noqa: TID251 - a test may read what it checks

from avrsp.params.ablations import ABLATIONS
from avrsp.report import paper
from avrsp.report.tables import NAMES, ROWS
from tests.test_wiring import ROOT, code_read_by, sections_read_by

FILE: dict[str, Any] = yaml.safe_load((ROOT / "workflow" / "ablations" / "dvc.yaml").read_text())
MODULES = {"train": "ablation_train", "score": "ablation_score", "tables": "ablations"}
HOMES = ("data/ablations/", "reports/ablations/")


def test_every_network_is_listed_once() -> None:
    assert FILE["vars"][1]["networks"] == [*ABLATIONS]
    assert len(set(ABLATIONS.values())) == len(ABLATIONS)  # no network is run twice


@pytest.mark.parametrize("name", NAMES)
def test_every_printed_row_has_its_network(name: str) -> None:
    printed = dict.fromkeys(entry.method for entry in paper.printed(name))
    assert [*ROWS[name]] == [*printed]
    assert set(ROWS[name].values()) <= ABLATIONS.keys()


@pytest.mark.parametrize("stage", MODULES)
def test_a_stage_depends_on_all_that_it_reads(stage: str) -> None:
    module, listed = f"avrsp.stages.{MODULES[stage]}", FILE["stages"][stage]
    assert MODULES[stage] in listed["cmd"]
    code = {
        path
        for path in code_read_by(module)
        if not any(path == dep or path.startswith(f"{dep}/") for dep in listed["deps"])
    }
    assert code == set()
    assert set(sections_read_by(module)) <= set(listed["params"])


@pytest.mark.parametrize("stage", MODULES)
def test_ablations_write_into_folders_of_their_own(stage: str) -> None:
    outs = [*FILE["stages"][stage]["outs"], *FILE["stages"][stage].get("metrics", [])]
    for out in outs:
        ((name, settings),) = out.items()
        assert name.startswith(HOMES)
        assert settings == {"cache": False}  # else `dvc exp apply` fails where they never ran
    assert "ablations" not in (ROOT / "dvc.yaml").read_text().replace("report/ablations", "")
