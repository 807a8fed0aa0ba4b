"""How checkpoints of networks with an S3D trunk name its tensors: our name to theirs."""

from __future__ import annotations

from typing import Final

from avrsp.models.weights import kylemin

OFFSETS: Final = (0, 5, 8, 14)
"""Index, in S3D's own checkpoint, of the layer that each of base1 to base4 counts from.

The max pools at 4, 7 and 13 stand between the bases and hold no tensors.
"""


def based(key: str) -> str:
    """Name an S3D tensor as ViNet, ViNet-S and TASED-Net do.

    `stages.1.2.branches.0.conv.weight` is their `base2.1.branch0.0.conv.weight`.
    """
    stage = int(key.split(".", maxsplit=2)[1])
    _, layer, rest = kylemin(key).split(".", maxsplit=2)
    return f"base{stage + 1}.{int(layer) - OFFSETS[stage]}.{rest}"
