"""How published checkpoints name the tensors of S3D and SoundNet: our name to theirs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Rules = tuple[tuple[str, str], ...]

FIRST_CHILD: Final = (0, 4, 7, 13)
"""Index of each stage's first layer among the 16 that both S3D files count."""

KYLEMIN: Final[Rules] = (
    (r"(^|branches\.\d\.1\.)0\.conv\.", r"\1conv_s."),
    (r"(^|branches\.\d\.1\.)0\.norm\.", r"\1bn_s."),
    (r"(^|branches\.[12]\.1\.)1\.conv\.", r"\1conv_t."),
    (r"(^|branches\.[12]\.1\.)1\.norm\.", r"\1bn_t."),
    (r"^branches\.0\.", "branch0.0."),
    (r"^branches\.", "branch"),
    (r"\bnorm\.", "bn."),
)
TORCHVISION: Final[Rules] = (
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


def arrays(key: str) -> str:
    """Name a SoundNet tensor as sound8.npy of SoundNet-tensorflow does, with a slash."""
    layer, rest = _soundnet(key)
    return f"conv{layer}/{SOUNDNET_LEAVES.get(rest, rest)}"


Naming = Callable[[str], str]


def _s3d(root: str, rules: Rules, key: str) -> str:
    _, stage, layer, rest = key.split(".", maxsplit=3)
    for pattern, replacement in rules:
        rest = re.sub(pattern, replacement, rest)
    return f"{root}.{FIRST_CHILD[int(stage)] + int(layer)}.{rest}"


def _soundnet(key: str) -> tuple[int, str]:
    _, layer, rest = key.split(".", maxsplit=2)
    return int(layer) + 1, rest
