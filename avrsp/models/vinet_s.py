"""ViNet-S: ViNet with grouped convolutions in its decoder.

Girmaji, Jain, Beri, Bansal and Gandhi, "Minimalistic Video Saliency Prediction via Efficient
Decoder & Spatio Temporal Action Cues", ICASSP 2025. Written from a description of the published
network (github.com/ViNet-Saliency/vinet_v2) and equal to it to rounding; tensors have the
published names, but for S3D's. 9,500,737 parameters.
The original's code and weights are CC BY-NC-SA 4.0: imported weights are for non-commercial use.
"""

from __future__ import annotations

from typing import Final

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from avrsp.metrics import cc, kl
from avrsp.models.encoders import s3d_encoder
from avrsp.models.recipe import GroundTruth, MethodRecipe
from avrsp.models.registry import Cost, ModelSpec, PublishedWeights, Variant, WindowSize
from avrsp.models.vinet import visual
from avrsp.models.vinet.visual import LENGTH, MULTIPLE, SIZE, ViNet, ViNetDecoder, visual_key
from avrsp.types import InputSpec

GROUPS: Final = 32
"""Of the decoder's first convolution: 32, 16, 8, 4, 2, 1, 1."""
PUBLISHED: Final = WindowSize(LENGTH, *SIZE)


class Settings(BaseModel):
    """Which ViNet-S this is; the defaults are the published network.

    Attributes:
        width: Multiplier of every channel count.
        momentum: Of batch normalisation in S3D.
        aligned: Whether up-sampling aligns corners. The released training script does and both
            inference scripts do not; which way the published weights were trained is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: float = Field(default=1.0, gt=0)
    momentum: float = Field(default=0.001, gt=0, lt=1)
    aligned: bool = False


class ViNetS(ViNet):
    """ViNet with another decoder; it takes no sound."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(visual.Settings(width=settings.width, momentum=settings.momentum))
        self.decoder = ViNetDecoder(
            self.backbone.channels,
            width=settings.width,
            groups=GROUPS,
            aligned=settings.aligned,
        )


def window(settings: Settings, size: WindowSize | None) -> InputSpec:
    """Return the input: 32 frames, of which the map is for the last, and copies of the first frame.

    Those stand before a video's beginning.

    Raises:
        ParamsError: The height or the width is no multiple of 32.
    """
    _, height, width = (size or PUBLISHED).checked("vinet-s", MULTIPLE)
    return InputSpec(LENGTH, height, width, audio=False, start="repeated", resize="bilinear")


def loss(maps: Tensor, truth: GroundTruth) -> Tensor:
    """Return the batch's mean Kullback-Leibler divergence less its mean linear correlation."""
    terms = kl(maps, truth.density) - cc(maps, truth.density)
    return terms.mean().to(torch.promote_types(maps.dtype, torch.float32))


PAPER: Final = {
    "epochs": 120,
    "clips_per_video": 1,
    "accumulate": 1,
    "lr": 1e-4,
    "decay": "constant",
    "flip": False,
}

SHORTER: Final = {
    "epochs": 10,
    "validation_clips": 1,
    "batch": 4,
    "lr": 1e-3,  # ten times the authors', and falling, because so few steps are made
    "decay": "cosine",
}

ENTRY: Final = ModelSpec(
    name="vinet-s",
    title="ViNet-S",
    citation="Girmaji, Jain, Beri, Bansal, Gandhi: Minimalistic Video Saliency Prediction via "
    "Efficient Decoder & Spatio Temporal Action Cues, ICASSP 2025",
    licence="CC BY-NC-SA 4.0",
    weights_licence="CC BY-NC-SA 4.0, non-commercial",
    settings=Settings,
    window=window,
    build=ViNetS,
    recipe=MethodRecipe(
        loss=loss,
        whole_windows=True,
        optimiser="adam",
        weight_decay=0.0,
        # the authors fine-tune on each audio-visual set by itself, here on all together
        paper={"pretrain": {**PAPER, "batch": 8}, "finetune": {**PAPER, "batch": 2}},
        sample={**PAPER, **SHORTER},
        start="S3D of Kinetics-400; on the audio-visual sets ViNet-S of DHF1K",
    ),
    variants={
        "v": Variant(published_key=visual_key, cost=Cost(9_500_737, 69_357_625_344, 33_379_368_960))
    },
    checkpoints=tuple(
        PublishedWeights(
            file=f"{each}_vinet_s_rootgrouped_32_bs8_kld_cc.pt",
            learnt_from=("dhf1k",) if each == "dhf1k" else ("dhf1k", each),
            place="Google Drive folder 12UeAsdiD2xPLmoLRDcE_HjAUjxFdmw5N, from the page of "
            "github.com/ViNet-Saliency/vinet_v2",
            licence="CC BY-NC-SA 4.0, non-commercial",
        )
        for each in ("dhf1k", "diem", "coutrot1", "coutrot2", "avad", "etmd", "summe")
    ),
    encoders=(s3d_encoder("backbone"),),
    engine="reuse",
    tiny={"width": 0.05},
)
