from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # noqa: TID251 - a test may read what it checks

from avrsp import params
from avrsp.errors import ParamsError

SHIPPED = Path(__file__).parents[1] / "params.yaml"


def shipped() -> Any:
    return yaml.safe_load(SHIPPED.read_text())


def keys(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from keys(value)


def paths_of(tree: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        yield (*prefix, key)
        if isinstance(value, dict):
            yield from paths_of(value, (*prefix, key))


def holder(tree: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path[:-1]:
        tree = tree[key]
    return tree


def test_shipped_file_selects_its_preset() -> None:
    loaded = params.load(SHIPPED)
    assert loaded.preset == "sample"
    assert loaded.active is loaded.presets.sample


def test_paper_preset_has_the_papers_numbers() -> None:
    paper = params.load(SHIPPED).presets.paper
    assert (paper.clip.length, paper.clip.height, paper.clip.width) == (32, 224, 384)
    assert (paper.pretrain.epochs, paper.finetune.epochs) == (80, 100)
    assert (paper.pretrain.lr, paper.encoder.width) == (1e-4, 1.0)


@pytest.mark.parametrize("path", list(paths_of(shipped())), ids=".".join)
def test_every_key_is_required_and_no_other_is_known(path: tuple[str, ...]) -> None:
    content = shipped()
    section = holder(content, path)
    section[f"{path[-1]}x"] = section.pop(path[-1])
    with pytest.raises(ParamsError, match=re.escape(".".join(path)) + " is missing") as error:
        params.parse(content)
    assert f"{'.'.join(path)}x is not a known key" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("fusion",), "nonsense", "fusion: found 'nonsense', expected 'visual', 'add', 'mul'"),
        (("preset",), "demo", "preset: found 'demo', expected 'sample' or 'paper'"),
        (("splits",), [], "splits: found []"),
        (("splits",), [1, "a"], "splits: found [1, 'a'], expected all numbers or all names"),
        (("splits",), [2, 2], "splits: found [2, 2], expected splits that differ"),
        (("splits",), ["a b"], "splits.0"),
        (("loss", "kl"), "1e-4", "loss.kl: found '1e-4', expected a valid number"),
        (("presets", "sample", "pretrain", "epochs"), 0, "presets.sample.pretrain.epochs: found 0"),
        (("presets", "sample", "clip", "height"), 100, "presets.sample.clip.height: found 100"),
        (("network", "gate"), "False", "network.gate: found 'False'"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    path: tuple[str, ...], value: object, said: str
) -> None:
    content = shipped()
    holder(content, path)[path[-1]] = value
    with pytest.raises(ParamsError, match=re.escape(said)) as error:
        params.parse(content)
    assert "git diff params.yaml" in str(error.value)


@pytest.mark.parametrize("spelt", ["1e-3", "5e-05", "1.0e-3", "0.001", "1E-3", "+1e-3"])
def test_any_spelling_of_a_number_that_dvc_writes_is_read(spelt: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(SHIPPED.read_text().replace("lr: 1.0e-3", f"lr: {spelt}"))
    assert params.load(file).presets.sample.finetune.lr == float(spelt)


@pytest.mark.parametrize("spelt", ["'1e-3'", "yes", "1e-3x", ".nan", ".inf"])
def test_what_is_no_number_is_refused(spelt: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(SHIPPED.read_text().replace("lr: 1.0e-3", f"lr: {spelt}"))
    with pytest.raises(ParamsError, match=r"lr: found .*, expected"):
        params.load(file)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(SHIPPED.read_text() + "seed: 7\n")
    with pytest.raises(ParamsError, match="seed"):
        params.load(file)


def test_the_schema_that_editors_check_by_is_that_of_the_parameters() -> None:
    kept = json.loads((SHIPPED.parent / "params.schema.json").read_text())
    assert kept == params.schema(), "run `make schema`"


@pytest.mark.parametrize("content", ["preset: [", "\xff\xfe", "- a list"])
def test_what_is_no_parameter_file_is_said_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ParamsError, match=r"params\.yaml") as error:
        params.load(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://me:word@mirror.org/sets",
        "https://token@mirror.org",
        "https://mirror.org/sets?token=word",
        "ftp://me:wo/rd@mirror.org",
    ],
)
@pytest.mark.parametrize("key", ["mirrors", "sheets"])
def test_a_password_is_refused_without_being_shown(address: str, key: str, tmp_path: Path) -> None:
    said = SHIPPED.read_text().replace(f"{key}: null", f"{key}: {json.dumps([address])}", 1)
    (tmp_path / "params.yaml").write_text(said)
    with pytest.raises(ParamsError) as caught:
        params.load(tmp_path / "params.yaml")
    line = str(caught.value)
    assert line.startswith(f"params.yaml: data.{key}: an address with a password")
    assert "~/.netrc" in line
    assert "$NETRC" in line
    assert "word" not in line.replace("password", "")
    assert "token" not in line


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="inside a clone"):
        params.load(tmp_path / "params.yaml")


def test_no_key_bears_a_name_that_dvc_leaves_out_of_its_run_cache() -> None:
    assert not {"size", "nfiles"} & set(keys(shipped()))
