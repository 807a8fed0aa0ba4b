"""S3D against a plain re-statement of the published network, from the same weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avrsp.models.layers.s3d import S3D

State = dict[str, Tensor]


def conv_norm(state: State, key: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = state[f"{key}.conv.weight"]
    t, h, w = weight.shape[2:]
    step = (stride if t > 1 else 1, stride if h > 1 else 1, stride if w > 1 else 1)
    x = F.conv3d(x, weight, stride=step, padding=(t // 2, h // 2, w // 2))
    mean, var = state[f"{key}.norm.running_mean"], state[f"{key}.norm.running_var"]
    gain, bias = state[f"{key}.norm.weight"], state[f"{key}.norm.bias"]
    return F.relu(F.batch_norm(x, mean, var, gain, bias, eps=1e-3))


def separable(state: State, key: str, x: Tensor, stride: int = 1) -> Tensor:
    return conv_norm(state, f"{key}.1", conv_norm(state, f"{key}.0", x, stride), stride)


def mixed(state: State, key: str, x: Tensor) -> Tensor:
    b0 = conv_norm(state, f"{key}.branches.0", x)
    b1 = conv_norm(state, f"{key}.branches.1.0", x)
    b2 = conv_norm(state, f"{key}.branches.2.0", x)
    b3 = conv_norm(state, f"{key}.branches.3.1", F.max_pool3d(x, 3, 1, 1))
    b1 = separable(state, f"{key}.branches.1.1", b1)
    b2 = separable(state, f"{key}.branches.2.1", b2)
    return torch.cat([b0, b1, b2, b3], 1)


def published(state: State, x: Tensor) -> list[Tensor]:
    x = separable(state, "stages.0.0", x, stride=2)
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    x = conv_norm(state, "stages.0.2", x)
    x3 = separable(state, "stages.0.3", x)
    x = F.max_pool3d(x3, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for block in (1, 2):
        x = mixed(state, f"stages.1.{block}", x)
    x2 = x
    x = F.max_pool3d(x2, 3, 2, 1)
    for block in (1, 2, 3, 4, 5):
        x = mixed(state, f"stages.2.{block}", x)
    x1 = x
    x = F.max_pool3d(x1, 2, 2)
    for block in (1, 2):
        x = mixed(state, f"stages.3.{block}", x)
    return [x3, x2, x1, x]


@pytest.mark.parametrize("length", [8, 16])
def test_stages_equal_the_published_network(length: int) -> None:
    torch.manual_seed(1)
    network = S3D(width=0.1).eval()
    for name, tensor in network.state_dict().items():
        if "norm" in name and tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    frames = torch.randn(2, 3, length, 32, 64)
    with torch.no_grad():
        ours, theirs = network(frames), published(network.state_dict(), frames)
    for stage, (mine, plain) in enumerate(zip(ours, theirs, strict=True)):
        torch.testing.assert_close(mine, plain, msg=f"stage {stage + 1}", rtol=1e-4, atol=1e-5)


def test_full_width_has_the_published_parameters_and_shapes() -> None:
    with torch.device("meta"):
        network = S3D()
        features = network(torch.empty(1, 3, 32, 224, 384))
    assert sum(p.numel() for p in network.parameters()) == 7_910_048
    assert [tuple(x.shape[1:]) for x in features] == [
        (192, 16, 56, 96), (480, 16, 28, 48), (832, 8, 14, 24), (1024, 4, 7, 12),
    ]  # fmt: skip


def test_momentum_reaches_every_normalisation() -> None:
    modules = S3D(width=0.1, momentum=0.03).modules()
    norms = [module for module in modules if isinstance(module, nn.BatchNorm3d)]
    assert len(norms) == 77
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.03)}


def test_checkpointing_changes_neither_gradients_nor_statistics() -> None:
    frames = torch.randn(1, 3, 8, 64, 64)
    results = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = S3D(width=0.1)
        network.checkpointing = checkpointing
        total = torch.stack([x.square().mean() for x in network(frames)]).sum()
        gradients = torch.autograd.grad(total, list(network.parameters()))
        gradient = torch.cat([each.flatten() for each in gradients])
        statistics = {k: v for k, v in network.state_dict().items() if "running" in k}
        results.append((gradient, statistics))
        assert {m.momentum for m in network.modules() if hasattr(m, "momentum")} == {0.1}
    (plain, before), (recomputed, after) = results
    torch.testing.assert_close(recomputed, plain)
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, msg=name)
