"""What holds for the whole package: names that are found, files that hold an idea, what is core."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grimp

import avrsp

PACKAGE = Path(avrsp.__file__).parent
ENTRY_POINTS = {"stages", "cli"}
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"]

WORKFLOW = ("dvc", "jinja2", "mlflow", "requests", "snakemake")
"""What the extras bring; the core starts and works without."""


def test_no_two_files_share_a_name() -> None:
    inner = [path for path in MODULES if path.parent.name not in ENTRY_POINTS]
    counts = Counter(path.name for path in inner)
    assert [name for name, count in counts.items() if count > 1] == []


def test_a_file_has_at_most_400_lines() -> None:
    assert [path.name for path in MODULES if len(path.read_text().splitlines()) > 400] == []


def test_a_short_file_has_more_than_one_importer() -> None:
    graph = grimp.build_graph("avrsp", cache_dir=None)
    for path in MODULES:
        module = ".".join(("avrsp", *path.relative_to(PACKAGE).with_suffix("").parts))
        if path.parent.name in ENTRY_POINTS or path.stem.endswith(("entry", "__main__")):
            continue  # a program, or what the registry looks for
        importers = graph.find_modules_that_directly_import(module)
        short = len(path.read_text().splitlines()) < 60
        assert not (short and len(importers) == 1), f"{module} belongs into {importers}"


def test_functions_have_at_most_60_lines() -> None:
    long = [
        f"{path.name}:{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []


def test_only_programs_look_for_a_workspace() -> None:
    """Elsewhere every path is an argument, so that the library needs no folder of ours."""
    looking = {"cache", "current", "find_workspace", "home", "params_file", "root", "workspace"}
    for path in MODULES:
        if path.parent.name in ENTRY_POINTS or path.name == "paths.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "paths":
                assert node.attr not in looking, f"{path.name} line {node.lineno}"


NAMES_ELSEWHERE = {"models", "runs.py"}
"""Variants of published networks bear the names of their files; the other one is the one place."""

RUN_NAME = re.compile(r"v|av|AV|(v|av)-split.*")


def test_runs_are_named_in_one_place() -> None:
    """What V and AV are called in files, tables and figures stands in `avrsp.params.runs`."""
    found = [
        f"{path.relative_to(PACKAGE)} line {node.lineno}: {node.value!r}"
        for path in MODULES
        if NAMES_ELSEWHERE.isdisjoint(path.relative_to(PACKAGE).parts)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and RUN_NAME.fullmatch(node.value)
    ]
    assert found == []


def test_public_names_are_there() -> None:
    for name in avrsp.__all__:
        assert getattr(avrsp, name) is not None
    assert "predict" in dir(avrsp)


def test_the_core_works_without_what_the_extras_bring(tmp_path: Path) -> None:
    """A program in which importing them fails imports the core and scores a map."""
    code = f"""
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {WORKFLOW}:
            raise ImportError(f"{{name}} is not part of the core")
sys.meta_path.insert(0, Refused())
import avrsp, torch
from avrsp.cli import commands
avrsp.predict, avrsp.models, avrsp.open_maps, avrsp.open_store, avrsp.datasets
density = torch.rand(12, 16)
assert abs(float(avrsp.metrics.cc(density, density)) - 1) < 1e-5
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
