"""dvc.yaml lists what each stage reads: folders of code, and the outs of earlier stages."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import grimp
import pytest
import yaml  # noqa: TID251 - a test may read what it checks
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

from avrsp import models
from avrsp.models.recipe import MethodRecipe
from avrsp.models.registry import ModelSpec
from avrsp.params import FUSIONS as FUSION_NAMES
from avrsp.params.ablations import ABLATIONS as NETWORKS
from avrsp.params.runs import AUDIO_VISUAL, VISUAL, AblationName
from avrsp.report import paper
from avrsp.report.ablation_tables import NAMES, ROWS
from avrsp.stages.networks import Network, networks, visual

ROOT = Path(__file__).parents[1]
MAIN: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
ABLATIONS: dict[str, Any] = yaml.safe_load((ROOT / "workflow/ablations/dvc.yaml").read_text())
METHODS: dict[str, Any] = yaml.safe_load((ROOT / "workflow/methods/dvc.yaml").read_text())
FUSIONS: dict[str, Any] = yaml.safe_load((ROOT / "workflow/fusions/dvc.yaml").read_text())
STAGES: dict[str, Any] = {
    **MAIN["stages"],
    **{f"ablations/{name}": stage for name, stage in ABLATIONS["stages"].items()},
    **{f"methods/{name}": stage.get("do", stage) for name, stage in METHODS["stages"].items()},
    **{f"fusions/{name}": stage for name, stage in FUSIONS["stages"].items()},
}


def command_of(stage: Any) -> str:
    """Return the command that makes a stage's outs: the last one, what goes before only checks."""
    command = str(stage["cmd"][-1] if isinstance(stage["cmd"], list) else stage["cmd"])
    return re.sub(r"python -m avrsp\.stages\.seed_workspace \S+ \S+ ", "", command)


PROGRAMS = {
    name: match.group(1)
    for name, stage in STAGES.items()
    if (match := re.match(r"python -m (avrsp\.stages\.\w+)", command_of(stage)))
}

# How things are said, typed, written, recorded and started changes no result; what a store,
# a map or a score holds is known by the files themselves, not by the code that made them.
WITHOUT_EFFECT = {
    "errors", "files", "forkserver", "params", "paths", "processes", "progress", "stages",
    "tracking", "workers",
}  # fmt: skip

# A stage that only looks things up there does not depend on how they are made.
READS = {
    "check": {"datasets", "models", "store", "types"},
    "videos": {"store"},
    "videos-pretrain": {"store"},
    "ablations/videos": {"store"},
    "pool": {"datasets", "media"},
    "report": {"datasets", "models", "store", "types"},
    "methods/tables": {"datasets", "models", "store", "types"},
    "fusions/videos": {"store"},
    "fusions/compare": {"compute", "datasets", "media", "metrics", "models", "store", "types"},
}  # fmt: skip


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("avrsp", cache_dir=None)


def folders_run_by(module: str) -> set[str]:
    """Return the package's folders, or top-level files, that hold what a program imports."""
    upstream = {module, *imports().find_upstream_modules(module)}
    return {name.split(".")[1] for name in upstream if "." in name} - WITHOUT_EFFECT


def listed(stage: str) -> set[str]:
    """Return the package's folders and files that a stage depends on."""
    deps = [dep for dep in STAGES[stage]["deps"] if dep.startswith("avrsp/")]
    return {dep.split("/")[1].removesuffix(".py") for dep in deps} - WITHOUT_EFFECT


@pytest.mark.parametrize("stage", PROGRAMS)
def test_a_stage_depends_on_the_folders_that_it_runs_and_on_no_others(stage: str) -> None:
    run = folders_run_by(PROGRAMS[stage]) - READS.get(stage, set())
    assert listed(stage) == run


def test_folders_of_code_are_whole() -> None:
    """A dependency on a part of a folder would be a list to keep by hand again."""
    for stage in STAGES.values():
        for dep in stage["deps"]:
            if dep.startswith("avrsp/") and not dep.startswith(("avrsp/params", "avrsp/stages")):
                assert dep.count("/") == 1, dep


def test_the_visual_stages_do_not_depend_on_the_fusion() -> None:
    assert "fusion" in STAGES["finetune-av"]["params"]
    for name in ("preprocess", "pretrain", "finetune-v", "predict", "evaluate"):
        assert "fusion" not in STAGES[name]["params"]


def test_no_out_is_named_after_the_fusion() -> None:
    outs = [stage["outs"] for stage in MAIN["stages"].values()]
    assert "fusion" not in str(outs)


def test_only_what_preprocessing_keeps_persists() -> None:
    persistent = [name for name, stage in STAGES.items() if "persist" in str(stage.get("outs"))]
    assert persistent == ["preprocess", "fusions/world"]


def test_the_chain_does_not_depend_on_the_ablations_or_the_compared_methods() -> None:
    assert "ablations" not in str(MAIN)
    assert "methods" not in str(MAIN)
    assert "fusions" not in str(MAIN)


def test_no_comparison_of_fusions_is_chosen_and_all_of_table_v_can_be() -> None:
    chosen, whole = (
        yaml.safe_load((ROOT / "workflow/fusions" / name).read_text())
        for name in ("chosen.yaml", "all.yaml")
    )
    assert chosen.keys() == whole.keys()
    assert not any(chosen.values())
    assert whole["compared"] == [*FUSION_NAMES]
    known = yaml.safe_load((ROOT / "params.yaml").read_text())["fusions"]
    assert known["rate_seed"] in whole["seeds"]
    assert {*whole["worlds"]} <= known["worlds"].keys()
    for stage in FUSIONS["stages"].values():
        assert stage["matrix"]["world"] == "${worlds}"


