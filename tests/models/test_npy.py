"""Pickled arrays are read in isolation: what rebuilds arrays is found, and nothing else."""

from __future__ import annotations

import pickle  # noqa: TID251 - to make the files that must be refused
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.lib import format as npy

from avrsp.cli import commands
from avrsp.errors import WeightsError
from avrsp.files import sha256
from avrsp.models import weights
from avrsp.models.layers.soundnet import LAYERS, SoundNet


def sound8() -> dict[str, dict[str, Any]]:
    """The published file's names and axes (time, 1, in, out), with noise."""
    content: dict[str, dict[str, Any]] = {}
    rng, inputs = np.random.default_rng(0), 1
    for i, layer in enumerate(LAYERS, start=1):
        shape = (layer.kernel, 1, inputs, layer.channels)
        content[f"conv{i}"] = {"weights": rng.standard_normal(shape).astype(np.float32)} | {
            name: rng.random(layer.channels, np.float32)
            for name in ("biases", "mean", "var", "gamma", "beta")
        }
        inputs = layer.channels
    content["conv8"] = {"weights": np.zeros((8, 1, 4, 4), np.float32), "biases": np.zeros(4)}
    return content


def save_bytes(path: Path, pickled: bytes) -> Path:
    with path.open("wb") as stream:
        header = {"descr": "|O", "fortran_order": False, "shape": ()}
        npy.write_array_header_1_0(stream, header)
        stream.write(pickled)
    return path


def test_sound8_is_read_and_loads_completely(workspace: Path) -> None:
    content = sound8()
    np.save(workspace / "sound8.npy", np.array(content), allow_pickle=True)
    command = ["import-weights", "soundnet8-npy", str(workspace / "sound8.npy")]
    result = CliRunner().invoke(commands, command, catch_exceptions=False)
    target = workspace / "data" / "weights" / "soundnet8-npy.safetensors"
    assert result.stdout.strip() == str(target)
    assert "its format has no checksums" in result.stderr
    assert "before" not in result.stderr
    content["conv1"]["weights"] = content["conv1"]["weights"] + 1
    np.save(workspace / "other.npy", np.array(content), allow_pickle=True)
    other = CliRunner().invoke(commands, [*command[:2], str(workspace / "other.npy")])
    assert f"imported before had another one: {sha256(workspace / 'sound8.npy')}" in other.stderr
    CliRunner().invoke(commands, command, catch_exceptions=False)
    network = SoundNet()
    weights.load_into(network, target)
    loaded = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    third = content["conv3"]
    np.testing.assert_array_equal(
        loaded["layers.2.0.weight"], third["weights"][:, 0].transpose(2, 1, 0)
    )
    np.testing.assert_array_equal(loaded["layers.2.1.running_var"], third["var"])
    np.testing.assert_array_equal(loaded["layers.2.1.bias"], third["beta"])


def test_python_2_pickles_are_read(tmp_path: Path) -> None:
    arrays = {"conv1": {"mean": np.arange(3, dtype=np.float32)}}
    path = save_bytes(tmp_path / "old.npy", pickle.dumps(np.array(arrays), protocol=2))
    np.testing.assert_array_equal(weights.read_pickled_arrays(path)["conv1/mean"], [0, 1, 2])


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_a_pickle_bomb_is_refused_and_does_not_go_off(tmp_path: Path) -> None:
    crater = tmp_path / "crater"
    path = save_bytes(tmp_path / "bomb.npy", pickle.dumps({"conv1": Bomb(crater)}))
    with pytest.raises(WeightsError, match=r"bomb\.npy: refused, it names .*soundnet8-pytorch"):
        weights.read_pickled_arrays(path)
    assert not crater.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"conv1": "text"}, "not a numeric array"),
        ([1, 2], "is list"),
        ({"conv1": np.array([None])}, "not a numeric array"),
    ],
)
def test_other_objects_are_refused(content: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=said):
        weights.read_pickled_arrays(save_bytes(tmp_path / "odd.npy", pickle.dumps(content)))


@pytest.mark.parametrize("content", [b"", b"no numpy file", b"\x93NUMPY\x01\x00"])
def test_broken_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.npy").write_bytes(content)
    with pytest.raises(WeightsError, match="refused"):
        weights.read_pickled_arrays(tmp_path / "broken.npy")
