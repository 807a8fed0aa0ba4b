"""dvc.yaml lists what each stage reads; params.yaml holds nothing that nobody reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import grimp
import pytest
import yaml  # noqa: TID251 - a test may read what it checks

from avrsp.params import Params, Section
from avrsp.params.sections import WorldVideos
from avrsp.store.manifest import Role

ROOT = Path(__file__).parents[1]
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PYTHON_STAGES = {
    name: match.group(1)
    for name, stage in STAGES.items()
    if (match := re.match(r"python -m avrsp\.stages\.(\w+)", stage["cmd"]))
}

# How things are said, typed and written; a change there changes no result worth days of training.
FOUNDATION = {"errors", "files", "params", "paths", "processes", "progress"}

CHOSEN_BY_NAME = {
    "sample",
    "paper",
    *WorldVideos.model_fields,
    *get_args(Role),
    "sounding",
    "music",
}


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("avrsp", cache_dir=None)


def source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def code_read_by(module: str) -> Iterator[str]:
    for name in {module, *imports().find_upstream_modules(module)}:
        path = source(name)
        if name.split(".")[1:2] and name.split(".")[1] in FOUNDATION:
            continue
        if path.name != "__init__.py" or len(ast.parse(path.read_text()).body) > 1:
            yield path.relative_to(ROOT).as_posix()


def sections_read_by(module: str) -> Iterator[str]:
    """Yield the attributes taken from the loaded parameters, as dvc.yaml spells them."""
    for node in ast.walk(ast.parse(source(module).read_text())):
        if not isinstance(node, ast.Attribute):
            continue
        match ast.unparse(node.value):
            case "loaded":
                if node.attr in Params.model_fields:
                    yield node.attr
            case "loaded.active" | "preset":
                yield f"presets.${{preset}}.{node.attr}"


@pytest.mark.parametrize("stage", PYTHON_STAGES)
def test_a_stage_depends_on_all_the_code_that_it_runs(stage: str) -> None:
    listed = STAGES[stage]["deps"]
    missing = {
        path
        for path in code_read_by(f"avrsp.stages.{PYTHON_STAGES[stage]}")
        if not any(path == dep or path.startswith(f"{dep}/") for dep in listed)
    }
    assert not missing


@pytest.mark.parametrize("stage", PYTHON_STAGES)
def test_a_stage_depends_on_no_module_or_package_that_it_does_not_run(stage: str) -> None:
    run = {*code_read_by(f"avrsp.stages.{PYTHON_STAGES[stage]}")}
    spare = {
        dep
        for dep in STAGES[stage]["deps"]
        if dep.startswith("avrsp/") and dep.split("/")[1] not in FOUNDATION
        if not any(path == dep or path.startswith(f"{dep}/") for path in run)
    }
    assert not spare


@pytest.mark.parametrize("stage", PYTHON_STAGES)
def test_a_stage_depends_on_all_the_parameters_that_it_reads(stage: str) -> None:
    listed = {key for key in STAGES[stage]["params"] if isinstance(key, str)}
    if {"params.yaml": None} in STAGES[stage]["params"]:  # the whole file
        return
    assert set(sections_read_by(f"avrsp.stages.{PYTHON_STAGES[stage]}")) - listed == set()


def test_the_visual_stages_do_not_depend_on_the_fusion() -> None:
    assert "fusion" in STAGES["finetune-av"]["params"]
    for name in ("preprocess", "pretrain", "finetune-v", "predict-v", "evaluate-v"):
        assert "fusion" not in STAGES[name]["params"]


def test_no_out_is_named_after_the_fusion() -> None:
    assert "fusion" not in str([stage["outs"] for stage in STAGES.values() if "outs" in stage])


def test_only_the_manifest_persists() -> None:
    persistent = [name for name, stage in STAGES.items() if "persist" in str(stage.get("outs"))]
    assert persistent == ["preprocess"]


def fields(section: type[Section]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        yield name
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from fields(kind)


def test_every_parameter_is_read_somewhere() -> None:
    code = "\n".join(
        path.read_text()
        for folder in ("avrsp", "workflow")
        for pattern in ("*.py", "*.smk")
        for path in (ROOT / folder).rglob(pattern)
    )
    unread = {name for name in fields(Params) if not re.search(rf"\.{name}\b|\[\"{name}\"\]", code)}
    assert unread - CHOSEN_BY_NAME == set()
