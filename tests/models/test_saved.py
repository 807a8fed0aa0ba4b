"""A saved model comes back as it was; anything wrong with its files is one line."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from avrsp import files
from avrsp.errors import WeightsError, one_line
from avrsp.models import registry
from avrsp.models.saved import ModelConfig, load_model, save_model, start_from
from avrsp.params.ablations import ABLATIONS
from avrsp.types import InputSpec

WIDTH = 0.0625


def a_model(folder: Path, *, audio: bool = False) -> nn.Module:
    torch.manual_seed(0)
    settings = {"audio": audio, "width": WIDTH}
    model = registry.build("avrsp", **settings)
    config = ModelConfig(
        model="avrsp", settings=settings, length=8, height=32, width=64, audio=audio,
        run="v-split1", digest="cafe", mlflow_run=None,
    )  # fmt: skip
    save_model(folder, model, config)
    return model


@pytest.mark.parametrize("place", [".", "weights.safetensors"])
def test_a_model_comes_back_as_it_was(tmp_path: Path, place: str) -> None:
    model = a_model(tmp_path, audio=True).eval()
    found, spec, config = load_model(tmp_path / place)
    assert spec == InputSpec(8, 32, 64, audio=True)
    assert config.run == "v-split1"
    frames = torch.randint(0, 256, (1, 3, 8, 32, 64), dtype=torch.uint8)
    sound = torch.randn(1, 1, spec.samples)
    with torch.inference_mode():
        assert torch.equal(found(frames, sound), model(frames, sound))


def described(**changes: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "model.json"
        path.write_text(
            json.dumps(
                files.with_own_digest({**json.loads(path.read_text()), **changes}, path.name)
            )
        )

    return spoil


def tensors(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        held = load_file(folder / "weights.safetensors")
        change(held)
        save_file(held, folder / "weights.safetensors")
        listed = {"weights.safetensors": files.sha256(folder / "weights.safetensors")}
        described(sha256=listed)(folder)

    return spoil


def truncated(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def flipped(folder: Path) -> None:
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def never_whole(folder: Path) -> None:
    truncated(folder)
    listed = {"weights.safetensors": files.sha256(folder / "weights.safetensors")}
    described(sha256=listed)(folder)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no weights": (lambda folder: (folder / "weights.safetensors").unlink(), "no such file"),
    "no description": (lambda folder: (folder / "model.json").unlink(), "no such file"),
    "truncated": (truncated, "damaged, or not what"),
    "flipped": (flipped, "damaged, or not what"),
    "never whole": (never_whole, "not a whole safetensors file"),
    "missing": (tensors(lambda held: held.popitem()), "missing: "),
    "unknown": (tensors(lambda held: held.update(stranger=torch.zeros(1))), "unknown: stranger"),
    "misshapen": (
        tensors(lambda held: held.update({min(held): torch.zeros(7, 7)})),
        r"misshapen: .* is \(7, 7\), expected",
    ),
    "not json": (lambda folder: (folder / "model.json").write_text("{"), "not a model's descript"),
    "wrong key": (described(stranger=1), "not a model's description"),
    "wrong setting": (described(settings={"colour": 1}), "unknown setting colour"),
    "wrong model": (described(model="stranger"), "no model 'stranger'"),
}


@pytest.mark.parametrize("how", FAULTS)
def test_anything_wrong_is_one_line(tmp_path: Path, how: str) -> None:
    a_model(tmp_path)
    spoil, said = FAULTS[how]
    spoil(tmp_path)
    with pytest.raises(WeightsError, match=said) as caught:
        load_model(tmp_path)
    assert one_line(caught.value) == str(caught.value)


def test_the_network_with_sound_starts_from_the_one_without(tmp_path: Path) -> None:
    visual = a_model(tmp_path)
    torch.manual_seed(1)
    model = registry.build("avrsp", audio=True, width=WIDTH)
    fresh = start_from(model, tmp_path)
    parts = ["audio", "contrast", "fusion", "out", "soundnet", "visual"]
    assert fresh == [f"listen.{part}" for part in parts]
    for name, tensor in visual.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablated_network_starts_from_the_whole_one(tmp_path: Path, name: str) -> None:
    visual, chosen = a_model(tmp_path), ABLATIONS[name]
    audio = {"audio": True, "fusion": chosen.fusion} if chosen.fusion else {"audio": False}
    parts = {"synergy": chosen.synergy, "gate": chosen.gate, "pairs": chosen.pairs}
    model = registry.build("avrsp", width=WIDTH, **audio, **parts)
    reset = chosen.reset(3)

    fresh = {part.partition(".")[0] for part in start_from(model, tmp_path, reset)}

    own = model.state_dict()
    assert fresh == {each.partition(".")[0] for each in own} & {*reset, "listen"}
    for each, tensor in visual.state_dict().items():
        if each.partition(".")[0] not in reset:
            assert torch.equal(own[each], tensor), each


def test_only_parts_that_differ_are_reset() -> None:
    assert ABLATIONS["av"].reset(3) == ABLATIONS["mbt"].reset(3) == ()
    assert ABLATIONS["av-ms"].reset(3) == ("gate",)
    assert ABLATIONS["v-mrg"].reset(3) == ("synergy",)
    assert ABLATIONS["v-none"].reset(3) == ABLATIONS["av-4"].reset(3) == ("synergy", "gate")


def test_no_tensor_of_the_earlier_phase_may_be_left_over(tmp_path: Path) -> None:
    a_model(tmp_path)
    with pytest.raises(WeightsError, match="unknown: gate"):
        start_from(registry.build("avrsp", audio=True, width=WIDTH, gate=False), tmp_path)
    with pytest.raises(WeightsError, match="misshapen: "):
        start_from(registry.build("avrsp", audio=True, width=2 * WIDTH), tmp_path)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_no_flipped_bit_passes(tmp_path: Path, name: str) -> None:
    a_model(tmp_path)
    path = tmp_path / name
    whole, rng = path.read_bytes(), random.Random(0)
    for _ in range(60):
        content = bytearray(whole)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        with pytest.raises(WeightsError) as caught:
            load_model(tmp_path)
        assert "\n" not in str(one_line(caught.value))
