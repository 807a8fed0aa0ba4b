"""Published checkpoints of whole networks become model folders, or one line of error."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from avrsp import models
from avrsp.cli.models import import_weights, list_models
from avrsp.errors import ParamsError, WeightsError
from avrsp.files import sha256
from avrsp.models.import_checkpoint import import_checkpoint
from avrsp.models.saved import read_config
from tests.models.tiny import ENTRY

State = dict[str, Tensor]


def published(variant: str = "v") -> State:
    """Return what the authors' file holds: their names, and a head that nobody needs."""
    torch.manual_seed(3)
    own = ENTRY.build(ENTRY.checked(ENTRY.variants[variant].settings)).state_dict()
    return {
        **{key.replace("encoder", "backbone"): tensor for key, tensor in own.items()},
        "classifier.weight": torch.zeros(5),
    }


@pytest.mark.parametrize(
    "form",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {f"module.{key}": tensor for key, tensor in state.items()},
    ],
)
def test_each_form_of_file_becomes_a_model_that_predicts(form: Any, tmp_path: Path) -> None:
    torch.save(form(published("av")), tmp_path / "tiny_av.pth")
    folder, known = import_checkpoint(ENTRY, tmp_path / "tiny_av.pth", tmp_path / "models", "av")
    assert folder == tmp_path / "models" / "tiny-av-tiny_av"
    assert known is ENTRY.checkpoints[1]
    model, spec = models.load(folder)
    assert spec.audio
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, published("av")[key.replace("encoder", "backbone")])
    config = read_config(folder / "model.json")
    assert (config.learnt_from, config.licence) == (("avad",), "MIT")
    assert config.source is not None
    assert config.source.sha256 == sha256(tmp_path / "tiny_av.pth")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("backbone.bias"), "missing backbone.bias"),
        (lambda s: s.update(other=torch.zeros(1)), "extra other"),
        (lambda s: s.update({"head.bias": torch.zeros(7)}), r"misshapen head.bias: \(7,\)"),
        (lambda s: s["head.bias"].fill_(torch.nan), "not finite head.bias"),
    ],
)
def test_one_wrong_tensor_is_named(change: Any, said: str, tmp_path: Path) -> None:
    state = published()
    change(state)
    torch.save(state, tmp_path / "tiny.pth")
    with pytest.raises(WeightsError, match=said):
        import_checkpoint(ENTRY, tmp_path / "tiny.pth", tmp_path)
    assert not [*tmp_path.glob("*/*")]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    torch.save(published(), path := tmp_path / "tiny.pth")
    whole, rng = path.read_bytes(), random.Random(0)
    import_checkpoint(ENTRY, path, tmp_path / "right")
    expected = (tmp_path / "right/tiny-v-tiny/weights.safetensors").read_bytes()
    refused = 0
    for _ in range(40):
        content = bytearray(whole)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        try:
            folder, _ = import_checkpoint(ENTRY, path, tmp_path / "flipped")
        except WeightsError:
            refused += 1
        else:  # padding or a name that nobody reads
            assert (folder / "weights.safetensors").read_bytes() == expected
    assert refused > 10


def test_a_known_digest_decides(tmp_path: Path) -> None:
    torch.save(published(), path := tmp_path / "tiny.pth")
    right = replace(ENTRY.checkpoints[0], file="elsewhere.pth", sha256=sha256(path))
    entry = replace(ENTRY, checkpoints=(*ENTRY.checkpoints, right))
    assert import_checkpoint(entry, path, tmp_path).checkpoint is right
    wrong = replace(ENTRY.checkpoints[0], sha256="0" * 64)
    with pytest.raises(WeightsError, match="the published file has 000000000000"):
        import_checkpoint(replace(ENTRY, checkpoints=(wrong,)), path, tmp_path)


def test_what_cannot_be_imported_says_why(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="expected one of v, av"):
        import_checkpoint(ENTRY, tmp_path / "tiny.pth", tmp_path, "left")
    with pytest.raises(WeightsError, match=r"no such file; download one of tiny\.pth: the test"):
        import_checkpoint(ENTRY, tmp_path / "tiny.pth", tmp_path)
    with pytest.raises(ParamsError, match="nobody has published"):
        import_checkpoint(models.spec("avrsp"), tmp_path / "tiny.pth", tmp_path)


def test_the_command_prints_the_folder(workspace: Path) -> None:
    torch.save(published(), workspace / "tiny.pth")
    done = CliRunner().invoke(import_weights, ["tiny", "tiny.pth"], catch_exceptions=False)
    folder = workspace / "data" / "models" / "tiny-v-tiny"
    assert done.output.splitlines() == ["trained on: diem; licence: MIT", str(folder)]
    assert json.loads((folder / "model.json").read_text())["learnt_from"] == ["diem"]
    with pytest.raises(ParamsError, match=r"expected one of s3d-kylemin, .* avrsp, .*tiny"):
        CliRunner().invoke(import_weights, ["vin", "tiny.pth"], catch_exceptions=False)


def test_the_list_of_models_says_what_each_costs_and_where_its_weights_are(workspace: Path) -> None:
    torch.save(published(), workspace / "tiny.pth")

    def rows() -> dict[str, str]:
        done = CliRunner().invoke(list_models, catch_exceptions=False)
        return {line.split()[0]: line for line in done.output.splitlines()}

    before = rows()
    assert set(before) == {"model", *models.names()}
    assert re.search(r"AVRSP +yes +\d+\.\d +8\d\.\d +MIT +train it: dvc repro", before["avrsp"])
    assert "tiny.pth: the test; tiny_av.pth: here" in before["tiny"]
    import_checkpoint(ENTRY, workspace / "tiny.pth", workspace / "data" / "models")
    assert rows()["tiny"].endswith("here: tiny-v-tiny")
