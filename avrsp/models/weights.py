"""Published weights of encoders, converted once to safetensors; files of tensors, read safely."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - what torch.load raises, nothing is unpickled
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as parsed
from safetensors.torch import save_file
from torch import Tensor, nn

from avrsp.errors import WeightsError
from avrsp.files import replacing, sha256, write_json
from avrsp.models.layers.mobilenet import MobileNetV2
from avrsp.models.layers.resnet3d import ResNet3D
from avrsp.models.layers.s3d import S3D
from avrsp.models.layers.soundnet import SoundNet

RenamingRules = tuple[tuple[str, str], ...]

FIRST_CHILD: Final = (0, 4, 7, 13)
"""Index of each stage's first layer among the 16 that both S3D files count."""

KYLEMIN: Final[RenamingRules] = (
    (r"(^|branches\.\d\.1\.)0\.conv\.", r"\1conv_s."),
    (r"(^|branches\.\d\.1\.)0\.norm\.", r"\1bn_s."),
    (r"(^|branches\.[12]\.1\.)1\.conv\.", r"\1conv_t."),
    (r"(^|branches\.[12]\.1\.)1\.norm\.", r"\1bn_t."),
    (r"^branches\.0\.", "branch0.0."),
    (r"^branches\.", "branch"),
    (r"\bnorm\.", "bn."),
)
FIRST_BLOCK: Final = {"0": "0.0", "1": "0.1", "3": "1", "4": "2"}
OTHER_BLOCKS: Final = {"0": "0.0", "1": "0.1", "3": "1.0", "4": "1.1", "6": "2", "7": "3"}
"""Layers of MobileNetV2's blocks as torchvision counts them; the first does not expand."""
TORCHVISION: Final[RenamingRules] = (
    (r"\bconv\.", "0."),
    (r"\bnorm\.", "1."),
    (r"^branches\.", "branch"),
)
SOUNDNET_LEAVES: Final = {
    "0.weight": "weights",
    "0.bias": "biases",
    "1.weight": "gamma",
    "1.bias": "beta",
    "1.running_mean": "mean",
    "1.running_var": "var",
}
"""The seven layers' arrays in sound8.npy; BN's step counter is not among them."""
PLACES: Final = (0, 4, 8, 11, 14, 18, 21)
"""Numbers of SoundNet's convolutions where it is one sequence; each normalisation follows one."""


def kylemin(key: str) -> str:
    """Name an S3D tensor as github.com/kylemin/S3D does."""
    return _s3d("base", KYLEMIN, key)


def torchvision(key: str) -> str:
    """Name an S3D tensor as `torchvision.models.video.s3d` does."""
    return _s3d("features", TORCHVISION, key)


def numbered(key: str) -> str:
    """Name a SoundNet tensor as smallflyingpig/SoundNet_Pytorch does: convK.0, convK.1."""
    layer, rest = _soundnet(key)
    return f"conv{layer}.{rest}"


def lettered(key: str) -> str:
    """Name a SoundNet tensor as keunhong/pytorch-soundnet does: convK, batchnormK."""
    layer, rest = _soundnet(key)
    part, leaf = rest.split(".")
    return f"{('conv', 'batchnorm')[int(part)]}{layer}.{leaf}"


def sequential(key: str) -> str:
    """Name a SoundNet tensor as STAViS does: soundnet8.N, one sequence of all steps."""
    layer, rest = _soundnet(key)
    part, leaf = rest.split(".")
    return f"soundnet8.{PLACES[layer - 1] + int(part)}.{leaf}"


def mobilenet_torchvision(key: str) -> str:
    """Name a MobileNetV2 tensor as `torchvision.models.mobilenet_v2` does."""
    block, _, rest = key.partition(".conv.")
    if not rest:
        return key
    number, leaf = rest.split(".")
    places = FIRST_BLOCK if block == "features.1" else OTHER_BLOCKS
    return f"{block}.conv.{places[number]}.{leaf}"


def arrays(key: str) -> str:
    """Name a SoundNet tensor as sound8.npy of SoundNet-tensorflow does, with a slash."""
    layer, rest = _soundnet(key)
    return f"conv{layer}/{SOUNDNET_LEAVES.get(rest, rest)}"


Naming = Callable[[str], str]


def _s3d(root: str, rules: RenamingRules, key: str) -> str:
    _, stage, layer, rest = key.split(".", maxsplit=3)
    for pattern, replacement in rules:
        rest = re.sub(pattern, replacement, rest)
    return f"{root}.{FIRST_CHILD[int(stage)] + int(layer)}.{rest}"


def _soundnet(key: str) -> tuple[int, str]:
    _, layer, rest = key.split(".", maxsplit=2)
    return int(layer) + 1, rest


