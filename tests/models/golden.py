"""Outputs of the compared methods' original code, and the means to compare networks with them.

Weights and inputs are not stored: numpy streams named after each tensor redraw them
(`Golden.weight`, `frames`, `normal`). Stored are outputs (`small.npz`, `native.npz`: of a float32
run, and of a float64 run under `__f64`; both are stored as float32), names and shapes of the
published tensors (`keys.tsv`), norms of gradients (`grads_small.tsv`), and hashes of what was drawn
(`meta.json`).
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avrsp.models.registry import Variant

REPOSITORY = Path(__file__).parents[2]
SMALL = REPOSITORY / "tests" / "golden" / "models"
SHARED = REPOSITORY.parent / "shared" / "goldens"
DOMAINS = {"tased": (0.5, 0.0), "stavis": (50.0, 10.0)}
"""Amplitude and offset of the frames drawn for a family of networks, where not 1 and 0."""


@dataclass(frozen=True)
class Golden:
    """The references of one network."""

    name: str
    folder: Path
    meta: dict[str, Any]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the published tensors' shapes by key."""
        rows = _rows(self.folder / "keys.tsv")
        return {row["key"]: _shape(row["shape"]) for row in rows}

    def outputs(self, case: str) -> dict[str, Tensor]:
        """Return the original's outputs that are stored for a case, float32 tensors by name."""
        with np.load(self.folder / f"{case}.npz") as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}

    def frames(self, case: str) -> Tensor:
        """Return the frames that the original was given, normalised, in its own order, float32."""
        described = self.meta["cases"][case]["inputs"]["frames"]
        shape, family = tuple(described["shape"]), self._family()
        if family == "unisal":  # drawn as B x 3 x T x H x W, given as B x T x 3 x H x W
            shape = (shape[0], shape[2], shape[1], *shape[3:])
        size = "x".join(map(str, shape[2:4] if family == "stavis" else shape[2:]))
        amplitude, offset = DOMAINS.get(family, (1.0, 0.0))
        drawn = frames(f"{family}.frames.{size}", shape) * amplitude + offset
        return _as_described(drawn.transpose(1, 2) if family == "unisal" else drawn, described)

    def sound(self, case: str) -> Tensor:
        """Return the sound that the original was given, in its own shape, float32."""
        described = self.meta["cases"][case]["inputs"]["sound"]
        shape = tuple(described["shape"])
        return _as_described(normal(f"input:{self._family()}.sound.{max(shape)}", shape), described)

    def noise(self, case: str, output: str) -> float:
        """Return how far the original's float32 output is from its float64 output at most."""
        return float(self.meta["cases"][case]["float32_vs_float64_max_abs"][output])

    def gradients(self) -> dict[str, float | None]:
        """Return each parameter's gradient norm in float64; None where none arrives."""
        rows = _rows(self.folder / "grads_small.tsv")
        norms = {row["parameter"]: row["gradient_norm_float64"] for row in rows}
        return {name: None if norm == "none" else float(norm) for name, norm in norms.items()}

    def fill(self, model: nn.Module, form: Variant) -> None:
        """Give `model` the reference's weights, whose hash is checked under the published names."""
        published = {
            key: self.weight(key, empty(key, shape))
            for key, shape in self.shapes().items()
            if not self._kept(key)
        }
        hashes = {case["weights_sha256"] for case in self.meta["cases"].values()}
        assert weights_sha256(published) in hashes
        state = {
            key: published.get(form.published_key(key), tensor).view(tensor.shape)
            for key, tensor in model.state_dict().items()
        }
        model.load_state_dict(state)
        model.eval()

    def weight(self, key: str, like: Tensor) -> Tensor:
        """Return the reference's tensor `key`, of the shape of `like`."""
        value = _drawn(key, like)
        for pattern, gain in self.meta["gains"]:
            if re.search(pattern, key):
                value = value * gain
                break
        for pattern, shift in self.meta["shifts"]:
            if re.search(pattern, key):
                value = value + shift
                break
        return torch.from_numpy(np.asarray(value)).to(like.dtype)

    def _family(self) -> str:
        first = self.name.split("_")[0]
        return "vinet" if first == "avinet" else first

    def _kept(self, key: str) -> bool:
        return any(re.search(pattern, key) for pattern in self.meta["keep"])


def small(name: str) -> Golden:
    """Return the references that lie in the repository (case `small`)."""
    return _golden(name, SMALL / name)


