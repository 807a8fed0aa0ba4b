"""Reference weights for networks whose encoders' tensors have other names than published ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from tests.models.golden import Golden, normal, weights_sha256

Naming = Callable[[str], str]
Shapes = Mapping[str, tuple[int, ...]]


def assert_same_tensors(model: nn.Module, golden: Golden, named: Naming, unread: Shapes) -> None:
    """Check that `model` and what it leaves out have the published names and shapes, once each."""
    ours = [(named(key), _published(key, tensor)) for key, tensor in model.state_dict().items()]
    both = [*ours, *unread.items()]
    assert dict(both) == golden.shapes()
    assert len(both) == len(golden.shapes())


def fill(model: nn.Module, golden: Golden, named: Naming, unread: Shapes) -> None:
    """Give `model` the reference's weights and check their hash under the published names."""
    state, drawn = model.state_dict(), {}
    for key, tensor in state.items():
        if not any(re.search(pattern, key) for pattern in golden.meta["keep"]):
            like = torch.empty(_published(key, tensor), dtype=tensor.dtype)
            drawn[named(key)] = golden.weight(named(key), like)
            state[key] = drawn[named(key)].view(tensor.shape)
    left_out = {key: golden.weight(key, torch.empty(shape)) for key, shape in unread.items()}
    expected = {case["weights_sha256"] for case in golden.meta["cases"].values()}
    assert weights_sha256(drawn | left_out) in expected
    model.load_state_dict(state)
    model.eval()


def assert_gradients(model: nn.Module, output: Tensor, golden: Golden, named: Naming) -> None:
    """Check gradients' norms of the saliency weighted by its stream, one by one."""
    model.zero_grad(set_to_none=True)
    torch.autograd.backward((output * normal("grad:saliency", tuple(output.shape))).sum())
    found = {
        named(name): float(parameter.grad.norm())
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    expected = {name: norm for name, norm in golden.gradients().items() if norm is not None}
    assert found == pytest.approx(expected, rel=1e-4)


def _published(key: str, tensor: Tensor) -> tuple[int, ...]:
    """SoundNet's published kernels are those of convolutions in two dimensions, one of size 1."""
    kernel = "audionet." in key and tensor.ndim == 3
    return (*tensor.shape, 1) if kernel else tuple(tensor.shape)
