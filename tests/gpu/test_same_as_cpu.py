"""A GPU computes what the CPU does: maps, updates, reuse, one of several processes, bf16."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from avrsp import models
from avrsp.compute import at_precision
from avrsp.params import ComputeParams, Precision
from avrsp.prediction.engine import Request, engine
from avrsp.prediction.speed import Speed
from avrsp.prediction.window_by_window import predict_maps
from avrsp.train.phase import placed
from avrsp.train.state import Training, on
from tests.models.test_contract import KINDS, clips, made
from tests.train import small

pytestmark = pytest.mark.gpu

REUSING = [(name, audio) for name, audio in KINDS if models.spec(name).engine == "reuse"]


@pytest.mark.parametrize(("name", "audio"), KINDS)
def test_maps_are_those_of_the_cpu(name: str, audio: bool, device: torch.device) -> None:
    model, spec, _, _ = made(name, audio=audio)
    frames, sound = clips(spec, 2)
    with torch.inference_mode():
        expected = model.eval()(frames, sound)
        found = model.to(device)(frames.to(device), sound.to(device))
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "audio"), REUSING)
def test_reuse_equals_the_window_loop(name: str, audio: bool, device: torch.device) -> None:
    model, spec, _, entry = made(name, audio=audio)
    model = model.eval().to(device)
    frames, sound = clips(replace(spec, length=spec.length + 9), 1)
    video, waveform = frames[0].permute(1, 2, 3, 0).numpy(), sound[0, 0].numpy()
    fast = engine(model, spec, Speed(device, "float32", 4), entry.engine)
    found = [*fast.maps(video, Request(waveform, 25.0))]
    plain = predict_maps(
        at_precision(model, device, "float32"), video,
        count=len(video), waveform=waveform, fps=25.0, spec=spec, batch=4, device=device,
    )  # fmt: skip
    for ours, expected in zip(found, plain, strict=True):
        torch.testing.assert_close(
            torch.from_numpy(ours), torch.from_numpy(expected), rtol=0, atol=1e-4
        )


def training(device: torch.device, precision: Precision = "float32") -> Training:
    compute = ComputeParams(
        device="cuda" if device.type == "cuda" else "cpu", precision=precision,
        compile=False, checkpointing=False, windows=4,
    )  # fmt: skip
    recipe = replace(small.recipe(), precision=precision)
    return Training(placed(small.Frozen(), compute), recipe)


def test_an_update_is_that_of_the_cpu(device: torch.device) -> None:
    ours, theirs = training(device), training(torch.device("cpu"))
    start = {name: tensor.clone() for name, tensor in theirs.model.state_dict().items()}
    for each in (ours, theirs):
        each.update([small.batch_of(2, 0)])
    moved = 0.0
    for name, expected in theirs.model.state_dict().items():
        found = ours.model.state_dict()[name].cpu()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4, msg=name)
        moved = max(moved, float((expected.float() - start[name].float()).abs().max()))
    assert moved > 1e-3  # the learning rate: AdamW's first step


def test_bf16_learns_as_float32_does(device: torch.device) -> None:
    if device.type == "cpu":
        pytest.skip("bf16 is refused for training on a CPU")
    losses = {}
    for precision in ("float32", "bf16"):
        each = training(device, precision)
        for step in range(20):
            each.update([small.batch_of(2, step % 2)])
        losses[precision] = each.at.loss / each.at.clips
    assert losses["bf16"] == pytest.approx(losses["float32"], rel=0.05)


@pytest.fixture
def group(device: torch.device, tmp_path: Path) -> Iterator[None]:
    """A group of this one process, with NCCL on a GPU."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_sharing_and_synchronised_batch_norm_change_no_gradient(device: torch.device) -> None:
    batch = small.batch_of(2, 0)
    clip = on(device, batch.sample.clip)
    gradients = []
    for shared in (False, True):
        model = small.network().to(device).train()
        called: nn.Module = model
        if shared:
            if device.type == "cuda":  # on a CPU it does not run
                model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
            called = DistributedDataParallel(model, [device] if device.type == "cuda" else None)
        called(*clip).square().mean().backward()
        found = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        gradients.append(torch.cat(found).cpu())
    alone, together = gradients
    assert (together - alone).norm() < 1e-3 * alone.norm()