def native(name: str) -> Golden:
    """Return the references at the network's own size; skip the test where they are absent."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"no {SHARED / name}: the references at full size are not in the repository")
    return _golden(name, SHARED / name)


def assert_same_tensors(model: nn.Module, golden: Golden, form: Variant) -> None:
    """Check that `model` and what it leaves out have the published names and shapes, once each.

    Axes of size one do not count: some kernels have more of them in the published files.
    """
    ours = [(form.published_key(key), x.shape) for key, x in model.state_dict().items()]
    both, published = [*ours, *form.unused().items()], golden.shapes()
    assert len(both) == len(published)
    assert {key: _squeezed(each) for key, each in both} == {
        key: _squeezed(each) for key, each in published.items()
    }


def assert_same_maps(model: nn.Module, frames: Tensor, golden: Golden, form: Variant) -> None:
    """Compare the maps of the small input in both precisions, and the gradients' norms.

    The model, which has `from_normalised`, is of float64 afterwards.
    """
    from_normalised = cast("Callable[[Tensor], Tensor]", model.from_normalised)
    expected = golden.outputs("small")["saliency__f64"].double()
    with torch.no_grad():
        single = from_normalised(frames)
    assert (single - expected).abs().max() < 4 * golden.noise("small", "saliency")
    model.double()
    saliency = from_normalised(frames.double())
    assert (saliency - expected).abs().max() < 1e-6
    assert_gradients(model, {"saliency": saliency}, golden, form)


def assert_gradients(
    model: nn.Module, outputs: Mapping[str, Tensor], golden: Golden, form: Variant
) -> None:
    """Check the gradients' norms of the outputs' sum, weighted by the streams `grad:<output>`."""
    weighted = [
        (output * normal(f"grad:{name}", tuple(output.shape))).sum()
        for name, output in outputs.items()
    ]
    model.zero_grad(set_to_none=True)
    torch.autograd.backward(torch.stack(weighted).sum())
    expected = golden.gradients()
    found = {
        form.published_key(name): None if parameter.grad is None else float(parameter.grad.norm())
        for name, parameter in model.named_parameters()
    }
    assert _touched(found) == _touched(expected)
    largest = max(norm for norm in expected.values() if norm is not None)
    for name, norm in expected.items():
        if norm is not None:  # norms that are zero but for rounding are compared with the largest
            assert found[name] == pytest.approx(norm, rel=1e-4, abs=1e-12 * largest), name


def weights_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return the hash of tensors in the order of their keys: each key, then its raw bytes."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode())
        digest.update(tensors[key].cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def stream(name: str) -> np.random.Generator:
    """Return the random stream of a name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(seed))


def normal(name: str, shape: tuple[int, ...]) -> Tensor:
    """Return standard normal values of the stream `name`, float64."""
    return torch.from_numpy(stream(name).standard_normal(shape))


def frames(name: str, shape: tuple[int, ...]) -> Tensor:
    """Return blocks of 4 x 16 x 16 with noise on top, of the stream `input:<name>`, float64."""
    blocks = (4, 16, 16)
    draw = stream(f"input:{name}")
    *lead, time, height, width = shape
    counts = (-(-size // block) for size, block in zip(shape[-3:], blocks, strict=True))
    coarse = draw.standard_normal((*lead, *counts))
    for axis, block in zip((-3, -2, -1), blocks, strict=True):
        coarse = coarse.repeat(block, axis=axis)
    return torch.from_numpy(coarse[..., :time, :height, :width] + 0.5 * draw.standard_normal(shape))


def loss_inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Return logits, true maps (float32) and fixations (bool) of `losses.json`, 2 x 40 x 56."""
    logits = frames("loss.pred", (2, 1, 40, 56))[:, 0].float()
    true = frames("loss.true", (2, 1, 40, 56))[:, 0].float().exp()
    fixated = torch.from_numpy(stream("input:loss.fix").uniform(size=(2, 40, 56)) < 0.02)
    return logits, true / true.amax((1, 2), keepdim=True), fixated


def loss_values() -> dict[str, Any]:
    """Return the originals' loss values by name."""
    values: dict[str, Any] = json.loads((SMALL / "losses.json").read_text())["values"]
    return values


def empty(key: str, shape: tuple[int, ...]) -> Tensor:
    """Return a published tensor before it is filled."""
    counter = key.endswith("num_batches_tracked")
    return torch.empty(shape, dtype=torch.int64 if counter else torch.float32)


def _golden(name: str, folder: Path) -> Golden:
    return Golden(name, folder, json.loads((folder / "meta.json").read_text()))


def _drawn(key: str, like: Tensor) -> NDArray[Any]:
    draw, shape = stream(key), tuple(like.shape)
    if not like.is_floating_point():
        return np.zeros(shape)
    if key.endswith("running_mean"):
        return 0.1 * draw.standard_normal(shape)
    if key.endswith("running_var") or (len(shape) < 2 and not key.endswith("bias")):
        return draw.uniform(0.5, 1.5, shape)
    if len(shape) < 2:
        return 0.1 * draw.standard_normal(shape)
    return math.sqrt(2 / math.prod(shape[1:])) * draw.standard_normal(shape)


def _as_described(drawn: Tensor, described: Mapping[str, Any]) -> Tensor:
    tensor = drawn.float().contiguous()
    assert hashlib.sha256(tensor.numpy().tobytes()).hexdigest() == described["sha256"]
    return tensor


def _touched(norms: Mapping[str, float | None]) -> set[str]:
    return {name for name, norm in norms.items() if norm is not None}


def _squeezed(shape: Iterable[int]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _rows(file: Path) -> list[dict[str, str]]:
    lines: Iterable[str] = file.read_text().splitlines()
    return list(csv.DictReader(lines, delimiter="\t"))


def _shape(text: str) -> tuple[int, ...]:
    return () if text == "scalar" else tuple(int(size) for size in text.split("x"))