READER: Final = Path(__file__).with_name("unpickle.py")
PATIENCE: Final = 120
"""Seconds that the reader may take."""


def read_pickled_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a nested dict, their names joined by slashes.

    Raises:
        WeightsError: The file holds anything but a dict of numeric arrays.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "arrays.npz")
        command = [sys.executable, "-I", str(READER), str(path.resolve()), str(target)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={"OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _refusal(path, f"its reading took over {PATIENCE} s") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"its reader ended in {done.returncode}"]
            raise _refusal(path, lines[-1])
        with np.load(target, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _refusal(path: Path, found: str) -> WeightsError:
    return WeightsError(
        f"{path.name}: refused, {found}; expected a pickled dict of NumPy arrays and nothing else. "
        "Use a PyTorch file of the same weights (soundnet8-pytorch), or one from another source"
    )


TensorsByName = dict[str, Tensor]

COUNTER: Final = "num_batches_tracked"
KERNEL_AXES: Final = 4
NAMED: Final = 3
"""Tensors that an error names before it only counts."""


IMPORT_AGAIN: Final = "make both again with `avrsp import-weights`"
READ_ERRORS: Final = (
    *(UnpicklingError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error),
    *(struct.error, LookupError, TypeError, AttributeError, OverflowError, AssertionError),
)
"""What readers of archives and pickles raise for files that are not what they seem."""


def read_torch(path: Path) -> TensorsByName:
    """Return the tensors of a PyTorch checkpoint, read with `weights_only=True`.

    Raises:
        WeightsError: It is not a checkpoint, or holds more than tensors.
    """
    _check_zip(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - here
    except READ_ERRORS as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"{path.name}: refused, {reason}; expected a PyTorch file of tensors and nothing else. "
            "Download it again, or take another source"
        ) from None
    return _tensors(path, content)


def read_arrays(path: Path) -> TensorsByName:
    """Return sound8.npy's arrays as tensors; kernels (time, 1, in, out) become (out, in, time, 1).

    Raises:
        WeightsError: It holds anything but a dict of numeric arrays.
    """
    tensors = {
        name: torch.from_numpy(array).float() for name, array in read_pickled_arrays(path).items()
    }
    return {
        name: tensor.permute(3, 2, 0, 1) if tensor.ndim == KERNEL_AXES else tensor
        for name, tensor in tensors.items()
    }


def _check_zip(path: Path) -> None:
    """Refuse an archive of tensors of which one is not what was written; PyTorch does not look."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except READ_ERRORS as error:
        damaged = str(error) or type(error).__name__
    if damaged is not None:
        raise WeightsError(f"{path.name}: damaged ({damaged}); download it again")


@dataclass(frozen=True, slots=True)
class EncoderFormat:
    """One published format: how it is read, whose weights it holds, how it names them, its head."""

    read: Callable[[Path], TensorsByName]
    encoder: Callable[[], nn.Module]
    namings: tuple[Naming, ...]
    heads: tuple[str, ...]


ENCODER_FORMATS: Final[Mapping[str, EncoderFormat]] = {
    "s3d-kylemin": EncoderFormat(read_torch, S3D, (kylemin,), ("fc.",)),
    "s3d-torchvision": EncoderFormat(read_torch, S3D, (torchvision,), ("classifier.",)),
    "soundnet8-pytorch": EncoderFormat(read_torch, SoundNet, (numbered, lettered), ("conv8",)),
    "soundnet8-npy": EncoderFormat(read_arrays, SoundNet, (arrays,), ("conv8",)),
    "soundnet8-stavis": EncoderFormat(read_torch, SoundNet, (sequential,), ()),
    "resnet3d-kenshohara": EncoderFormat(read_torch, ResNet3D, (str,), ("layer4.", "fc.")),
    "mobilenet-tonylins": EncoderFormat(read_torch, MobileNetV2, (str,), ("classifier.",)),
    "mobilenet-torchvision": EncoderFormat(
        read_torch, MobileNetV2, (mobilenet_torchvision,), ("classifier.",)
    ),
}


def convert_encoder(name: str, path: Path, folder: Path) -> tuple[Path, str | None]:
    """Convert `path`, of the format `name`, to `folder/<name>.safetensors`, its record beside it.

    The record, `<name>.json`, holds the source's SHA-256, the key map and what was left out.

    Returns:
        The new file, and a warning where the weights look damaged.

    Raises:
        WeightsError: A tensor is missing, extra or misshapen, or the file is not safe to read.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; download the weights and name that file")
    source = ENCODER_FORMATS[name]
    found = source.read(path)
    with torch.device("meta"):
        expected = source.encoder().state_dict()
    heads = [key for key in found if key.startswith(source.heads)]
    body = {key: tensor for key, tensor in found.items() if key not in heads}
    keys = _key_map(expected, body, source.namings)
    state = under_our_names(path.name, expected, body, keys)
    warning = _lost_statistics(path.name, state)
    target = folder / f"{name}.safetensors"
    with replacing(target) as temporary:
        save_file(state, temporary)
    record = {"format": name, "source": path.name, "source_sha256": sha256(path), "keys": keys}
    write_json(
        target.with_suffix(".json"),
        {**record, "sha256": sha256(target), "left_out": sorted(heads), "warning": warning},
    )
    return target, warning


def load_into(module: nn.Module, path: Path) -> None:
    """Load a safetensors file into `module`; every tensor must be there, fit, and be used.

    Raises:
        WeightsError: The file cannot be read, is not what the record beside it says, or a tensor is
            missing, extra or misshapen.
    """
    try:
        content = path.read_bytes()
        _check_record(path, content)
        state = parsed(content)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path}: {error}; expected converted weights, make them with `avrsp import-weights`"
        ) from None
    expected = module.state_dict()
    module.load_state_dict(
        under_our_names(path.name, expected, state, {key: key for key in expected})
    )


def _check_record(path: Path, content: bytes) -> None:
    record, found = path.with_suffix(".json"), hashlib.sha256(content).hexdigest()
    try:
        expected = json.loads(record.read_text())["sha256"] if record.is_file() else found
    except (ValueError, LookupError, TypeError) as error:
        raise WeightsError(f"{record}: damaged ({error}); {IMPORT_AGAIN}") from None
    if expected != found:
        raise WeightsError(
            f"{path}: damaged, its SHA-256 is not that in {record.name}; {IMPORT_AGAIN}"
        )


def _tensors(path: Path, content: Any) -> TensorsByName:  # noqa: ANN401 - a foreign file
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(x, Tensor) for x in content.values()):
        raise WeightsError(f"{path.name}: found no state dict; expected names with tensors")
    return {str(key).removeprefix("module."): tensor for key, tensor in content.items()}