def _ours(entry: ModelSpec) -> bool:
    """Whether a network is the package's own: other tests register networks of theirs."""
    return entry.settings.__module__.startswith("avrsp.")


def test_every_published_network_is_a_compared_method() -> None:
    listed = yaml.safe_load((ROOT / "workflow/methods/all.yaml").read_text())
    entries = [models.spec(name) for name in models.names()]
    published = [each.name for each in entries if each.checkpoints and _ours(each)]
    assert sorted(listed["models"]) == published
    wanted = [each for each in networks().values() if each.model in published]
    assert sorted(listed["methods"]) == sorted(each.name for each in wanted)
    hearing = {each.name: visual(each).name for each in wanted if each.kind == AUDIO_VISUAL}
    assert listed["hearing"] == hearing
    own = {f"{model}-v" for model in published} | {f"vinet-{each}" for each in listed["variants"]}
    own |= {f"stavis-{each}" for each in listed["stavis_with_sound"]}
    assert own == {each.name for each in wanted}


def test_no_compared_method_is_chosen_and_each_list_of_all_can_be() -> None:
    """Else `dvc status`, `dvc dag` and `dvc metrics show` are full of what was never run."""
    chosen = yaml.safe_load((ROOT / "workflow/methods/chosen.yaml").read_text())
    assert chosen.keys() == yaml.safe_load((ROOT / "workflow/methods/all.yaml").read_text()).keys()
    assert not any(chosen.values())
    assert METHODS["vars"] == ["../../params.yaml", "chosen.yaml"]
    for stage in METHODS["stages"].values():
        lists = stage.get("matrix") or {"": stage["foreach"]}
        assert {each[2:-1] for each in lists.values()} & chosen.keys()


@pytest.mark.filterwarnings("default")  # what DVC says of itself is not ours
def test_dvc_shows_the_stages_of_the_chain_only() -> None:
    with Repo(str(ROOT)) as repo:
        assert {each.path_in_repo for each in repo.index.stages} == {"dvc.yaml"}
        assert [str(each) for each in repo.index.metrics] == ["reports/metrics.json"]


def test_what_a_compared_method_starts_from_is_what_its_recipe_says() -> None:
    starts = {each.name: recipe_of(each).follows for each in networks().values()}
    assert {name for name, start in starts.items() if start == VISUAL} == {"stavis-av"}
    assert "stavis-v/models/stavis-v-split" in str(STAGES["methods/train-stavis"]["deps"])
    for name in ("methods/train-v", "methods/train-vinet"):
        assert "data/methods/pretraining/" in str(STAGES[name]["deps"])


def recipe_of(network: Network) -> MethodRecipe:
    return models.spec(network.model).recipe_for(audio=network.kind == AUDIO_VISUAL)


def test_every_network_of_the_ablations_can_be_named_and_none_is() -> None:
    """Else `dvc status`, `dvc dag` and `dvc metrics show` are full of what was never run."""
    assert [*get_args(AblationName)] == [*NETWORKS]
    assert len(set(NETWORKS.values())) == len(NETWORKS)  # no network is run twice
    for stage in ABLATIONS["stages"].values():
        assert stage["matrix"] == {"network": "${ablations}"}
    assert yaml.safe_load((ROOT / "params.yaml").read_text())["ablations"] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_printed_row_has_its_network(name: str) -> None:
    printed = dict.fromkeys(entry.method for entry in paper.printed(name))
    assert [*ROWS[name]] == [*printed]
    assert set(ROWS[name].values()) <= NETWORKS.keys()


@pytest.mark.parametrize("pipeline", ["ablations", "methods", "fusions"])
def test_pipelines_beside_the_chain_are_not_cached(pipeline: str) -> None:
    """Else `dvc exp apply` fails where they never ran."""
    for name, stage in STAGES.items():
        if not name.startswith(f"{pipeline}/"):
            continue
        for out in stage["outs"] + stage.get("metrics", []):
            ((place, settings),) = out.items()
            assert place.startswith((f"data/{pipeline}/", f"reports/{pipeline}/"))
            assert settings["cache"] is False


@pytest.mark.filterwarnings("default")  # what DVC says of itself is not ours
def test_the_lock_is_about_these_stages() -> None:
    """What dvc.lock notes of a run, its commands, dependencies and outs, is what dvc.yaml says."""
    path = ROOT / "dvc.lock"
    if not path.exists():
        pytest.skip("no dvc.lock: no run of the sample was committed")
    noted: dict[str, Any] = yaml.safe_load(path.read_text())["stages"]
    with Repo(str(ROOT)) as repo:
        own = [each for each in repo.index.stages if each.path_in_repo == "dvc.yaml"]
        stages = {each.name: each for each in own}
    assert noted.keys() == stages.keys()
    for name, stage in stages.items():
        assert noted[name]["cmd"] == stage.cmd, name
        deps = {dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)}
        assert {each["path"] for each in noted[name].get("deps", ())} == deps, name
        assert {each["path"] for each in noted[name]["outs"]} == {
            out.def_path for out in stage.outs
        }, name
