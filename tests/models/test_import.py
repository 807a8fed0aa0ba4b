"""Published checkpoints of whole networks become model folders, or one line of error."""

from __future__ import annotations

import hashlib
import json
import random
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from avrsp import models
from avrsp.cli.models import import_weights, list_models
from avrsp.datasets.download.transfer import Patience
from avrsp.errors import ParamsError, WeightsError
from avrsp.files import sha256
from avrsp.models import fetch_checkpoint
from avrsp.models.import_checkpoint import import_checkpoint
from avrsp.models.registry import PublishedWeights, Wheel
from avrsp.models.saved import read_config
from tests.models import golden
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
    folder, known, _ = import_checkpoint(ENTRY, tmp_path / "tiny_av.pth", tmp_path / "models", "av")
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
        (lambda s: s.update({"classifier.bias": torch.zeros(5)}), "extra classifier.bias"),
        (lambda s: s.update({"classifier.weight": torch.zeros(4)}), r"classifier.weight: \(4,\)"),
    ],
)
def test_one_wrong_tensor_is_named(change: Any, said: str, tmp_path: Path) -> None:
    state = published()
    change(state)
    torch.save(state, tmp_path / "tiny.pth")
    with pytest.raises(WeightsError, match=said):
        import_checkpoint(ENTRY, tmp_path / "tiny.pth", tmp_path)
    assert not [*tmp_path.glob("*/*")]


def test_layers_that_no_output_depends_on_may_be_left_out_as_a_whole(tmp_path: Path) -> None:
    state = published()
    del state["classifier.weight"]
    torch.save(state, tmp_path / "tiny.pth")
    model, _ = models.load(import_checkpoint(ENTRY, tmp_path / "tiny.pth", tmp_path).folder)
    assert torch.equal(model.state_dict()["head.bias"], state["head.bias"])


def test_a_file_is_not_taken_for_another_variant(tmp_path: Path) -> None:
    """STAViS's files of both variants hold the same tensors, of which each uses others."""
    path = tmp_path / "audiovisual_split1_save_60.pth"
    path.touch()
    with pytest.raises(ParamsError, match=r"found variant v, expected av, .* add --variant av"):
        import_checkpoint(models.spec("stavis"), path, tmp_path)
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
            folder, *_ = import_checkpoint(ENTRY, path, tmp_path / "flipped")
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


def test_a_file_without_checksums_is_taken_with_a_warning(workspace: Path) -> None:
    path = workspace / "tiny.pth"
    torch.save(published(), path, _use_new_zipfile_serialization=False)
    said = CliRunner().invoke(import_weights, ["tiny", "tiny.pth"], catch_exceptions=False).stderr
    assert "warning: tiny.pth: its format has no checksums" in said
    assert sha256(path) in said
    assert "before" not in said
    first, content = sha256(path), bytearray(path.read_bytes())
    content[-4] ^= 1  # of a weight
    path.write_bytes(content)
    said = CliRunner().invoke(import_weights, ["tiny", "tiny.pth"], catch_exceptions=False).stderr
    assert f"what was imported before had another one: {first}" in said
    torch.save(published(), path)
    said = CliRunner().invoke(import_weights, ["tiny", "tiny.pth"], catch_exceptions=False).stderr
    assert "warning" not in said


