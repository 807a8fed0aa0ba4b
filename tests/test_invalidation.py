"""What a change of a parameter repeats: every leaf of params.yaml is changed, and DVC is asked."""

from __future__ import annotations

import ast
import copy
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from ruamel.yaml import YAML  # noqa: TID251 - a test may change what it checks

from avrsp.store.manifest import DatasetEntry, Manifest, Role, Verdict, write_record
from tests.pipeline.conftest import REPOSITORY, git, running_in

# what DVC and its dependencies say of themselves is not ours
pytestmark = pytest.mark.filterwarnings("default")

SPLIT_STAGES = ("finetune-v@1", "finetune-av@1", "predict@v-1", "predict@av-1")
LISTS = ("videos-pretrain", "videos@1")
TRAINING = ("pretrain", "finetune-v@1", "finetune-av@1")
SCORING = ("evaluate@v-1", "evaluate@av-1", "references@1")
PREDICTING = ("predict@v-1", "predict@av-1")
LAST = ("pool", "reliance", "report")
OF_SPLIT_2 = tuple(stage.replace("1", "2") for stage in ("videos@1", *SPLIT_STAGES, *SCORING))
NONE: tuple[str, ...] = ()

# Which stages a parameter is read by, besides `check`, which reads them all. First match counts.
TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("preset", (*("preprocess", *LISTS, *TRAINING), *PREDICTING, *SCORING, *LAST), "another world"),
    ("model", (*TRAINING, "report"), "another network"),
    ("fusion", ("finetune-av@1", "report"), "V hears nothing"),
    ("variant", ("finetune-av@1",), "which network hears"),
    ("settings", TRAINING, "parts of any network"),
    ("recordings", ("preprocess", "report"), "which folders are datasets, and their titles"),
    ("splits", (*OF_SPLIT_2, *LAST), "another split has stages of its own"),
    ("ablations", NONE, "a pipeline of its own"),
    (r"fusions\..*", NONE, "a pipeline of its own"),
    ("seed", ("preprocess", *TRAINING, *SCORING, *LAST), "draws and intervals"),
    ("pretraining_set", ("preprocess", "videos-pretrain", "pretrain"), "which sets are converted"),
    ("audio_visual_sets", (*("preprocess", "videos@1"), *SPLIT_STAGES, *SCORING,
                           *("reliance", "report")), "sets"),
    ("validation_fraction", ("preprocess",), "the manifest holds the roles"),
    (r"data\..*", ("preprocess",), "where raw data comes from"),
    (r"world\..*", ("preprocess",), "the generated world"),
    (r"loss\..*|optimiser\..*", TRAINING, "the update"),
    (r"training\..*", TRAINING, "whether one may leave videos out"),
    (r"network\.(synergy|gate|pairs)", TRAINING, "parts of both networks"),
    (r"network\.(blocks|heads)", ("finetune-av@1",), "parts of the fusion"),
    (r"evaluation\..*", (*SCORING, "pool", "reliance", "report"), "scores and intervals"),
    (r"reliance\..*", ("reliance",), "the frames shown with other sounds"),
    (r"tracking\..*", NONE, "where runs are recorded changes no result"),
    (r"presets\.paper\..*", NONE, "another preset's"),
    (r"presets\.sample\.clip\..*", ("preprocess", *TRAINING), "stores are at network size"),
    (r"presets\.sample\.store\..*", ("preprocess",), "the layout of a store"),
    (r"presets\.sample\.encoder\.(width|momentum)", TRAINING, "both networks' encoder"),
    (r"presets\.sample\.encoder\.from_scratch", ("pretrain", "finetune-av@1"), "their start"),
    (r"presets\.sample\.encoder\.(s3d|resnet3d|mobilenet)", ("pretrain",), "the first phase's"),
    (r"presets\.sample\.encoder\.soundnet", ("finetune-av@1",), "V hears nothing"),
    (r"presets\.sample\.pretrain\..*", ("pretrain",), "its schedule"),
    (r"presets\.sample\.finetune\..*", ("finetune-v@1", "finetune-av@1"), "their schedule"),
    (r"presets\.sample\.ablation\..*", NONE, "a pipeline of its own"),
    (r"presets\.sample\.loading\..*", NONE, "clips do not depend on who reads them"),
    (r"presets\.sample\.compute\.(device|precision)", (*TRAINING, *PREDICTING, "reliance"), "sums"),
    (r"presets\.sample\.compute\.compile", TRAINING, "arithmetic of training"),
    (r"presets\.sample\.compute\.(checkpointing|windows)", NONE, "speed and memory only"),
)  # fmt: skip


def leaves(tree: Any, prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


GIVEN = "given.json"
"""The manifest that the pipeline's `preprocess` copies."""

PARAMS: dict[str, Any] = YAML(typ="safe").load((REPOSITORY / "params.yaml").read_text())


def words_of_the_code() -> set[str]:
    """Return the attributes that code outside of `params` reads, and its texts."""
    found = set()
    for path in (REPOSITORY / "avrsp").rglob("*.py"):
        if path.parent.name != "params":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute):
                    found.add(node.attr)
                elif isinstance(node, ast.Constant):
                    found.add(str(node.value))
    return found


def test_every_leaf_is_read() -> None:
    """A number that nobody reads would be a promise that is not kept."""
    read = words_of_the_code()
    assert [leaf for leaf in leaves(PARAMS) if leaf.rpartition(".")[2] not in read] == []