def _key_map(
    expected: Iterable[str], found: TensorsByName, namings: tuple[Naming, ...]
) -> dict[str, str]:
    maps = [{key: named(key) for key in expected} for named in namings]
    return max(maps, key=lambda keys: len(found.keys() & set(keys.values())))


def under_our_names(
    name: str, expected: TensorsByName, found: TensorsByName, keys: Mapping[str, str]
) -> TensorsByName:
    """Return the tensors of a file under our names.

    Args:
        name: The file's.
        expected: Our names, and tensors of the right shape.
        found: The file's tensors.
        keys: From our names to the file's.

    Raises:
        WeightsError: A tensor is missing, extra, misshapen or not finite; names them.
    """
    state: TensorsByName = {}
    missing, misshapen, broken = list[str](), list[str](), list[str]()
    for key, wanted in expected.items():
        tensor = found.get(keys[key])
        if tensor is None and key.endswith(COUNTER):
            tensor = torch.zeros(wanted.shape, dtype=wanted.dtype)
        if tensor is None:
            missing.append(keys[key])
            continue
        # SoundNet's ports keep a second axis of size one in each kernel.
        tensor = tensor.squeeze(2, 3) if tensor.ndim == wanted.ndim + 1 else tensor
        if tensor.shape != wanted.shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(wanted.shape)}"
            misshapen.append(f"{keys[key]}: {shapes}")
        elif not tensor.isfinite().all():
            broken.append(keys[key])
        state[key] = tensor.to(wanted.dtype).contiguous()
    extra = sorted(set(found) - set(keys.values()))
    kinds = {"missing": missing, "extra": extra, "misshapen": misshapen, "not finite": broken}
    faults = [f"{kind} {_listed(names)}" for kind, names in kinds.items() if names]
    if faults:
        raise WeightsError(
            f"{name}: {'; '.join(faults)}. Expected exactly the network's tensors: choose the "
            "format, or the width, that the file was made for"
        )
    return state


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _lost_statistics(name: str, state: TensorsByName) -> str | None:
    means = [tensor for key, tensor in state.items() if key.endswith("running_mean")]
    variances = [tensor for key, tensor in state.items() if key.endswith("running_var")]
    if any(mean.any() for mean in means) or any((var != 1).any() for var in variances):
        return None
    return (
        f"{name}: all batch-norm statistics are the defaults 0 and 1. A widely used conversion "
        "(soundnet8_final.pth) lost them; prefer sound8.npy or a file made from it"
    )
