"""What the documentation says is there: links, commands, options, keys, paths, generated pages."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import torch
import yaml  # noqa: TID251 - a test may read what it checks

from avrsp.cli import commands
from avrsp.models.registry import ModelSpec
from avrsp.params import ProtocolName

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
SHORTEST, LONGEST = 600, 900

NOT_HERE = re.compile(
    r"(data|reports|predicted|\.venv|frames|videos|my-maps|my-recordings)(/|$)|sqlite:|"
    r"(holiday\.mp4|voice\.wav|subject\d\.asc|S3D_kinetics400\.pt|TASED_updated\.pt|sound8\.npy)$"
)
"""What commands make, and what a reader brings."""

COMMAND = re.compile(r"([A-Z_]+=\S+ )?(avrsp|dvc|make|mlflow|pip|pytest|python|sbatch|snakemake) ")
"""How a line begins that is a command; bash blocks hold comments and outputs too."""

ENVIRONMENT = re.compile(r"[A-Z_]+=\S*")

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def module_of(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(text: str, *languages: str) -> Iterator[str]:
    """Yield the fenced blocks of a page that are in one of the languages; "" is none."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if language in languages:
            yield block


def lines(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command of a page, from blocks of bash or of no language."""
    for block in blocks(page.read_text(), "bash", ""):
        for line in block.replace("\\\n", " ").splitlines():
            if COMMAND.match(line):
                words = shlex.split(line, comments=True)
                yield words[1:] if ENVIRONMENT.fullmatch(words[0]) else words


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as Python-Markdown makes them."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", plain, re.MULTILINE)
    cleaned = (re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles)
    return {re.sub(r"[-\s]+", "-", title) for title in cleaned}


def test_generated_pages_are_what_the_code_says() -> None:
    """In a process of its own: other tests register networks and datasets."""
    command = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=DOCS.parent)
    assert done.returncode == 0, f"run `make docs`: {done.stderr}"


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), target


@each_page
def test_every_command_can_be_typed(page: Path) -> None:
    for words in lines(page):
        if words[:3] != ["dvc", "exp", "show"]:  # its options are patterns, not paths
            check_command(words)


@each_page
def test_every_command_in_a_sentence_is_one(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for command in re.findall(r"`avrsp ([a-z][^`]*)`", text):
        check_click(shlex.split(command), whole=False)


def check_command(words: list[str]) -> None:
    match words:
        case ["avrsp", *rest]:
            check_click(rest)
        case ["make", *targets]:
            known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert {each for each in targets if "=" not in each} <= {*known}, words
        case ["python", "-m", module, *_]:
            assert importlib.util.find_spec(module), module
        case ["dvc", "exp", "run", *rest]:
            check_keys(rest)
        case ["dvc", "repro", *rest]:
            check_stages(rest)
        case ["pip", *rest]:
            check_extras(rest)
            return
    for word in words[1:]:
        check_path(word)


def check_click(words: list[str], *, whole: bool = True) -> None:
    """Make sure that there is such a subcommand, with such options of such values.

    A `whole` command has all options that are required.
    """
    command: click.Command = commands
    while isinstance(command, click.Group):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    known = {
        name: each for each in command.params for name in (*each.opts, *each.secondary_opts)
    }  # fmt: skip
    for word, value in pairwise([*words, ""]):
        if word.startswith("-"):
            assert word in known, f"{command.name} has no {word}"
            if isinstance(choice := known[word].type, click.Choice):
                assert value in choice.choices, f"{word} {value}"
    for each in command.params:
        if whole and isinstance(each, click.Option) and each.required:
            assert set(each.opts) & set(words), f"{command.name} needs {each.opts[0]}"


def check_keys(words: list[str]) -> None:
    """Make sure that params.yaml has the keys which an experiment sets, or adds with a plus."""
    for flag, setting in pairwise(words):
        if flag == "-S":
            tree = yaml.safe_load((ROOT / "params.yaml").read_text())
            path, new = setting.partition("=")[0].split("."), setting.startswith("+")
            for key in [path[0][1:], *path[1:-1]] if new else path:
                assert key in tree, setting
                tree = tree[key]


def check_stages(words: list[str]) -> None:
    """Make sure that dvc.yaml has the stages that are named."""
    for word in (each for each in words if not each.startswith("-")):
        file, _, stage = word.rpartition(":") if ":" in word else ("dvc.yaml", "", word)
        if not stage.endswith(".yaml"):
            stages = yaml.safe_load((ROOT / file).read_text())["stages"]
            assert stage.partition("@")[0] in stages, word


def check_extras(words: list[str]) -> None:
    project = (ROOT / "pyproject.toml").read_text()
    for extra in re.findall(r"\[(\w+)\]", " ".join(words)):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def check_path(word: str) -> None:
    path = word.partition(":")[0] if not word.startswith("sqlite") else word
    looks = "/" in path or re.search(r"\.(md|py|yaml|mp4|npz|pt|npy|wav|sbatch|zip|parquet)$", path)
    if looks and "=" not in path and not NOT_HERE.match(path) and not path.endswith(".tar.gz"):
        assert (ROOT / path).exists(), word


@each_page
def test_every_named_file_of_the_project_is_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for name in re.findall(r"`((?:avrsp|docs|tests|workflow|profiles)/[\w./-]+)`", text):
        assert (ROOT / name).exists() or name == "avrsp/models/motion.py", name


def test_the_readme_is_short() -> None:
    text = (ROOT / "README.md").read_text()
    assert SHORTEST <= len(text.split()) <= LONGEST


def test_every_protocol_is_explained() -> None:
    text = (DOCS / "protocols.md").read_text()
    assert {*get_args(ProtocolName)} <= {*re.findall(r"^## `(\w+)`$", text, re.MULTILINE)}


def test_the_entry_that_the_docs_show_is_one() -> None:
    (code,) = (
        each for each in blocks((DOCS / "own-model.md").read_text(), "python") if "ENTRY" in each
    )
    names: dict[str, Any] = {"__name__": "motion"}
    exec(code, names)
    entry = names["ENTRY"]
    assert isinstance(entry, ModelSpec)
    spec, model = entry.input({}), entry.build(entry.checked(entry.tiny))
    frames = torch.zeros(1, 3, spec.length, spec.height, spec.width, dtype=torch.uint8)
    assert model(frames).shape == (1, spec.height, spec.width)


def test_python_of_the_pages_is_python() -> None:
    for page in PAGES:
        for code in blocks(page.read_text(), "python"):
            compile(code, page.name, "exec")


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_no_other_host(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    loads = re.compile(r"<(?:script|img|iframe|link)[^>]*\b(?:src|href)=.?https?:")
    found = [page.name for page in tmp_path.rglob("*.html") if loads.search(page.read_text())]
    assert not found
