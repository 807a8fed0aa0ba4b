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
from avrsp.models.layers.mobilenet import MobileNetV2
from avrsp.models.layers.resnet3d import ResNet3D
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


MOBILE = {1: (32, 16), 2: (16, 24), 3: (24, 24), 4: (24, 32), 5: (32, 32), 6: (32, 32)}
MOBILE |= {7: (32, 64), **dict.fromkeys((8, 9, 10), (64, 64)), 11: (64, 96), 12: (96, 96)}
MOBILE |= {13: (96, 96), 14: (96, 160), 15: (160, 160), 16: (160, 160), 17: (160, 320)}


def mobilenet_file(*, torchvision: bool) -> dict[str, Tensor]:
    """Return MobileNetV2 as tonylins or torchvision names it, layer by layer."""
    state: dict[str, Tensor] = {}

    def unit(conv: str, norm: str, shape: tuple[int, ...]) -> None:
        state[f"{conv}.weight"] = torch.randn(shape)
        for leaf in ("weight", "bias", "running_mean"):
            state[f"{norm}.{leaf}"] = torch.randn(shape[0])
        state[f"{norm}.running_var"] = torch.rand(shape[0]) + 0.5

    unit("features.0.0", "features.0.1", (32, 3, 3, 3))
    for block, (inputs, outputs) in MOBILE.items():
        root, wide = f"features.{block}.conv", inputs * (1 if block == 1 else 6)
        names = [("0", "1")] if block == 1 else [("0", "1"), ("3", "4")]
        names.append(("3", "4") if block == 1 else ("6", "7"))
        if torchvision:
            names = [(f"{i}.0", f"{i}.1") for i in range(len(names) - 1)]
            names.append((f"{len(names)}", f"{len(names) + 1}"))
        shapes = [(wide, inputs, 1, 1)] if block > 1 else []
        for (conv, norm), shape in zip(
            names, [*shapes, (wide, 1, 3, 3), (outputs, wide, 1, 1)], strict=True
        ):
            unit(f"{root}.{conv}", f"{root}.{norm}", shape)
    unit("features.18.0", "features.18.1", (1280, 320, 1, 1))
    state["classifier.1.weight"], state["classifier.1.bias"] = (
        torch.zeros(1000, 1280),
        torch.ones(9),
    )
    return state


@pytest.mark.parametrize("torchvision", [False, True])
def test_mobilenet_files_load_completely(torchvision: bool, tmp_path: Path) -> None:
    state = mobilenet_file(torchvision=torchvision)
    assert parameters({k: x for k, x in state.items() if "classifier" not in k}) == 2_223_872
    name = "mobilenet-torchvision" if torchvision else "mobilenet-tonylins"
    torch.save(state, tmp_path / "file.pth.tar")
    target, _ = weights.convert_encoder(name, tmp_path / "file.pth.tar", tmp_path)
    network = MobileNetV2()
    weights.load_into(network, target)
    theirs = "features.9.conv.1.0.weight" if torchvision else "features.9.conv.3.weight"
    assert torch.equal(network.state_dict()["features.9.conv.3.weight"], state[theirs])


def test_a_3d_resnet_file_loads_without_what_stavis_leaves_out(tmp_path: Path) -> None:
    network = ResNet3D()
    state = {
        f"module.{key}": torch.rand(each.shape)
        for key, each in network.state_dict().items()
        if not key.endswith("num_batches_tracked")  # the file is of 2017, before they were
    }
    assert parameters(state) == 17_078_464
    more = {"module.layer4.0.conv1.weight": torch.zeros(3), "module.fc.bias": torch.zeros(400)}
    content = {"arch": "resnet-50", "epoch": 200, "state_dict": {**state, **more}}
    torch.save(content, tmp_path / "resnet-50-kinetics.pth")
    target, warning = weights.convert_encoder(
        "resnet3d-kenshohara", tmp_path / "resnet-50-kinetics.pth", tmp_path
    )
    assert warning is None
    weights.load_into(network, target)
    for key, tensor in state.items():
        assert torch.equal(network.state_dict()[key.removeprefix("module.")], tensor)
    del state["module.layer3.5.bn3.running_var"]
    torch.save(state, tmp_path / "resnet-50-kinetics.pth")
    with pytest.raises(WeightsError, match=r"missing layer3\.5\.bn3\.running_var"):
        weights.convert_encoder(
            "resnet3d-kenshohara", tmp_path / "resnet-50-kinetics.pth", tmp_path
        )
