from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from avrsp.errors import WeightsError
from avrsp.files import sha256
from avrsp.models import weights
from avrsp.models.layers.s3d import S3D
from avrsp.models.layers.soundnet import SoundNet

Maker = Callable[..., dict[str, Tensor]]


def parameters(state: dict[str, Tensor]) -> int:
    counters = ("running_mean", "running_var", "num_batches_tracked")
    return sum(x.numel() for key, x in state.items() if not key.endswith(counters))


def test_the_synthetic_files_have_the_published_sizes(
    s3d_file: Maker, soundnet_file: Maker
) -> None:
    assert parameters(s3d_file(torchvision=True)) == 8_320_048
    assert parameters(soundnet_file(numbered=True)) == 14_352_713


@pytest.mark.parametrize("torchvision", [False, True])
def test_s3d_files_load_completely(torchvision: bool, s3d_file: Maker, tmp_path: Path) -> None:
    state = s3d_file(torchvision=torchvision)
    name = "s3d-torchvision" if torchvision else "s3d-kylemin"
    torch.save(state, tmp_path / "file.pt")
    target, warning = weights.convert_encoder(name, tmp_path / "file.pt", tmp_path)
    network = S3D()
    weights.load_into(network, target)
    loaded = network.state_dict()
    record = json.loads(target.with_suffix(".json").read_text())
    assert warning is None
    assert record["source_sha256"] == sha256(tmp_path / "file.pt")
    assert record["keys"].keys() == loaded.keys()
    for key, theirs in record["keys"].items():
        source = state.get(theirs, state.get(f"module.{theirs}", torch.tensor(0)))
        assert torch.equal(loaded[key], source), key
    used = len(state) - len(record["left_out"])
    assert used == len(loaded) - (0 if torchvision else 77)  # kylemin's has no step counters


def test_an_s3d_file_computes_what_its_names_say(s3d_file: Maker, tmp_path: Path) -> None:
    """The first temporal convolution of block 3b's second branch, followed by hand."""
    state = s3d_file(torchvision=True)
    torch.save(state, tmp_path / "file.pt")
    target, _ = weights.convert_encoder("s3d-torchvision", tmp_path / "file.pt", tmp_path)
    loaded = load_file(target)
    ours, theirs = "stages.1.1.branches.2.1.1", "features.5.branch2.1"
    assert torch.equal(loaded[f"{ours}.conv.weight"], state[f"{theirs}.1.0.weight"])
    assert torch.equal(loaded[f"{ours}.norm.running_var"], state[f"{theirs}.1.1.running_var"])


@pytest.mark.parametrize("numbered", [False, True])
def test_soundnet_files_load_completely(
    numbered: bool, soundnet_file: Maker, tmp_path: Path
) -> None:
    state = soundnet_file(numbered=numbered)
    torch.save(state, tmp_path / "file.pth")
    target, warning = weights.convert_encoder("soundnet8-pytorch", tmp_path / "file.pth", tmp_path)
    network = SoundNet()
    weights.load_into(network, target)
    conv, bn = ("conv5.0", "conv5.1") if numbered else ("conv5", "batchnorm5")
    loaded = network.state_dict()
    assert warning is None
    assert torch.equal(loaded["layers.4.0.weight"], state[f"{conv}.weight"][..., 0])
    assert torch.equal(loaded["layers.4.1.running_mean"], state[f"{bn}.running_mean"])
    assert len(state) == 7 * 6 + 4


def test_lost_statistics_are_noticed(soundnet_file: Maker, tmp_path: Path) -> None:
    state = soundnet_file(numbered=False)
    for key, tensor in state.items():
        if "running" in key:
            tensor.fill_(float(key.endswith("var")))
    torch.save(state, tmp_path / "soundnet8_final.pth")
    _, warning = weights.convert_encoder(
        "soundnet8-pytorch", tmp_path / "soundnet8_final.pth", tmp_path
    )
    assert warning is not None
    assert "defaults 0 and 1" in warning


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("missing", r"missing base\.6\.branch1\.0\.bn\.bias"),
        ("extra", r"extra base\.99\.conv\.weight"),
        ("misshapen", r"misshapen base\.6\.branch1\.0\.bn\.bias: \(3,\), expected \(128,\)"),
    ],
)
def test_one_wrong_tensor_is_named(change: str, said: str, s3d_file: Maker, tmp_path: Path) -> None:
    state = s3d_file(torchvision=False)
    key = "module.base.6.branch1.0.bn.bias"
    if change == "missing":
        del state[key]
    elif change == "extra":
        state["module.base.99.conv.weight"] = torch.zeros(1)
    else:
        state[key] = torch.zeros(3)
    torch.save(state, tmp_path / "file.pt")
    with pytest.raises(WeightsError, match=said):
        weights.convert_encoder("s3d-kylemin", tmp_path / "file.pt", tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"file\.pt: refused"):
        weights.convert_encoder("s3d-kylemin", tmp_path / "file.pt", tmp_path)


def test_missing_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="download"):
        weights.convert_encoder("s3d-kylemin", tmp_path / "none.pt", tmp_path)
    with pytest.raises(WeightsError, match="import-weights"):
        weights.load_into(SoundNet(width=0.1), tmp_path / "none.safetensors")
