"""AVRSP, the network of the paper, as an entry of the registry."""

from __future__ import annotations

from typing import Final

from avrsp.errors import ParamsError
from avrsp.models.avrsp.network import AVRSP, COARSEST, LENGTHS, Settings
from avrsp.models.encoders import s3d_encoder, soundnet_encoder
from avrsp.models.registry import Cost, ModelSpec, Variant, WindowSize
from avrsp.types import InputSpec

PUBLISHED: Final = WindowSize(32, 224, 384)


def window(settings: Settings, size: WindowSize | None) -> InputSpec:
    """Return the input: windows that end at their frame, and run backwards where a video starts.

    Raises:
        ParamsError: The network cannot take windows of this size.
    """
    length, height, width = size or PUBLISHED
    if length not in LENGTHS or height % COARSEST or width % COARSEST:
        raise ParamsError(
            f"clip: found {length} x {height} x {width}, expected a length in {LENGTHS}, and a "
            f"height and a width that are multiples of {COARSEST}"
        )
    return InputSpec(length, height, width, audio=settings.listens)


ENTRY: Final = ModelSpec(
    name="avrsp",
    title="AVRSP",
    citation="Relevance-guided Audio Visual Fusion for Video Saliency Prediction",
    licence="MIT",
    settings=Settings,
    window=window,
    build=AVRSP,
    without_sound={"audio": False},
    with_sound={"audio": True},
    encoders=(s3d_encoder("encoder"), soundnet_encoder("listen.soundnet")),
    variants={
        "v": Variant({"audio": False}, cost=Cost(10_313_401, 80_657_114_112, 40_536_265_728)),
        "av": Variant({"audio": True}, cost=Cost(15_405_913, 81_275_071_488, 41_154_223_104)),
    },
    engine="reuse",
    tiny={"width": 0.05, "heads": 2, "blocks": 1},
)