def test_no_mutation_of_a_file_without_checksums_is_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "tiny.pth"
    torch.save(published(), path, _use_new_zipfile_serialization=False)
    whole, rng = path.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(60):
        content = bytearray(whole)
        content[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(content[: rng.choice((len(whole), rng.randrange(len(whole))))])
        try:
            import_checkpoint(ENTRY, path, tmp_path / "models")
        except WeightsError as error:
            refused += "\n" not in str(error)
    assert refused > 20


def test_the_list_of_models_says_what_each_costs_and_where_its_weights_are(workspace: Path) -> None:
    torch.save(published(), workspace / "tiny.pth")

    def rows() -> dict[str, str]:
        done = CliRunner().invoke(list_models, catch_exceptions=False)
        assert max(map(len, done.output.splitlines())) <= 100
        blocks = re.split(r"\n(?! )", done.output.rstrip())
        return {" ".join(each.split()[:2]): " ".join(each.split()) for each in blocks}

    before = rows()
    kinds = {f"{name} {variant}" for name in models.names() for variant in variants(name)}
    assert set(before) == {"model variant", *kinds}
    assert re.search(r" 15\.4 81\.3 41\.2 MIT none published; train it", before["avrsp av"])
    assert before["tiny v"].endswith("tiny.pth, learnt from diem: the test")
    assert before["tiny av"].endswith("tiny_av.pth, learnt from avad: here")
    assert "avrsp fetch-weights unisal" in before["unisal v"]
    import_checkpoint(ENTRY, workspace / "tiny.pth", workspace / "data" / "models")
    after = rows()
    assert after["tiny v"].endswith("here: tiny-v-tiny, learnt from diem")
    assert after["tiny av"] == before["tiny av"]


def variants(name: str) -> list[str]:
    return [*models.spec(name).variants]


REFERENCES = {
    ("tased", "v"): "tased",
    ("stavis", "v"): "stavis_v",
    ("stavis", "av"): "stavis_av",
    ("vinet", "v"): "vinet",
    ("vinet", "av-bilinear"): "avinet_bilinear",
    ("vinet", "av-bilinear-transformer"): "avinet_bilinear_transformer",
    ("vinet", "av-concat-transformer"): "avinet_concat_transformer",
    ("vinet-s", "v"): "vinet_s",
    ("unisal", "v"): "unisal_dhf1k",
}
LARGE = {"avinet_bilinear_transformer", "avinet_concat_transformer"}


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        pytest.param(kind, name, marks=[pytest.mark.slow] if name in LARGE else [], id=name)
        for kind, name in REFERENCES.items()
    ],
)
def test_a_file_of_the_published_names_is_imported_and_opened(
    kind: tuple[str, str], reference: str, tmp_path: Path
) -> None:
    """Its names and shapes are those of the authors' own code."""
    name, variant = kind
    entry, path = models.spec(name), tmp_path / "published.pth"
    draw = torch.Generator().manual_seed(1)
    shapes = golden.small(reference).shapes()
    state = {key: torch.rand(shape, generator=draw) for key, shape in shapes.items()}
    torch.save({"state_dict": {f"module.{key}": each for key, each in state.items()}}, path)
    folder, *_ = import_checkpoint(entry, path, tmp_path, variant)
    model, spec = models.load(folder)
    form = entry.variants[variant]
    assert spec == entry.input(form.settings)
    for key, tensor in model.state_dict().items():
        found = state[form.published_key(key)].view(tensor.shape)
        assert torch.equal(tensor, found.to(tensor.dtype)), key
    for lost in (next(iter(state)), *[*form.unused()][:1]):
        torch.save({key: each for key, each in state.items() if key != lost}, path)
        with pytest.raises(WeightsError, match=f"missing {re.escape(lost)}"):
            import_checkpoint(entry, path, tmp_path, variant)


class Sources:
    """A wheel on a disk, and an address that nobody answers at."""

    def __init__(self, folder: Path, content: bytes) -> None:
        self.wheel = folder / "example-1.0-py3-none-any.whl"
        with zipfile.ZipFile(self.wheel, "w") as archive:
            archive.writestr("example/weights.pth", content)
            for name, text in METADATA.items():
                archive.writestr(f"example-1.0.dist-info/{name}", text)
        self.checkpoint = PublishedWeights(
            file="tiny.pth",
            learnt_from=("diem",),
            place="the test",
            licence="MIT",
            sha256=hashlib.sha256(content).hexdigest(),
            address="http://127.0.0.1:9/tiny.pth",
            wheel=Wheel("example==1.0", sha256(self.wheel), "example/weights.pth"),
        )


METADATA = {
    "METADATA": "Metadata-Version: 2.1\nName: example\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": "",
}


def test_the_second_source_is_a_wheel_whose_hash_pip_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(fetch_checkpoint, "PATIENCE", Patience(tries=1, pause=0))
    sources, said = Sources(tmp_path, b"weights"), list[str]()
    file = fetch_checkpoint.fetch(sources.checkpoint, tmp_path / "new", said.append)
    assert file.read_bytes() == b"weights"
    assert len(said) == 1
    assert "127.0.0.1" in said[0]
    file.write_bytes(b"damaged")
    other = replace(sources.checkpoint, sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"none of its sources .* expected 000000000000"):
        fetch_checkpoint.fetch(other, tmp_path / "new", said.append)
    assert not file.exists()
    assert sources.checkpoint.wheel is not None
    other = replace(sources.checkpoint, wheel=sources.checkpoint.wheel._replace(sha256="0" * 64))
    with pytest.raises(WeightsError, match="none of its sources"):
        fetch_checkpoint.fetch(other, tmp_path / "new", said.append)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("avrsp", "nobody has published weights"),
        ("vinet", "by hand .*ViNet_DHF1K.pt: the links of"),
    ],
)
def test_what_cannot_be_fetched_says_where_it_is(name: str, said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        fetch_checkpoint.fetchable(models.spec(name))