def changed(tree: dict[str, Any], leaf: str) -> dict[str, Any]:
    """Return the parameters with another value at `leaf`, which need not be an allowed one."""
    other = copy.deepcopy(tree)
    *sections, name = leaf.split(".")
    place = other
    for section in sections:
        place = place[section]
    if leaf == "preset":
        place[name] = "paper"
    elif leaf == "splits":
        place[name] = [2]
    else:
        place[name] = f"{place[name]} changed"
    return other


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real dvc.yaml with stages that write a word into each out, once run to its end.

    Only the stages that list videos are real; the manifest that they read is copied from `GIVEN`.
    """
    folder = tmp_path_factory.mktemp("project")
    for name in (
        ".avrsp",
        "dvc.yaml",
        "params.yaml",
        ".dvc",
        "avrsp",
        "workflow",
        "profiles",
        "Snakefile",
    ):
        source = REPOSITORY / name
        copy_of = shutil.copytree if source.is_dir() else shutil.copy2
        copy_of(source, folder / name)
    for name in ("sheets", "weights", "others"):
        shutil.copytree(REPOSITORY / "data" / name, folder / "data" / name)
    for place in (".dvc/cache", ".dvc/tmp", "workflow/ablations", "workflow/fusions"):
        shutil.rmtree(folder / place, ignore_errors=True)
    pipeline = YAML(typ="safe").load((folder / "dvc.yaml").read_text())
    for name, stage in pipeline["stages"].items():
        if name.startswith("videos"):
            continue
        outs = [*stage.get("outs", []), *stage.get("metrics", [])]
        names = [next(iter(out)) if isinstance(out, dict) else out for out in outs]
        # a file is named with its suffix; anything else is a folder of one file
        places = [name if Path(name).suffix else f"{name}/word.txt" for name in names]
        made = " ".join(f"{Path(place).parent}" for place in places)
        stage["cmd"] = [f"mkdir -p {made}", *(f"echo '{{}}' > {place}" for place in places)]
    preprocess = pipeline["stages"]["preprocess"]
    preprocess["deps"].append(GIVEN)
    preprocess["cmd"].append(f"cp {GIVEN} data/store/sample/manifest.json")
    write_record(folder / GIVEN, manifest())
    del pipeline["plots"]
    with (folder / "dvc.yaml").open("w") as stream:
        YAML().dump(pipeline, stream)
    git(folder, "init", "--quiet")
    shutil.copy2(REPOSITORY / ".gitignore", folder)
    running_in(folder)("dvc", "repro")
    return folder


def manifest(*changed: tuple[str, str]) -> Manifest:
    """Return a manifest with a video of each role in each dataset; `changed` ones differ."""
    roles: tuple[Role, ...] = ("train", "validation", "test")
    entries = {}
    for dataset in (PARAMS["pretraining_set"], *PARAMS["audio_visual_sets"]):
        videos = [verdict(dataset, role, (dataset, role) in changed) for role in roles]
        entries[dataset] = DatasetEntry(present=True, reason=None, videos=videos)
    return Manifest(preset="sample", datasets=entries)


def verdict(dataset: str, role: Role, changed: bool) -> Verdict:
    return Verdict(
        dataset=dataset, video=f"{role}-video", kept=True, reason=None, notes=[], frames=9,
        fps=25.0, height=4, width=4, has_sound=True, digest=f"{changed}", roles={"all": role},
    )  # fmt: skip


def stages_with_changed_parameters(project: Path) -> set[str]:
    """Return the stages whose parameters differ, as DVC sees it, from those they last ran with."""
    with Repo(str(project)) as repo:
        return {
            stage.name
            for stage in repo.index.stages
            if stage.path_in_repo == "dvc.yaml"  # the chain's, and no other pipeline's
            for dep in stage.deps
            if isinstance(dep, ParamsDependency) and dep.status()
        }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_parameter_repeats_what_reads_it_and_nothing_else(project: Path) -> None:
    patterns = [(re.compile(pattern), stages) for pattern, stages, _ in TABLE]
    wrong = {}
    for leaf in leaves(PARAMS):
        with (project / "params.yaml").open("w") as stream:
            YAML().dump(changed(PARAMS, leaf), stream)
        reads = stages_with_changed_parameters(project)
        expected = next({*stages} for pattern, stages in patterns if pattern.fullmatch(leaf))
        if reads - {"check"} != expected:
            wrong[leaf] = (sorted(reads - expected - {"check"}), sorted(expected - reads))
    assert wrong == {}


TOLD = ("preprocess", "videos-pretrain", "videos@1", "report")
"""What reads the whole manifest, in seconds."""
TESTED = ("predict@v-1", "predict@av-1", "evaluate@v-1", "evaluate@av-1", "references@1")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("dataset", "role", "expected"),
    [
        ("etmd", "test", (*TESTED, "reliance")),
        ("etmd", "train", ("finetune-v@1", "finetune-av@1", *SCORING, "reliance")),
        ("dhf1k", "validation", ("pretrain", "reliance")),
        ("dhf1k", "test", ()),
    ],
)
def test_a_changed_video_repeats_what_reads_it_and_nothing_else(
    project: Path, dataset: str, role: str, expected: tuple[str, ...]
) -> None:
    """Outs are the same words whatever runs, so that only what lists videos counts."""
    shutil.copy2(REPOSITORY / "params.yaml", project)
    write_record(project / GIVEN, manifest())
    run = running_in(project)
    run("dvc", "repro")
    write_record(project / GIVEN, manifest((dataset, role)))
    said = run("dvc", "repro").stdout
    ran = set(re.findall(r"Running stage '([^']+)'", said))
    assert ran == {*TOLD, *expected}


def test_every_row_of_the_table_is_about_a_parameter() -> None:
    names = [*leaves(PARAMS)]
    for pattern, _, why in TABLE:
        assert any(re.fullmatch(pattern, name) for name in names), pattern
        assert why
