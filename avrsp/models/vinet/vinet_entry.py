"""ViNet's entry in the registry: one network without sound and three with it."""

from __future__ import annotations

from typing import Final

from avrsp.models.encoders import s3d_encoder, soundnet_encoder
from avrsp.models.recipe import MethodRecipe
from avrsp.models.registry import Cost, ModelSpec, PublishedWeights, Variant, WindowSize
from avrsp.models.vinet.audiovisual import UNUSED, audio_visual_key, build
from avrsp.models.vinet.visual import Settings, VariantName, loss, visual_key
from avrsp.types import InputSpec


def window(settings: Settings, size: WindowSize | None) -> InputSpec:
    """Return the input, whose size stands in the settings.

    The map is for the last of T consecutive frames. Before the first whole window it is predicted
    from the window that starts at its frame, played backwards with its sound; where a short video
    ends, windows turn round (the original refuses videos of fewer than 63 frames).
    """
    height, width = settings.size
    audio = settings.variant != "v"
    return InputSpec(settings.length, height, width, audio=audio, resize="bilinear")


PAPER: Final = {
    "epochs": 40,
    "clips_per_video": 1,
    "batch": 8,
    "accumulate": 1,
    "lr": 1e-4,
    "decay": "constant",
    "flip": False,
}

SHORTER: Final = {
    "epochs": 8,
    "clips_per_video": 2,
    "validation_clips": 2,
    "lr": 1e-3,  # ten times the authors', and falling, because so few steps are made
    "decay": "cosine",
}
COSTS: Final[dict[VariantName, Cost]] = {
    "v": Cost(31_099_585, 114_658_983_936, 78_680_727_552),
    "av-bilinear": Cost(34_016_577, 114_753_995_776, 78_775_739_392),
    "av-bilinear-transformer": Cost(36_125_377, 114_843_108_352, 78_864_851_968),
    "av-concat-transformer": Cost(39_757_457, 116_884_369_408, 80_906_113_024),
}

ENTRY: Final = ModelSpec(
    name="vinet",
    title="ViNet",
    citation="Jain, Yarlagadda, Jyoti, Karthik, Subramanian, Gandhi: ViNet: Pushing the limits of "
    "Visual Modality for Audio-Visual Saliency Prediction, IROS 2021",
    licence="MIT",
    weights_licence="MIT",
    settings=Settings,
    window=window,
    build=build,
    without_sound={"variant": "v"},
    with_sound={"variant": "av-bilinear"},
    recipe=MethodRecipe(
        loss=loss,
        whole_windows=True,
        optimiser="adam",
        weight_decay=0.0,
        paper={"pretrain": PAPER, "finetune": PAPER},
        sample={**PAPER, **SHORTER},
        start="S3D of Kinetics-400, and SoundNet-8; with sound the network without it, of DHF1K",
    ),
    variants={
        "v": Variant({"variant": "v"}, visual_key, cost=COSTS["v"]),
        **{
            name: Variant({"variant": name}, audio_visual_key, shapes.copy, COSTS[name])
            for name, shapes in UNUSED.items()
        },
    },
    checkpoints=(
        PublishedWeights(
            file="ViNet_DHF1K.pt",
            learnt_from=("dhf1k",),
            place="the links of github.com/samyak0210/ViNet, dead since 2022; a user's copy, "
            "mega.nz file B1pFWKxT, in its issue 41",
            licence="MIT",
        ),
        PublishedWeights(
            file="ViNet_Dave.pt",
            learnt_from=("ave",),
            place="the project GASP of the University of Hamburg",
            licence="not stated for the file; the code of GASP and of ViNet is MIT",
        ),
        PublishedWeights(
            file="AViNet_Dave.pt",
            learnt_from=("ave",),
            place="the project GASP of the University of Hamburg",
            licence="not stated for the file; the code of GASP and of ViNet is MIT",
            variant="av-bilinear",
        ),
    ),
    encoders=(s3d_encoder("backbone"), soundnet_encoder("audionet")),
    engine="reuse",
    tiny={"length": 8, "width": 0.125, "size": (64, 64)},
)
